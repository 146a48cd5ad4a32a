"""Queues as PyBit declares them, consuming, polling, acknowledging."""

import pika

import broker_suite
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until


class Declared(BrokerSuite):
    def configure_legacy(self, rbit=""):
        self.configure_text(
            f"[rbit]\nstate-dir = state\ndistribution = {self.dist}\narchitecture = any\n"
            f"suites = latex\nformat = pdf\n{rbit}\n"
            f"[amqp]\nhost = 127.0.0.1\nport = {self.node.port}\n"
            f"[runner:{self.queue()}]\nrunner = shell!true\n")

    def test_as_pybit_declares_them(self):
        self.configure_legacy()
        self.start()
        # A declaration with another flag or argument would be a 406 here.
        self.channel.queue_declare(self.queue(), durable=True, exclusive=False, auto_delete=False)
        self.channel.exchange_declare("pybit", "direct", durable=True, auto_delete=False)

    def test_bound_by_the_dotted_route_and_by_its_own_name(self):
        self.configure_legacy()
        self.start()
        for job, route in ((1, f"{self.dist}.any.latex.pdf"), (2, self.queue())):
            self.publish(route, build_request(job=job), exchange="pybit")
            self.assert_statuses(job, "Building", "Done")

    def test_a_queue_that_pybit_made_with_messages_in_it(self):
        self.channel.exchange_declare("pybit", "direct", durable=True)
        self.channel.queue_declare(self.queue(), durable=True)
        self.channel.queue_bind(self.queue(), "pybit", f"{self.dist}.any.latex.pdf")
        self.publish(f"{self.dist}.any.latex.pdf", build_request(job=1), exchange="pybit")
        self.configure_legacy()
        self.start()
        self.assert_statuses(1, "Building", "Done")

    def test_a_queue_with_other_arguments_is_read_and_never_deleted(self):
        arguments = {"x-max-length": 1000}
        self.channel.queue_declare(self.queue(), durable=True, arguments=arguments)
        self.publish(self.queue(), build_request(job=1))
        self.configure_legacy()
        self.start()
        self.assert_statuses(1, "Building", "Done")
        self.channel.queue_declare(self.queue(), durable=True, arguments=arguments)

    def test_mappings_are_not_bound(self):
        self.configure_broker({self.queue(): "runner = shell!true"})
        self.start()
        self.channel.exchange_declare("pybit", "direct", durable=True)
        with self.assertRaises(pika.exceptions.UnroutableError):
            self.publish(self.queue(), build_request(), exchange="pybit")


class Consuming(BrokerSuite):
    def test_three_queues_each_to_its_own_runner(self):
        # All consumers once served the last queue.
        queues = [self.queue(suite) for suite in ("one", "two", "three")]
        self.configure_broker({queue: f"runner = shell!echo $RBIT_QUEUE %ID > "
                                      f"{self.path(queue)}" for queue in queues})
        self.start()
        for job, queue in enumerate(queues, 1):
            self.publish(queue, build_request(package=f"p{job}", job=job))
        for job, queue in enumerate(queues, 1):
            self.assert_statuses(job, "Building", "Done")
            self.assertEqual(self.read(queue), f"{queue} p{job}\n")

    def test_no_more_than_the_free_slots_are_taken(self):
        gates = [self.gate(f"gate-p{job}") for job in range(1, 6)]
        queue = self.queue()
        self.configure_broker({queue: f"runner = shell!read -r _ < {self.path('gate')}-%ID"},
                              rbit="slots = 2")
        self.start()
        for job in range(1, 6):
            self.publish(queue, build_request(package=f"p{job}", job=job))
        self.wait_for_status(1, "Building")
        self.wait_for_status(2, "Building")
        self.wait_for_counts(queue, 3, 2)
        for gate in gates:
            gate.let_through()
        for job in range(1, 6):
            self.assert_statuses(job, "Building", "Done")
        self.wait_for_counts(queue, 0, 0)

    def test_one_connection_for_all_queues(self):
        queues = [self.queue(f"s{number}") for number in range(10)]
        self.configure_broker({queue: "runner = shell!true" for queue in queues},
                              rbit=f"name = {self.dist}")
        self.start()
        connections = self.node.ctl("list_connections", "client_properties")
        names = [line for line in connections.splitlines() if self.dist in line]
        # Intake and, once there was something to publish, the second one.
        self.assertIn(len(names), (1, 2), names)

    def test_a_runner_that_cannot_work_keeps_no_message(self):
        queue, other = self.queue("one"), self.queue("two")
        self.configure_broker({queue: "runner = plugin!/nowhere/libnone.so:x",
                               other: "runner = shell!true"})
        self.channel.queue_declare(queue, durable=True)
        self.publish(queue, build_request(job=1))
        self.start(until=None)
        wait_until(lambda: self.counts(other), "the other queue")
        self.publish(other, build_request(job=2))
        self.assert_statuses(2, "Building", "Done")
        self.wait_for_counts(queue, 1, 0)


class Polling(BrokerSuite):
    def poll(self, *arguments, rbit=""):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"}, rbit="slots = 1\n" + rbit)
        self.channel.queue_declare(queue, durable=True)
        for job in range(1, 6):
            self.publish(queue, build_request(job=job))
        self.start(*arguments)
        # A freed slot looks at once: with one slot and an hour between two looks all five are done.
        for job in range(1, 6):
            self.assert_statuses(job, "Building", "Done")
        self.wait_for_counts(queue, 0, 0)
        self.assertNotIn(queue, self.node.ctl("list_consumers", "queue_name"))
        return queue

    def test_by_option(self):
        self.poll("--poll-time", "3600")

    def test_by_the_old_key(self):
        self.poll(rbit="polling_time = 3600")

    def test_it_looks_again(self):
        queue = self.poll("--poll-time", "1")
        self.publish(queue, build_request(job=10))
        self.assert_statuses(10, "Building", "Done")


if __name__ == "__main__":
    broker_suite.main()
