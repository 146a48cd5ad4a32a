"""A broker that allows only so much: connections, channels, frames; and queues that somebody else
has for himself. One node of its own, with eight channels a connection and frames of 4 MiB."""

import json
import time
import unittest
import unittest.mock
import urllib.error
import urllib.request

import pika

import broker_suite
import node as broker_node
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until

own = None


def setUpModule():
    global own
    own = broker_node.Node(config="channel_max = 8\nframe_max = 4194304\n")
    unittest.addModuleCleanup(own.stop)
    own.start()


class OwnNode(BrokerSuite):
    def node_for_this_test(self):
        return own


class Connections(OwnNode):
    """Each in a virtual host of its own, whose limits are the test's."""

    def setUp(self):
        super().setUp()
        self.node.ctl("add_vhost", self.dist)
        self.addCleanup(self.node.ctl, "delete_vhost", self.dist)
        self.node.ctl("set_permissions", "-p", self.dist, "guest", ".*", ".*", ".*")
        parameters = pika.URLParameters(self.node.url)
        parameters.virtual_host = self.dist
        parameters.heartbeat = 0
        self.there = parameters

    def limit(self, count):
        self.node.ctl("set_vhost_limits", "-p", self.dist, f'{{"max-connections": {count}}}')

    def configure_there(self, runners, amqp="", rbit=""):
        self.configure_broker(runners, amqp=f"virtual_host = {self.dist}\n{amqp}", rbit=rbit)

    def assert_read_within_10_s(self, since):
        self.rbit.wait_for(self.consuming)
        took = time.monotonic() - since
        self.assertLess(took, 10)

    def test_a_limit_at_the_start_is_waited_for(self):
        other = pika.BlockingConnection(self.there)
        self.limit(1)
        self.configure_there({self.queue(): "runner = shell!true"})
        self.start(until="no room for us")
        [said] = self.rbit.lines_with("no room for us")
        self.assertIn("connection limit (1) is reached", said)
        self.assertIn("set_vhost_limits", said)
        self.assertNotIn("password", self.rbit.log)
        self.limit(-1)
        self.assert_read_within_10_s(time.monotonic())
        other.close()

    def test_a_limit_later_is_waited_for_too(self):
        self.configure_there({self.queue(): "runner = shell!true"})
        self.start()
        self.limit(0)
        self.node.ctl("close_all_connections", "--vhost", self.dist, "test")
        self.rbit.wait_for("no room for us")
        self.assertIsNone(self.rbit.process.poll())
        self.limit(-1)
        since = time.monotonic()
        self.rbit.wait_for(self.consuming, times=2)
        self.assertLess(time.monotonic() - since, 10)
        self.assertEqual(self.rbit.lines_with("ERROR"), [])

    def test_a_limit_of_queues_at_the_start(self):
        there, new = self.queue("a"), self.queue("b")
        other = pika.BlockingConnection(self.there)
        other.channel().queue_declare(there, durable=True)
        self.node.ctl("set_vhost_limits", "-p", self.dist, '{"max-queues": 1}')
        self.configure_there({there: "runner = shell!true", new: "runner = shell!true"})
        checked = self.command("check", self.config, "--live")
        self.assertRegex(checked.stdout, f"FAIL queue {new}: is not there, and cannot be made: "
                                         r".*\(1\) is reached \(delete queues .*set_vhost_limits")
        self.assertRegex(checked.stdout, f"FAIL queue {there}: rbit's own queue rbit.dead.{there}, "
                                         r".* cannot be made: .*\(1\) is reached \(delete queues")
        self.start(until="consuming from 1 of 2 queues")
        [said] = self.rbit.lines_with(f"queue {new} cannot be read")
        self.assertIn("set_vhost_limits", said)
        self.assertEqual(self.rbit.lines_with("other arguments"), [])
        self.node.ctl("set_vhost_limits", "-p", self.dist, "{}")
        since = time.monotonic()
        self.rbit.wait_for(f"queue {new} is read again")
        self.assertLess(time.monotonic() - since, 10)
        other.close()

    def test_no_connection_is_no_queue_read(self):
        self.limit(0)
        self.configure_there({self.queue(): "runner = shell!true"})
        self.start(until="no room for us")
        checked = self.command("check", self.config, "--live")
        self.assertEqual(checked.returncode, 1)
        self.assertRegex(checked.stdout,
                         f"FAIL queue {self.queue()}: is not read by the running rbit: not "
                         r"connected: .*limit \(0\) is reached \(.*set_vhost_limits")
        self.assertNotIn("reads all its queues", checked.stdout)

    def test_a_wrong_setting_at_the_start_is_77_with_its_own_cure(self):
        self.node.ctl("add_user", self.dist, "pw")
        self.addCleanup(self.node.ctl, "delete_user", self.dist)
        for amqp, cure in ((f"user = {self.dist}\npassword = no", "user and password"),
                           (f"user = {self.dist}\npassword = pw", "set_permissions"),
                           ("user = guest\npassword = guest\nvirtual_host = none", "add_vhost")):
            with self.subTest(cure):
                self.configure({"build": "runner = shell!true"},
                               amqp=f"host = 127.0.0.1\nport = {self.node.port}\n{amqp}")
                self.start(until=None)
                self.assertEqual(self.rbit.wait(), 77, self.rbit.log)
                self.assertIn(cure, self.rbit.log)


class Taken(OwnNode):
    def assert_read_soon(self, queue, free):
        """A job of it ends; the queue is read within 5 s after `free` let go of it."""
        self.rbit.wait_for("somebody else has it for himself")
        self.assertEqual(self.rbit.lines_with("ERROR"), [])
        # Refused three times: whatever pause is in use then would be a long one if it grew.
        wait_until(lambda: sum(f"'{queue}'" in line for line in self.node.log.splitlines()
                               if "operation " in line) >= 3, "the third refusal")
        free()
        since = time.monotonic()
        self.publish(queue, build_request(job=1))
        self.wait_for_status(1, "Building")
        self.assertLess(time.monotonic() - since, 5 + 2)
        self.assertEqual(len(self.rbit.lines_with("somebody else has it for himself")), 1)

    def test_an_exclusive_consumer(self):
        queue = self.queue()
        self.channel.queue_declare(queue, durable=True)
        other = broker_suite.blocking_connection(self.node.url)
        other.channel().basic_consume(queue, lambda *_: None, exclusive=True)
        self.configure_broker({queue: "runner = shell!true"})
        self.start(until="in exclusive use")
        self.assert_read_soon(queue, other.close)

    def test_an_exclusive_queue(self):
        queue = self.queue()
        other = broker_suite.blocking_connection(self.node.url)
        other.channel().queue_declare(queue, exclusive=True)
        self.configure_broker({queue: "runner = shell!true"})
        self.start(until="RESOURCE_LOCKED")

        def free():
            other.close()
            wait_until(lambda: self.exists(queue), "the queue, declared by rbit")
        self.assert_read_soon(queue, free)


class Channels(OwnNode):
    def test_fewer_channels_than_queues(self):
        queues = [self.queue(f"s{number}") for number in range(20)]
        self.configure_broker({queue: "runner = shell!true" for queue in queues})
        self.start()
        for job, queue in enumerate(queues, 1):
            self.publish(queue, build_request(job=job))
        for job in range(1, 21):
            self.wait_for_status(job, "Done")
        self.assertEqual(self.rbit.lines_with("is lost"), [])
        self.assertEqual(self.rbit.lines_with("cannot be read"), [])

    def test_a_limit_of_the_user(self):
        self.node.ctl("add_user", self.dist, "pw")
        self.addCleanup(self.node.ctl, "delete_user", self.dist)
        self.node.ctl("set_permissions", self.dist, ".*", ".*", ".*")
        self.node.ctl("set_user_limits", self.dist, '{"max-channels": 7}')
        queues = [self.queue(f"s{number}") for number in range(10)]
        self.configure({queue: "runner = shell!true" for queue in queues},
                       amqp=f"host = 127.0.0.1\nport = {self.node.port}\nuser = {self.dist}\n"
                            "password = pw\nreconnect-ceiling = 1s")
        self.start()
        self.rbit.wait_for("allows us no more channels")
        wait_until(lambda: self.exists(queues[-1]), "the queues")
        for job, queue in enumerate(queues, 1):
            self.publish(queue, build_request(job=job))
        for job in range(1, 11):
            self.wait_for_status(job, "Done")

    def test_a_user_without_channels(self):
        self.node.ctl("add_user", self.dist, "pw")
        self.addCleanup(self.node.ctl, "delete_user", self.dist)
        self.node.ctl("set_permissions", self.dist, ".*", ".*", ".*")
        self.node.ctl("set_user_limits", self.dist, '{"max-channels": 0}')
        self.configure({self.queue(): "runner = shell!true"},
                       amqp=f"host = 127.0.0.1\nport = {self.node.port}\nuser = {self.dist}\n"
                            "password = pw")
        self.start(until="allows us no more channels")
        submitted = self.command("submit", self.config, "--queue", self.queue(), "--package", "p",
                                 "--version", "1")
        self.assertEqual(submitted.returncode, 69, submitted.stderr)
        self.assertIn("set_user_limits", submitted.stderr)
        self.assertNotIn("may still arrive", submitted.stderr)
        self.assertNotIn("WARN", submitted.stderr)
        checked = self.command("check", self.config, "--live")
        self.assertRegex(checked.stdout, r"FAIL \[amqp\] broker .*limit of \(0\) \(.*set_user_limits")
        self.assertRegex(checked.stdout, f"FAIL queue {self.queue()}: is not read by the running "
                                         r"rbit: not connected: .*limit of \(0\) \(.*set_user_limits")
        [said] = self.rbit.lines_with("limit of (0)")
        self.assertIn("set_user_limits", said)
        self.node.ctl("clear_user_limits", self.dist, "all")
        since = time.monotonic()
        self.rbit.wait_for(self.consuming)
        self.assertLess(time.monotonic() - since, 10)

    def test_one_of_them_is_missing(self):
        queues = [self.queue(f"s{number}") for number in range(20)]
        for queue in queues[1:]:
            self.channel.queue_declare(queue, durable=True)
        self.configure_broker({queue: "runner = shell!true" for queue in queues},
                              rbit="declare = no")
        self.start(until=f"queue {queues[0]} cannot be read")
        for job, queue in enumerate(queues[1:], 1):
            self.publish(queue, build_request(job=job))
        for job in range(1, 20):
            self.wait_for_status(job, "Done")
        self.assertEqual(len(self.rbit.lines_with("cannot be read")), 1, self.rbit.log)
        self.channel.queue_declare(queues[0], durable=True)
        self.publish(queues[0], build_request(job=20))
        self.wait_for_status(20, "Done")
        self.assertEqual(self.rbit.lines_with("is lost"), [])


class Heads(OwnNode):
    """What stands in front of a queue and is too much, and queues that allow only one way."""

    def configure_watched(self, runners, rbit=""):
        self.port = broker_node.free_base()
        self.configure_broker(runners, rbit=rbit,
                              more=f"[monitor]\nlisten = 127.0.0.1:{self.port}\n")

    def health(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthcheck") as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def publish_long(self, queue, count, body):
        """A message with a header of `count` bytes, more than pika asks for."""
        with unittest.mock.patch.object(pika.spec, "FRAME_MAX_SIZE", 4 << 20):
            parameters = pika.URLParameters(self.node.url)
            parameters.frame_max = 4 << 20
            connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", queue, body, pika.BasicProperties(
            delivery_mode=2, headers={"long": "x" * count}), mandatory=True)
        connection.close()

    def test_a_header_that_the_broker_makes_longer_than_a_frame(self):
        for number, node in enumerate((broker_suite.shared, self.node), 1):
            self.node = node  # the other one has frames of 131072 bytes
            self.connect()
            queue, delay = self.queue(f"n{number}"), self.queue(f"d{number}")
            self.channel.queue_declare(queue, durable=True)
            self.channel.queue_declare(delay, durable=True, arguments={
                "x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue})
            self.publish(delay, build_request(job=number), headers={"long": "x" * 130900})
            wait_until(lambda q=queue: self.counts(q) == (1, 0), "the dead letter")
            self.publish(queue, build_request(job=10 + number))
            self.configure_broker({queue: "runner = shell!true"})
            self.start()
            self.wait_for_status(number, "Done")
            self.wait_for_status(10 + number, "Done")
            self.assertEqual(self.rbit.lines_with("is lost"), [])
            self.assertEqual(self.rbit.stop(), 0)

    def test_a_head_that_cannot_be_read(self):
        bad, good = self.queue("bad"), self.queue("good")
        for queue in (bad, good):
            self.channel.queue_declare(queue, durable=True)
        self.publish_long(bad, 1_500_000, build_request(job=9))
        self.publish(bad, build_request(job=1))
        self.configure_watched({bad: "runner = shell!true", good: "runner = shell!true"})
        self.start(until=f"queue {bad} cannot be read")
        for job in (2, 3):
            self.publish(good, build_request(job=job))
            self.wait_for_status(job, "Done")
        [said] = self.rbit.lines_with(f"queue {bad} cannot be read")
        self.assertIn("a message of it cannot be read", said)
        code, body = self.health()
        self.assertEqual((code, body["queues"], list(body["unread"])), (500, "fail", [bad]), body)
        checked = self.command("check", self.config, "--live")
        self.assertEqual(checked.returncode, 1)
        self.assertRegex(checked.stdout, f"FAIL *queue {bad}: is not read by the running rbit: ")
        # Tried again alone: the others have noticed once, and rbit does not give up.
        self.assertEqual(len(self.rbit.lines_with("is lost")), 1, self.rbit.log)
        self.channel.basic_get(bad, auto_ack=True)  # the message, by somebody who can
        self.wait_for_status(1, "Done")
        wait_until(lambda: self.health()[0] == 200, "a healthy rbit")
        self.assertEqual(len(self.rbit.lines_with("is lost")), 1, self.rbit.log)
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_single_active_consumer(self):
        for polling in ((), ("--poll-time", "3600")):
            with self.subTest(polling):
                single, other = self.queue(f"s{len(polling)}"), self.queue(f"o{len(polling)}")
                self.channel.queue_declare(single, durable=True, arguments={
                    "x-queue-type": "quorum", "x-single-active-consumer": True})
                self.configure_watched({single: "runner = shell!true",
                                        other: "runner = shell!true"})
                self.start(*polling)
                for job in (1, 2):
                    self.publish(single, build_request(job=10 * len(polling) + job))
                    self.wait_for_status(10 * len(polling) + job, "Done")
                self.wait_for_counts(single, 0, 0)
                self.assertEqual(self.health()[0], 200)
                self.assertEqual(self.rbit.lines_with("cannot be read"), [])
                self.assertEqual(self.rbit.stop(), 0)

    def test_a_stream(self):
        for declare in ("yes", "no"):
            with self.subTest(declare):
                stream, other = self.queue("s" + declare), self.queue("o" + declare)
                self.channel.queue_declare(stream, durable=True,
                                           arguments={"x-queue-type": "stream"})
                self.channel.queue_declare(other, durable=True)
                self.configure_watched({stream: "runner = shell!true",
                                        other: "runner = shell!true"},
                                       rbit=f"declare = {declare}")
                self.start(until="it is a stream")
                job = 1 if declare == "yes" else 2
                self.publish(other, build_request(job=job))
                self.wait_for_status(job, "Done")
                code, body = self.health()
                self.assertEqual((code, list(body["unread"])), (500, [stream]), body)
                self.assertEqual(self.rbit.stop(), 0)


if __name__ == "__main__":
    broker_suite.main()
