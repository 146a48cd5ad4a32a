"""rbit submit to RabbitMQ: persistent, confirmed, mandatory."""

import json
import re
import socket
import subprocess
import threading
import time

import broker_suite
from broker_suite import PERSISTENT, BrokerSuite
from pybit_messages import build_request


def ended(command):
    """A command that was begun, with its output, when it has ended."""
    stdout, stderr = command.communicate(timeout=120)
    return subprocess.CompletedProcess(command.args, command.returncode, stdout, stderr)


class CutAfter:
    """A way to a port that is closed for good, with no more of an answer, after `word` went by."""

    def __init__(self, port, word):
        self.to, self.word = port, word
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_cut = False

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self):
        client, _ = self.listener.accept()
        self.listener.close()
        with client, socket.create_connection(("127.0.0.1", self.to)) as server:
            answers = threading.Thread(target=self.answer, args=(client, server), daemon=True)
            answers.start()
            while not self.is_cut and (data := client.recv(65536)):
                self.is_cut = self.word in data
                server.sendall(data)
            client.close()
            server.shutdown(socket.SHUT_WR)
            answers.join()

    def answer(self, client, server):
        try:
            while data := server.recv(65536):
                if not self.is_cut:
                    client.sendall(data)
        except OSError:
            pass  # cut, as it should be


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
        done = self.submit(queue, "col10642", job=36, expect=1)
        self.assertIn(queue, done.stderr)
        self.assertNotIn("may still arrive", done.stderr)

    def test_a_message_that_its_queue_refuses_is_an_error(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.channel.queue_declare(queue, durable=True, arguments={
            "x-max-length": 1, "x-overflow": "reject-publish"})
        self.publish(queue, b"first")
        done = self.submit(queue, "col10642", job=36, expect=1)
        self.assertIn("full or failing (make room in it", done.stderr)
        self.assertNotIn("may still arrive", done.stderr)

    def assert_unsure(self, done):
        """75 and the key, which it gives."""
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertEqual(done.stdout, "")
        return re.search(r"message ([0-9a-f-]{36}) may still arrive", done.stderr)[1]

    def test_a_message_that_comes_when_the_memory_alarm_is_over_is_not_called_refused(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.channel.queue_declare(queue, durable=True)
        self.node.ctl("set_vm_memory_high_watermark", "absolute", "1")
        try:
            commands = [self.begin_submit(queue, job=36), self.begin_submit(queue, "--wait", job=37)]
            keys = {self.assert_unsure(ended(one)) for one in commands}
        finally:
            self.node.ctl("set_vm_memory_high_watermark", "absolute", "1GB")
        arrived = {self.get(queue)[0].message_id for _ in keys}
        self.assertEqual(arrived, keys)

    def test_a_connection_lost_before_the_confirm_leaves_it_open_whether_it_arrives(self):
        queue = self.queue()
        self.channel.queue_declare(queue, durable=True)
        with CutAfter(self.node.port, b"col10642") as cut:
            self.configure({queue: "runner = shell!true"},
                           amqp=f"host = 127.0.0.1\nport = {cut.port}\nuser = guest\n"
                                "password = guest")
            key = self.assert_unsure(ended(self.begin_submit(queue, job=36)))
        self.assertEqual(self.get(queue)[0].message_id, key)

    def begin_submit(self, queue, *options, job):
        return subprocess.Popen([self.program, "submit", self.config, "--queue", queue, "--package",
                                 "col10642", "--version", "1", "--job", str(job), *options],
                                env=self.environment(), text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def test_who_waits_for_a_queue_that_is_not_read_hears_why(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.channel.queue_declare(queue, durable=True)
        self.channel.basic_consume(queue, lambda *_: None, exclusive=True)
        self.start(until=None)
        self.rbit.wait_for("exclusive")
        with self.begin_submit(queue, "--wait", job=36) as command:
            self.addCleanup(command.kill)
            self.assertIn("submitted ", command.stderr.readline())
            self.assertRegex(command.stderr.readline(),
                             f"^queue {queue} waits: it is not read: .*exclusive")
            command.kill()

    def test_a_broker_that_is_not_there_is_69(self):
        self.configure({"build": "runner = shell!true"}, amqp="host = 127.0.0.1\nport = 9")
        done = self.submit("build", "col10642", expect=69)
        self.assertIn("127.0.0.1", done.stderr)

    def test_a_broker_that_does_not_answer_is_69_and_told_of(self):
        with socket.socket() as stopped:  # the kernel takes the connection, nobody says a word
            stopped.bind(("127.0.0.1", 0))
            stopped.listen()
            port = stopped.getsockname()[1]
            self.configure({"build": "runner = shell!true"}, amqp=f"host = 127.0.0.1\nport = {port}")
            done = self.submit("build", "col10642", expect=69)
        self.assertIn(f"broker 127.0.0.1:{port}: it did not answer within 5 s (see whether",
                      done.stderr)

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
