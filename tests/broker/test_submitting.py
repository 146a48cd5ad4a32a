"""rbit submit to RabbitMQ: persistent, confirmed, mandatory (INTEROP.md 8)."""

import json
import subprocess
import time

import broker_suite
from broker_suite import PERSISTENT, BrokerSuite
from pybit_messages import build_request


class Submitting(BrokerSuite):
    def test_what_arrives(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.channel.queue_declare(queue, durable=True)
        self.submit(queue, "col10642", "1.2", "--uri", "http://cnx.org/", job=36)
        properties, body = self.get(queue)
        self.assertEqual(properties.delivery_mode, PERSISTENT)
        self.assertEqual(properties.content_type, "application/json")
        self.assertTrue(properties.message_id)
        self.assertLess(abs(properties.timestamp - time.time()), 3600)
        request = json.loads(body)
        self.assertEqual(request["job"]["id"], 36)
        self.assertEqual(request["job"]["packageinstance"]["distribution"]["name"], self.dist)

    def test_a_file_byte_for_byte(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.channel.queue_declare(queue, durable=True)
        body = build_request(generation="a") + b"\n"
        self.submit(queue, file=self.write("message", body))
        self.assertEqual(self.get(queue)[1], body)

    def test_to_a_running_rbit_followed_to_the_end(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!exit $((RBIT_JOB_ID - 36))"})
        self.start()
        done = self.submit(queue, "col10642", job=36, wait=True)
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()],
                         ["Building", "Done"])
        self.submit(queue, "col10642", job=37, wait=True, expect=1)

    def test_an_unroutable_message_is_an_error(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"}, rbit="declare = no")
        done = self.submit(queue, "col10642", job=36, expect=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(queue, done.stderr)

    def test_a_broker_that_is_not_there_is_69(self):
        self.configure({"build": "runner = shell!true"}, amqp="host = 127.0.0.1\nport = 9")
        done = self.submit("build", "col10642", expect=69)
        self.assertIn("127.0.0.1", done.stderr)

    def test_a_wrong_password_is_an_error(self):
        queue = self.queue()
        self.configure({queue: "runner = shell!true"},
                       amqp=f"host = 127.0.0.1\nport = {self.node.port}\nuser = guest\n"
                            "password = wr0ng")
        done = self.submit(queue, "col10642", expect=None)
        self.assertIn(done.returncode, (69, 77))
        self.assertNotIn("wr0ng", done.stdout + done.stderr)

    def test_the_password_of_the_environment_is_the_one_that_is_sent(self):
        queue = self.queue()
        self.channel.queue_declare(queue, durable=True)
        self.configure({queue: "runner = shell!true"},
                       amqp=f"host = 127.0.0.1\nport = {self.node.port}\nuser = guest")
        for password, codes in (("guest", (0,)), ("wr0ng", (69, 77))):
            done = subprocess.run([self.program, "submit", self.config, "--queue", queue,
                                   "--package", "col10642", "--version", "1"], text=True,
                                  env=self.environment(RBIT_AMQP_PASSWORD=password),
                                  capture_output=True, timeout=60)
            self.assertIn(done.returncode, codes, done.stderr)
            self.assertNotIn("wr0ng", done.stdout + done.stderr)


if __name__ == "__main__":
    broker_suite.main()
