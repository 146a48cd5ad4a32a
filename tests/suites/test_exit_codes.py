"""For people who come from rabbitmq-cli-consumer: its exit codes, its metadata, the page for them."""

import base64
import json
import os
import re

import rbit_suite
from pybit_messages import build_request
from rbit_suite import SOURCE_DIR, Suite

# As rabbitmq-cli-consumer's --pipe writes it, in this order.
PROPERTIES = ["application_headers", "content_type", "content_encoding", "delivery_mode",
              "priority", "correlation_id", "reply_to", "expiration", "message_id", "timestamp",
              "type", "user_id", "app_id"]
DELIVERY = ["message_count", "consumer_tag", "delivery_tag", "redelivered", "exchange",
            "routing_key"]


class Strict(Suite):
    def run_with(self, code, keys=""):
        """A job that ends with `code`, each time; its statuses."""
        self.configure({"q": f"""
            runner = shell!echo run >> {self.path('runs')}; exit {code}
            exit-codes = strict
            retry-delay = 20ms
            attempts = 3
            {keys}"""})
        self.start()
        self.submit("q", "col10642", job=36, wait=True, expect=None)
        self.rbit.stop()
        return self.statuses(36)

    def dead(self):
        return self.command("dead", "list", self.config).stdout

    def test_0_is_done(self):
        self.assertEqual(self.run_with(0), ["Building", "Done"])
        self.assertNotIn("col10642", self.dead())

    def test_3_and_5_are_failed_at_once_and_kept(self):
        for code in (3, 5):
            with self.subTest(code):
                before = len(self.statuses(36))
                self.assertEqual(self.run_with(code)[before:], ["Building", "Failed"])
                self.assertIn(f"exit {code}", self.dead())

    def test_4_and_6_come_back_after_a_delay_and_not_for_ever(self):
        for code in (4, 6):
            with self.subTest(code):
                before = len(self.statuses(36))
                self.assertEqual(self.run_with(code)[before:],
                                 ["Building", "Blocked", "Building", "Blocked", "Building",
                                  "Failed"])
                self.assertIn(f"exit {code}", self.dead())

    def test_another_code_is_tried_once_more_and_the_others_go_on(self):
        self.assertEqual(self.run_with(1), ["Building", "Blocked", "Building", "Failed"])
        self.assertEqual(self.read("runs"), "run\n" * 2)
        self.assertIn("exit-codes = strict knows 0, 3, 4, 5 and 6",
                      self.command("explain", self.config, "36").stdout)

    def test_what_it_says_goes_with_it(self):
        self.configure({"q": "runner = shell!echo 'no such file'; exit 3\nexit-codes = strict"})
        self.start()
        done = self.submit("q", "col10642", job=36, wait=True, expect=1)
        self.assertIn("exit 3", done.stdout)
        self.assertIn("no such file", done.stdout)


class WithoutIt(Suite):
    def test_onfailure_6_is_a_range(self):
        self.configure({"q": """
            runner = shell![ $RBIT_ATTEMPT -gt 2 ] || exit 1
            blocked-exit-codes = 1-255
            retry-delay = 20ms
            """})
        self.start()
        self.submit("q", "col10642", job=36, wait=True)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Blocked", "Building", "Done")


class Metadata(Suite):
    def printed(self, job=36):
        return self.command("log", self.config, str(job)).stdout

    def test_its_shape_and_the_body(self):
        self.configure({"q": """
            runner = shell!cat <&4; echo; cat
            metadata-fd = 4
            """}, more="[status]\nreport = log\nusername = u\npassword = hush")
        self.start()
        body = build_request(job=36)
        self.submit("q", file=self.write("message.json", body), wait=True)
        metadata, rest = self.printed().split("\n", 1)
        self.assertEqual(rest.strip(), body.decode())
        found = json.loads(metadata)
        self.assertEqual(list(found), ["properties", "delivery_info"])
        self.assertEqual(list(found["properties"]), PROPERTIES)
        self.assertEqual(list(found["delivery_info"]), DELIVERY)
        self.assertEqual(found["properties"]["content_type"], "application/json")
        self.assertEqual(found["properties"]["delivery_mode"], 2)
        self.assertTrue(found["properties"]["message_id"])
        self.assertRegex(found["properties"]["timestamp"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(found["delivery_info"]["exchange"], "")
        self.assertEqual(found["delivery_info"]["routing_key"], "q")
        self.assertNotIn("hush", metadata)

    def test_a_later_attempt_has_it_too_and_events_go_on(self):
        self.configure({"q": """
            runner = shell!cat <&5; echo '{"status": "Building", "message": "half way"}' >&3; [ $RBIT_ATTEMPT = 2 ] || exit 75
            metadata-fd = 5
            retry-delay = 20ms
            """})
        self.start("--debug")
        self.submit("q", "col10642", job=36, wait=True)
        found = json.loads(self.printed().splitlines()[-1])
        self.assertEqual(found["properties"]["application_headers"]["x-rbit-attempt"], 2)
        self.assertEqual(len(self.rbit.lines_with("half way")), 2)

    def test_on_3_a_program_for_the_pipe_option_runs_as_it_is(self):
        # PHP's php://fd/3 is a copy of the descriptor, as it is for this.
        self.write("command", "#!/usr/bin/python3\n"
                              "import json, os, sys\n"
                              "metadata = json.load(os.fdopen(os.dup(3)))\n"
                              "body = sys.stdin.read()\n"
                              "print(metadata['delivery_info']['routing_key'], body)\n"
                              "sys.exit(3)\n")
        os.chmod(self.path("command"), 0o755)
        with open(os.path.join(SOURCE_DIR, "man", "rbit-cli-consumer.7")) as file:
            page = file.read()
        text = re.search(r"\.EX\n(\[rbit\].*?)\.EE", page, re.DOTALL)[1].replace("\\-", "-")
        self.assertIn("/srv/command.php", text)
        self.configure_text(text.replace("/srv/command.php", self.path("command"))
                            .replace("amqp://guest:guest@localhost", "local:")
                            .replace("[rbit]\n", "[rbit]\nstate-dir = state\n"))
        self.start()
        done = self.command("submit", self.config, "--queue", "myqueue", "--body", "anything",
                            "--message-id", "36", "--wait")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("exit 3", done.stdout)
        self.assertEqual(self.printed(), "myqueue anything\n")

    def test_a_message_of_any_bytes_as_an_argument(self):
        """What the page has in place of a command without --pipe."""
        body = bytes(range(256))
        self.configure({"q": 'message = raw\nrunner = shell!echo "$(base64 -w 0)"'})
        self.start()
        with open(self.path("message"), "wb") as file:
            file.write(body)
        done = self.command("submit", self.config, "--queue", "q", self.path("message"),
                            "--message-id", "36", "--wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(base64.b64decode(self.printed()), body)


if __name__ == "__main__":
    rbit_suite.main()
