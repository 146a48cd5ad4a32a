"""The broker is not there, comes, goes and comes back. Here it is one of the test's own."""

import broker_suite
import node as broker_node
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until


class AbsentBroker(BrokerSuite):
    @classmethod
    def setUpClass(cls):
        cls.own = broker_node.Node()
        cls.addClassCleanup(cls.own.stop)
        cls.own.start()

    def node_for_this_test(self):
        return self.own

    def complaints(self):
        return [line for line in self.rbit.log.splitlines()
                if ("WARN" in line or "ERROR" in line) and str(self.node.port) in line]

    def reports_until(self, status, last):
        told = self.reports(status, 1)
        while told[-1] != last:
            told += self.reports(status, 1)
        return told

    def test_missing_at_start_it_is_said_once_and_then_it_works(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.connection.close()
        self.node.halt()
        self.start(until=str(self.node.port))
        self.node.start()
        self.connect()
        wait_until(lambda: self.exists(queue), "its queue")
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Done")
        self.assertEqual(len(self.complaints()), 1, self.rbit.log)

    def test_gone_for_a_while(self):
        queue, gate = self.queue(), self.gate("gate")
        status, more = self.status_queue()
        self.configure_broker({queue: f"""
            runner = shell!echo run >> {self.path('runs')}; read -r _ < {gate.path}
            """}, more=more)
        self.start()
        self.publish(queue, build_request(job=36))
        self.assertEqual(self.reports(status, 1), [(36, "Building")])
        self.connection.close()
        gate.wait_for_job()
        self.node.restart()
        # The job goes on, its report waits for the broker, and the redelivery joins what there is.
        gate.let_through()
        self.connect()
        # Once more comes what the broker took or settled without its word reaching rbit.
        told = self.reports_until(status, (36, "Done"))
        self.wait_for_counts(queue, 0, 0)
        self.assertEqual(self.read("runs"), "run\n")
        self.publish(queue, build_request(job=37))
        gate.let_through()
        told += self.reports_until(status, (37, "Done"))
        self.assertLessEqual(told.count((36, "Building")), 1)
        first_time = [one for n, one in enumerate(told) if one not in told[:n] + [(36, "Building")]]
        self.assertEqual(first_time, [(36, "Done"), (37, "Building"), (37, "Done")])
        self.assertEqual(self.rbit.stop(), 0)

    def test_killed_and_back_while_idle(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.start()
        self.connection.close()
        self.node.kill9()
        wait_until(self.complaints, "a word about it")
        self.node.start()
        self.rbit.wait_for(self.consuming, times=2)
        self.connect()
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Done")

    def test_it_can_be_stopped_while_the_broker_is_away(self):
        self.configure({"build": "runner = shell!true"}, amqp="host = 127.0.0.1\nport = 9")
        self.start(until="127.0.0.1:9")
        self.assertEqual(self.rbit.stop(), 0)


if __name__ == "__main__":
    broker_suite.main()
