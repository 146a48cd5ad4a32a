"""examples/orders on whichever queue: who takes its webhook, and what has to come of its orders."""

import http.server
import json
import os
import shutil
import threading

from rbit_suite import SOURCE_DIR, free_port, wait_until


class Receiver:
    """Takes webhooks on 127.0.0.1:`port`; `reports` are those that came, in their order."""

    def __init__(self):
        self.reports = []
        self.port = free_port()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.reports.append(json.loads(body))
                handler.send_response(204)
                handler.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class OrdersExample:
    """For a Suite: the example in the test's directory, and the story of three orders. Queue names
    end with `suffix`; `amqp` is the section [amqp]."""

    def take_example(self, amqp="url = local:", suffix=""):
        example = os.path.join(SOURCE_DIR, "examples", "orders")
        shutil.copytree(example, self.directory, dirs_exist_ok=True)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.orders, self.invoices = "orders" + suffix, "invoices" + suffix
        text = self.read("rbit.ini")
        for old, new in (("orders:order\n", self.orders + ":order\n"),
                         ("invoices:invoice\n", self.invoices + ":invoice\n"),
                         ("may-publish = :invoices", "may-publish = :" + self.invoices),
                         ("url = local:", amqp),
                         ("127.0.0.1:8123", f"127.0.0.1:{self.receiver.port}"),
                         ("[rbit]\n", "[rbit]\nstate-dir = state\n")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.configure_text(text)
        script = self.read("handle-order").replace('"key": "invoices"',
                                                   f'"key": "{self.invoices}"')
        os.chmod(self.write("handle-order", script), 0o755)

    def order(self, body, *options):
        return self.command("submit", self.config, "--queue", self.orders, "--json", body, *options)

    def statuses_of(self, key):
        return [one["status"] for one in self.receiver.reports if one["key"] == key]

    def assert_orders_are_handled(self):
        self.assertEqual(self.command("check", self.config).returncode, 0)
        self.start()
        done = self.order('{"order": 17, "customer": "Ada"}', "--message-id", "first", "--header",
                          "x-shop=phone", "--reply")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout.splitlines()[-1]), {"order": 17, "total": 51})
        wait_until(lambda: os.path.exists(self.path("invoices/17/invoice.txt")), "the invoice")
        self.assertEqual(self.read("invoices/17/invoice.txt"), "invoice 17: 51 EUR\n")
        wait_until(lambda: self.statuses_of("first") == ["Building", "Done"], "the webhook")
        [final] = [one for one in self.receiver.reports
                   if (one["key"], one["status"]) == ("first", "Done")]
        self.assertEqual(final["result"], {"order": 17, "total": 51})

        done = self.order('{"order": 18, "customer": "nobody"}', "--message-id", "second", "--wait")
        self.assertEqual(done.returncode, 1, done.stdout)
        wait_until(lambda: os.path.exists(self.path("refused.txt")), "the hook's line")
        self.assertEqual(self.read("refused.txt"), "order 18: exit 1\n")
        self.assertFalse(os.path.exists(self.path("invoices/18")))

        done = self.order('{"order": "$(id)", "customer": "Ada"}')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/order", done.stderr)
        self.assertEqual(self.rbit.stop(), 0)
