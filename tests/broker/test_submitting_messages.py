"""rbit submit of any message to RabbitMQ: properties, many at once, delays, replies."""

import json
import threading
import time

import pika

import broker_suite
from broker_suite import PERSISTENT, BrokerSuite


class SubmittingMessages(BrokerSuite):
    def send(self, queue, *arguments, expect=0):
        done = self.command("submit", self.config, "--queue", queue, *arguments)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def declared(self, kind="json", *lines):
        queue = self.queue()
        self.configure_broker({queue: "\n".join(("runner = shell!true", f"message = {kind}",
                                                 *lines))})
        self.channel.queue_declare(queue, durable=True)
        return queue

    def test_properties_and_headers_arrive(self):
        queue = self.declared()
        key = self.send(queue, "--json", '{"order": 17}', "--header", "x-kind=a", "--header",
                        "x-n:=17", "--header", "x-f:=true", "--priority", "7", "--correlation-id",
                        "c-1", "--message-id", "m-1", "--type", "order").stdout.strip()
        properties, body = self.get(queue)
        self.assertEqual((key, properties.message_id, body), ("m-1", "m-1", b'{"order": 17}'))
        self.assertEqual(properties.headers, {"x-kind": "a", "x-n": 17, "x-f": True})
        self.assertEqual((properties.priority, properties.correlation_id, properties.type,
                          properties.content_type, properties.delivery_mode),
                         (7, "c-1", "order", "application/json", PERSISTENT))

    def test_any_bytes(self):
        queue = self.declared("raw")
        body = bytes(range(256))
        self.send(queue, self.write("file", body))
        properties, arrived = self.get(queue)
        self.assertEqual(arrived, body)
        self.assertEqual(properties.content_type, "application/octet-stream")

    def test_many_lines(self):
        queue = self.declared()
        lines = self.write("lines", "".join(f"{n}\n" for n in range(500)))
        begin = time.monotonic()
        self.assertEqual(self.send(queue, "--from", lines).stdout,
                         f"500 messages were sent to {queue}\n")
        self.assertLess(time.monotonic() - begin, 60)
        arrived = [int(self.get(queue)[1]) for _ in range(500)]
        self.assertEqual(arrived, list(range(500)))

    def test_the_first_bad_line_ends_it(self):
        queue = self.declared()
        done = self.send(queue, "--from", self.write("lines", "1\n2\n{\n4\n"), expect=1)
        self.assertEqual(done.stdout, f"2 messages were sent to {queue}\n")
        self.assertIn("line 3: not JSON", done.stderr)
        self.assertEqual([self.get(queue)[1] for _ in range(2)], [b"1", b"2"])

    def test_lines_to_a_queue_that_is_not_there(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true\nmessage = json"})
        done = self.send(queue, "--from", self.write("lines", "1\n" * 200), expect=1)
        self.assertEqual(done.stdout, f"0 messages were sent to {queue}\n")
        self.assertIn(queue, done.stderr)

    def test_delay(self):
        queue = self.declared()
        sent = time.monotonic()
        self.send(queue, "--json", "1", "--delay", "2s")
        self.assertTrue(self.exists(f"rbit.retry.{queue}.2000"))
        _, body = self.get(queue)
        self.assertEqual(body, b"1")
        self.assertGreater(time.monotonic() - sent, 1.9)

    def test_a_delay_before_a_queue_that_is_not_there(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true\nmessage = json"})
        self.assertIn(queue, self.send(queue, "--json", "1", "--delay", "1s", expect=1).stderr)

    def test_no_reply_without_reply(self):
        queue = self.declared()
        done = self.send(queue, "--json", "1", "--reply", expect=1)
        self.assertIn("sends no answers (set reply = yes there; nothing was sent)", done.stderr)
        self.assertEqual(self.counts(queue), (0, 0))

    def test_no_reply_in_time(self):
        queue = self.declared("json", "reply = yes")
        done = self.send(queue, "--json", "1", "--reply", "--timeout", "1s", expect=75)
        self.assertIn("there is no answer after 1 s", done.stderr)

    def test_the_answer_of_somebody(self):
        """Whoever answers as rbit does; what has another correlation id is not the answer."""
        queue = self.declared("json", "reply = yes")
        def answer():
            connection = broker_suite.blocking_connection(self.node.url)
            channel = connection.channel()
            for _, properties, body in channel.consume(queue, auto_ack=True):
                for id, result in (("other", 1), (properties.correlation_id, {"n": json.loads(body)})):
                    channel.basic_publish("", properties.reply_to, json.dumps(
                        {"job": 1, "status": "Done", "message": "", "result": result}),
                        pika.BasicProperties(correlation_id=id))
                break
            connection.close()
        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join)
        done = self.send(queue, "--json", "17", "--reply", "--timeout", "60s")
        self.assertEqual(json.loads(done.stdout), {"n": 17})

    def test_the_answer_of_rbit(self):
        queue = self.queue()
        self.configure_broker({queue: """
            runner = shell![ "$(cat)" = 1 ] && printf '{"result": [1]}\\n' >&3
            message = json
            reply = yes
            """})
        self.start()
        self.assertEqual(self.send(queue, "--json", "1", "--reply", "--timeout", "60s").stdout, "[1]\n")
        self.assertTrue(self.send(queue, "--json", "2", "--reply", "--timeout", "60s", expect=1)
                        .stderr.startswith("Failed"))


if __name__ == "__main__":
    broker_suite.main()
