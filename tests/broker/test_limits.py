"""A broker that allows only so much: connections, channels, frames; and queues that somebody else
has for himself. One node of its own, with eight channels a connection and frames of 1 MiB."""

import time
import unittest

import pika

import broker_suite
import node as broker_node
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until

own = None


def setUpModule():
    global own
    own = broker_node.Node(config="channel_max = 8\nframe_max = 1048576\n")
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


if __name__ == "__main__":
    broker_suite.main()
