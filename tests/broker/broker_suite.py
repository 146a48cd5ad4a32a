"""What the broker's tests share: a Suite on a real RabbitMQ, python3-pika on the other side."""

import itertools
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "suites"))

import node as broker_node
import rbit_suite
from rbit_suite import SKIPPED, Suite, wait_until

try:
    import pika
except ImportError:
    pika = None

PERSISTENT = 2
numbers = itertools.count(1)

# The node that all tests use; main() starts it. Each test has queue names of its own.
shared = None


def blocking_connection(url):
    """One that a test may leave alone for minutes: pika sends heartbeats only while it is used."""
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 0
    parameters.socket_timeout = parameters.stack_timeout = rbit_suite.PATIENCE
    return pika.BlockingConnection(parameters)


class BrokerSuite(Suite):
    def setUp(self):
        super().setUp()
        self.node = self.node_for_this_test()
        self.connect()
        # A distribution of its own makes all names of this test its own.
        self.dist = f"t{os.getpid()}n{next(numbers)}"

    def node_for_this_test(self):
        return shared

    def connect(self):
        """`channel`: the independent client, with publisher confirms."""
        self.connection = blocking_connection(self.node.url)
        self.addCleanup(lambda one=self.connection: one.close() if one.is_open else None)
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()

    def queue(self, suite="latex", format="pdf"):
        """The name of a build queue that nobody else uses."""
        return f"{self.dist}_any_{suite}_{format}"

    def exists(self, queue):
        """A passive declaration, on a channel of its own: it is closed if there is none."""
        channel = self.connection.channel()
        try:
            channel.queue_declare(queue, passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        channel.close()
        return True

    def configure_broker(self, runners, rbit="", more="", amqp=""):
        self.configure(runners, rbit, more=more,
                       amqp=f"host = 127.0.0.1\nport = {self.node.port}\nuser = guest\n"
                            f"password = guest\n{amqp}")

    def publish(self, queue, body, exchange="", **properties):
        """As PyBit's web does: persistent, nothing else set. Confirmed and routed, or an error."""
        properties.setdefault("delivery_mode", PERSISTENT)
        self.channel.basic_publish(exchange, queue, body, pika.BasicProperties(**properties),
                                   mandatory=True)

    def get(self, queue):
        """The next message of a queue, waited for and acknowledged: its properties and its body."""
        def there():
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            return (properties, body) if method else None
        wait_until(lambda: self.exists(queue), f"the queue {queue}")
        return wait_until(there, f"a message in {queue}")

    def counts(self, queue):
        """How many messages are (ready, unacknowledged), as the broker sees it."""
        for line in self.node.ctl("list_queues", "name", "messages_ready",
                                  "messages_unacknowledged").splitlines():
            name, *both = line.split("\t")
            if name == queue:
                return tuple(int(one) for one in both)
        return None

    def wait_for_consumers(self, queue, count):
        def reached():
            declared = self.channel.queue_declare(queue, durable=True, passive=True)
            return declared.method.consumer_count == count
        wait_until(reached, f"{count} consumers of {queue}")

    def wait_for_counts(self, queue, ready, unacknowledged):
        seen = []
        def reached():
            seen[:] = [self.counts(queue)]
            return seen[0] == (ready, unacknowledged)
        try:
            wait_until(reached, f"({ready}, {unacknowledged}) in {queue}")
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {seen[0]}\n{self.rbit.log[-3000:]}") from None

    def status_queue(self):
        """Settings for [status] that send reports to a queue of this test, and its name."""
        name = f"{self.dist}-status"
        self.channel.queue_declare(name, durable=True)
        return name, f"[status]\nreport = log, amqp\nqueue = {name}"

    def reports(self, queue, count):
        """The next `count` reports of the status queue: (job, status) each."""
        found = [json.loads(self.get(queue)[1]) for _ in range(count)]
        return [(one["job"], one["status"]) for one in found]


def main():
    """Runs the tests of the program's file, or all (run.py), beside one node."""
    global shared
    why = broker_node.missing()
    if pika is None:
        why = "python3-pika is not installed (apt-get install python3-pika)"
    if why:
        print(f"skipped: {why}", file=sys.stderr)
        sys.exit(SKIPPED)
    import broker_suite  # the module the tests see; this one may be __main__
    with broker_node.Node() as one:
        broker_suite.shared = one
        rbit_suite.main()
