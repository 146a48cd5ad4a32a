"""The fake broker, with no script, satisfies a client that was not made by us (pika)."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "suites"))

import amqp_codec as codec
from fake_broker import FakeBroker
from rbit_suite import wait_until

try:
    import pika
except ImportError:
    pika = None


@unittest.skipIf(pika is None, "python3-pika is not installed (apt-get install python3-pika)")
class WellMannered(unittest.TestCase):
    def setUp(self):
        self.broker = FakeBroker()
        self.addCleanup(self.broker.close)
        self.addCleanup(lambda: self.assertEqual(self.broker.errors, []))
        self.connect()

    def connect(self):
        self.connection = pika.BlockingConnection(
            pika.URLParameters(f"amqp://guest:guest@127.0.0.1:{self.broker.port}/"))
        self.addCleanup(lambda one=self.connection: one.close() if one.is_open else None)
        self.channel = self.connection.channel()

    def take(self, got, count):
        """Until so many have been delivered."""
        deadline = time.monotonic() + 20
        while len(got) < count and time.monotonic() < deadline:
            self.connection.process_data_events(0.05)

    def test_publish_confirmed_and_get(self):
        self.channel.queue_declare("q", durable=True)
        self.channel.confirm_delivery()
        self.channel.basic_publish("", "q", b"x" * 300000, mandatory=True,
                                   properties=pika.BasicProperties(message_id="m"))
        method, properties, body = self.channel.basic_get("q")
        self.assertEqual((properties.message_id, len(body)), ("m", 300000))
        self.channel.basic_ack(method.delivery_tag)
        self.assertEqual(self.channel.basic_get("q"), (None, None, None))
        self.assertEqual(len(self.broker.acked), 1)

    def test_what_goes_nowhere_comes_back(self):
        self.channel.confirm_delivery()
        with self.assertRaises(pika.exceptions.UnroutableError):
            self.channel.basic_publish("", "nowhere", b"", mandatory=True)

    def test_prefetch_and_redelivery(self):
        for n in range(3):
            self.broker.put("q", b"%d" % n)
        got = []
        self.channel.basic_qos(prefetch_count=2)
        self.channel.basic_consume("q", lambda c, m, p, b: got.append((b, m.redelivered)))
        self.take(got, 2)
        self.connection.process_data_events(0.2)  # no third
        self.assertEqual(got, [(b"0", False), (b"1", False)])
        self.assertEqual(self.broker.depth("q"), (1, 2))
        self.connection.close()
        self.connect()
        wait_until(lambda: self.broker.depth("q") == (3, 0), "all of them in the queue")
        self.channel.basic_consume("q", lambda c, m, p, b: got.append((b, m.redelivered)))
        self.take(got, 5)
        self.assertEqual(got[2:], [(b"0", True), (b"1", True), (b"2", False)])

    def test_the_wrong_things_are_refused(self):
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as caught:
            self.channel.queue_declare("none", passive=True)
        self.assertEqual(caught.exception.reply_code, 404)
        self.channel = self.connection.channel()
        self.channel.basic_ack(5)
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as caught:
            self.channel.queue_declare("q")
        self.assertEqual(caught.exception.reply_code, 406)

    def test_a_script(self):
        self.broker.on("queue.declare", lambda s, channel, method: s.send(
            codec.method(channel, "channel.close", code=541, text="odd")), times=1)
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as caught:
            self.channel.queue_declare("q")
        self.assertEqual(caught.exception.reply_code, 541)
        self.channel = self.connection.channel()
        self.channel.queue_declare("q")

    def test_it_beats(self):
        self.broker.tune["heartbeat"] = 1
        self.connect()
        self.connection.process_data_events(3)
        self.assertTrue(self.connection.is_open)


if __name__ == "__main__":
    unittest.main(verbosity=1)
