"""Connections that end, block, or are not welcome, and what rbit does about each
(rbit/doc/traps.rst, broker-trouble), on a broker of the test's own. What a real broker does not do
on request is played in tests/unit."""

import sys
import time
import unittest
import urllib.request

import pika

import broker_suite
import node as broker_node
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until


own = None  # one node for this file: its tests leave it as they found it


def setUpModule():
    global own
    own = broker_node.Node()
    unittest.addModuleCleanup(own.stop)
    own.start()


class OwnNode(BrokerSuite):
    def node_for_this_test(self):
        return own

    def answers(self):
        """True when the node takes logins."""
        try:
            broker_suite.blocking_connection(self.node.url).close()
        except pika.exceptions.AMQPError:
            return False
        return True


class Lives(OwnNode):
    def test_heartbeats_hold_while_jobs_run(self):
        # Two jobs that eat both processors for four heartbeats.
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!timeout 12 sh -c 'while :; do :; done'; true"},
                              rbit="slots = 2", amqp="heartbeat = 3")
        missed = self.node.log.count("missed heartbeats")
        self.start("--debug")
        self.publish(queue, build_request(job=1))
        self.publish(queue, build_request(job=2))
        for job in (1, 2):
            self.wait_for_status(job, "Done")
        self.assertEqual(len(self.rbit.lines_with(self.consuming)), 1)
        self.assertEqual(self.rbit.lines_with("is lost"), [])
        self.assertEqual(self.node.log.count("missed heartbeats"), missed)

    def test_killed_and_consuming_within_2_s_of_its_return(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"}, amqp="reconnect-ceiling = 1s")
        self.start()
        self.connection.close()
        for round_ in (1, 2):
            self.node.kill9()
            self.rbit.wait_for("is lost", times=round_)
            self.node.start(until_ready=False)
            wait_until(self.answers, "the broker's return", patience=300)
            back = time.monotonic()
            self.assertTrue(self.answers())
            login = time.monotonic() - back  # by another client: how fast this machine is just now
            self.rbit.wait_for(self.consuming, times=1 + round_)
            took = time.monotonic() - back
            print(f"consuming again {took:.2f} s after the broker's return", file=sys.stderr)
            self.assertLess(took, 2 + 50 * login)
        self.connect()
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Done")

    def test_a_dead_host_beside_a_good_one(self):
        queue = self.queue()
        self.configure({queue: "runner = shell!true"},
                       amqp=f"host = 127.0.0.1:9, nowhere.invalid, 127.0.0.1:{self.node.port}")
        self.start()
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Done")
        self.assertEqual(self.rbit.lines_with("unreachable"), [])


class NotWelcome(OwnNode):
    def add_user(self, name, *rights):
        self.node.ctl("add_user", name, "pw")
        self.addCleanup(self.delete_user, name)
        self.node.ctl("set_permissions", name, *(rights or (".*", ".*", ".*")))

    def delete_user(self, name):
        if name in self.node.ctl("list_users"):
            self.node.ctl("delete_user", name)

    def configure_as(self, user, runners, rbit="", more=""):
        self.configure(runners, rbit, more=more,
                       amqp=f"host = 127.0.0.1\nport = {self.node.port}\nuser = {user}\n"
                            "password = pw\nheartbeat = 5\nreconnect-ceiling = 1s")

    def test_at_the_start_it_is_77(self):
        self.add_user("known")
        for amqp in ("user = known\npassword = wr0ng", "user = unknown\npassword = wr0ng",
                     "user = known\npassword = pw\nvirtual_host = nowhere"):
            self.configure({"build": "runner = shell!true"},
                           amqp=f"host = 127.0.0.1\nport = {self.node.port}\n{amqp}")
            self.start(until=None)
            self.assertEqual(self.rbit.wait(), 77, self.rbit.log)
            self.assertNotIn("wr0ng", self.rbit.log)

    def test_a_deleted_user(self):
        self.add_user("doomed")
        queue, gate = self.queue(), self.gate("gate")
        self.configure_as("doomed", {queue: f"runner = shell!read -r _ < {gate.path}"})
        self.start()
        self.publish(queue, build_request(job=36))
        self.wait_for_status(36, "Building")
        self.node.ctl("delete_user", "doomed")
        self.rbit.wait_for("is lost")
        [said] = self.rbit.wait_for("refuses us")
        self.assertIn("ERROR", said)
        gate.let_through()  # the job went on
        self.wait_for_status(36, "Done")
        self.assertEqual(len(self.rbit.lines_with("ERROR")), 1, self.rbit.log)
        self.assertIsNone(self.rbit.process.poll())
        self.assertEqual(self.rbit.stop(), 0)

    def test_one_queue_that_may_not_be_read(self):
        ours, theirs = self.queue("ours"), self.queue("theirs")
        for queue in (ours, theirs):
            self.channel.queue_declare(queue, durable=True)
        self.add_user("narrow", ".*", ".*", f"^({ours}|rbit.*|pybit)$")
        self.configure_as("narrow", {ours: "runner = shell!true", theirs: "runner = shell!true"},
                          rbit="declare = no")
        self.start(until="ERROR")
        self.assertIn(theirs, self.rbit.lines_with("ERROR")[0])
        for job in (1, 2):
            self.publish(ours, build_request(job=job))
            self.assert_statuses(job, "Building", "Done")
        self.assertEqual(len(self.rbit.lines_with("ERROR")), 1, self.rbit.log)
        self.assertEqual(self.rbit.lines_with("is lost"), [])

    def test_a_status_queue_that_may_not_be_written(self):
        queue, status = self.queue(), f"{self.dist}-status"
        self.channel.queue_declare(queue, durable=True)
        self.channel.queue_declare(status, durable=True)
        self.add_user("mute", "^$", "^rbit.*$", ".*")
        self.configure_as("mute", {queue: "runner = shell!true"}, rbit="declare = no",
                          more=f"[status]\nreport = log, amqp\nqueue = {status}")
        self.start()
        for job in (1, 2):
            self.publish(queue, build_request(job=job))
            self.assert_statuses(job, "Building", "Done")
        self.rbit.wait_for("ERROR")
        self.assertEqual(len(self.rbit.lines_with("ERROR")), 1, self.rbit.log)
        self.assertIn("ACCESS_REFUSED", self.rbit.lines_with("ERROR")[0])
        self.wait_for_counts(queue, 0, 0)


class Gone(OwnNode):
    def test_a_queue_that_is_deleted_where_others_declare(self):
        for first, declare in ((1, "no"), (3, "passive")):
            with self.subTest(declare):
                here, gone = self.queue("here" + declare), self.queue("gone" + declare)
                for queue in (here, gone):
                    self.channel.queue_declare(queue, durable=True)
                self.configure_broker({here: "runner = shell!true", gone: "runner = shell!true"},
                                      rbit=f"declare = {declare}\nname = {self.dist}")
                self.start()
                self.channel.queue_delete(gone)
                self.rbit.wait_for(f"queue {gone} cannot be read")
                self.publish(here, build_request(job=first))
                self.assert_statuses(first, "Building", "Done")
                self.channel.queue_declare(gone, durable=True)
                self.publish(gone, build_request(job=first + 1))
                self.assert_statuses(first + 1, "Building", "Done")
                self.assertEqual(self.rbit.lines_with("is lost"), [])
                self.assertEqual(self.rbit.stop(), 0)

    def test_a_queue_that_is_deleted_under_its_job(self):
        queue, gates = self.queue(), [self.gate("gate.one"), self.gate("gate.two")]
        self.configure_broker({queue: f"""
            runner = shell!echo %ID >> {self.path('runs')}; read -r _ < {self.path('gate')}.%ID
            """}, rbit="slots = 2")
        self.start()
        self.publish(queue, build_request(package="one", job=1))
        self.wait_for_status(1, "Building")
        self.channel.queue_delete(queue)
        wait_until(lambda: self.exists(queue), "its queue, declared anew")
        self.publish(queue, build_request(package="two", job=2))
        self.wait_for_status(2, "Building")
        for job, gate in enumerate(gates, 1):
            gate.let_through()
            self.wait_for_status(job, "Done")
        self.assertEqual(sorted(self.read("runs").split()), ["one", "two"])
        self.wait_for_counts(queue, 0, 0)
        self.assertEqual(self.rbit.lines_with("is lost"), [])
        self.assertNotIn("unknown delivery tag", self.node.log)


class Blocked(OwnNode):
    def alarm(self, on):
        self.node.ctl("set_vm_memory_high_watermark", "absolute", "10MiB" if on else "1GB")

    def metric(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith("rbit_broker_blocked"):
                    return float(line.split()[-1])
        return None

    def test_jobs_go_on_and_their_reports_wait(self):
        queue, gates = self.queue(), [self.gate(f"gate.{job}") for job in (1, 2, 3)]
        status, more = self.status_queue()
        port = broker_node.free_base()
        self.configure_broker({queue: f"runner = shell!read -r _ < {self.path('gate')}.%JOB"},
                              rbit="slots = 3",
                              more=f"{more}\n[monitor]\nlisten = 127.0.0.1:{port}\n"
                                   "metrics-namespace = rbit")
        self.start()
        self.addCleanup(self.alarm, False)
        for job in (1, 2, 3):
            self.publish(queue, build_request(job=job))
            self.assertEqual(self.reports(status, 1), [(job, "Building")])
        self.assertEqual(self.metric(port), 0)
        self.alarm(True)
        for gate in gates:
            gate.let_through()
        for job in (1, 2, 3):
            self.wait_for_status(job, "Done")
        [said] = self.rbit.wait_for("takes no messages for now")
        self.assertIn("WARN", said)
        self.assertEqual(self.metric(port), 1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
            self.assertIn("takes no messages", page.read().decode())
        self.wait_for_counts(queue, 0, 0)  # acknowledged on the other connection
        time.sleep(12)  # longer than a report waits for an answer otherwise
        self.alarm(False)
        told = self.reports(status, 3)
        self.assertEqual(sorted(told), [(1, "Done"), (2, "Done"), (3, "Done")])
        self.rbit.wait_for("takes messages again")
        self.assertEqual(self.metric(port), 0)
        self.assertEqual(self.rbit.lines_with("is lost"), [])
        self.assertEqual(self.counts(status), (0, 0))  # none twice


if __name__ == "__main__":
    broker_suite.main()
