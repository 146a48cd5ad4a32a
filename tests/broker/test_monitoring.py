"""What /ready and /metrics say of a real broker: what waits there, what it lost, and why it is not
reached."""

import json
import unittest

import node as broker_node
import broker_suite
from broker_suite import BrokerSuite
from monitor_visitor import MonitorVisitor
from pybit_messages import build_request


own = None  # one node for this file: its tests leave it as they found it


def setUpModule():
    global own
    own = broker_node.Node()
    unittest.addModuleCleanup(own.stop)
    own.start()


class Watched(MonitorVisitor, BrokerSuite):
    def node_for_this_test(self):
        return own

    def configure_watched(self, runners, **more):
        self.port = broker_node.free_base()
        self.configure_broker(runners, more=f"[monitor]\nlisten = 127.0.0.1:{self.port}\n", **more)

    def test_what_waits_is_due_and_is_dead(self):
        slow, bad, later = (self.queue(suite) for suite in ("slow", "bad", "later"))
        gates = [self.gate(f"gate.{job}") for job in range(1, 6)]
        self.configure_watched({
            slow: f"runner = shell!read -r _ < {self.path('gate')}.%JOB\nslots = 1\nprefetch-ahead = 0",
            bad: "runner = shell!exit 3",
            later: "runner = shell!exit 75\nretry-delay = 1h"})
        self.start()
        for job in range(1, 6):
            self.publish(slow, build_request(job=job))
        for job in range(6, 9):
            self.publish(bad, build_request(job=job))
        for job in range(9, 11):
            self.publish(later, build_request(job=job))
        self.wait_for_sample(4, "rbit_queue_waiting_messages", queue=slow)
        self.wait_for_sample(1, "rbit_queue_running_jobs", queue=slow)
        self.wait_for_sample(3, "rbit_queue_dead_messages", queue=bad)
        self.wait_for_sample(2, "rbit_queue_due_jobs", queue=later)
        self.wait_for_sample(0, "rbit_queue_waiting_messages", queue=later)
        self.wait_for_sample(0, "rbit_queue_dead_messages", queue=slow)
        for job, gate in enumerate(gates, 1):
            gate.let_through()
            self.wait_for_status(job, "Done")
        self.wait_for_sample(0, "rbit_queue_waiting_messages", queue=slow)

    def test_without_a_broker_it_is_alive_not_ready_and_says_why(self):
        queue, gate = self.queue(), self.gate("gate")
        self.configure_watched({queue: f"runner = shell!read -r _ < {self.path('gate')}"},
                               amqp="reconnect-ceiling = 1s")
        self.start()
        self.wait_until_ready()
        self.publish(queue, build_request(job=1))
        gate.wait_for_job()
        self.connection.close()
        self.node.kill9()
        code, body = self.wait_for_reason("refused")
        said = json.loads(body)
        self.assertEqual((code, said["status"], said["journal"]), (503, "fail", "ok"))
        self.assertIn("refused", said["broker"])
        self.assertEqual(list(said["queues"]), [queue])
        self.assertEqual(self.get("/live")[0], 200)
        self.assertEqual(self.sample("rbit_queue_read", queue=queue), 0)
        self.assertIsNone(self.sample("rbit_queue_waiting_messages", queue=queue))
        self.node.start()
        self.wait_until_ready()
        self.wait_for_sample(1, "rbit_broker_reconnects_total")
        self.wait_for_sample(1, "rbit_redeliveries_joined_total", queue=queue)
        gate.let_through()
        self.assert_statuses(1, "Building", "Done")


if __name__ == "__main__":
    broker_suite.main()
