"""A new rbit takes over from one that drains, with a real broker between them."""

import os
import signal

import pika

import broker_suite
import node as broker_node
import rbit_suite
import upgrades
from broker_suite import BrokerSuite
from front_end import FrontEnd
from pybit_messages import build_request, cancel_request
from rbit_suite import wait_until


class HandOver(BrokerSuite):
    def waiting_job(self, text="true", more="", runner="", rbit=""):
        self.go, self.work = self.gate("gate"), self.queue()
        self.configure_broker({self.work: f"""
            runner = shell!
                echo "$RBIT_ATTEMPT" >> {self.path('runs')}
                read -r _ < {self.go.path}
                {text}
            grace = 1
            {runner}
            """}, more=more, rbit=f"slots = 1\n{rbit}")

    def handed_over(self):
        old = self.start()
        self.publish(self.work, build_request(job=1), message_id="one")
        self.go.wait_for_job()
        old.signal(signal.SIGTERM)
        old.wait_for("draining")
        new = self.start(until="goes on in rbit")
        new.wait_for(self.consuming)
        return old, new

    def runs(self):
        return self.read("runs").split() if os.path.exists(self.path("runs")) else []

    def test_its_message_is_acknowledged_once_and_it_runs_once(self):
        status, section = self.status_queue()
        self.waiting_job(more=section)
        old, new = self.handed_over()
        self.wait_for_counts(self.work, 0, 0)
        self.publish(self.work, build_request(job=2), message_id="two")
        self.go.let_through()
        self.assertEqual(old.wait(), 0)
        wait_until(lambda: len(self.runs()) == 2, "the next job")
        self.go.let_through()
        self.assertEqual(self.reports(status, 4), [(1, "Building"), (1, "Done"),
                                                   (2, "Building"), (2, "Done")])
        self.wait_for_counts(self.work, 0, 0)
        self.assertEqual(self.counts(status), (0, 0))
        self.assertEqual(self.runs(), ["1", "1"])
        self.assertEqual(new.stop(), 0)

    def test_a_front_end_cancels_it_at_the_new_one(self):
        front_end, name, exchange = FrontEnd(), f"{self.dist}-horse", f"{self.dist}-pybit"
        self.addCleanup(front_end.go_down)
        self.waiting_job(more=f"[status]\nurl = {front_end.url}\n",
                         rbit=f"name = {name}\nexchange = {exchange}")
        old, new = self.handed_over()

        def ask(client):
            """Until it is bound: the new one has just made its command queue."""
            def routed():
                channel = self.connection.channel()
                channel.confirm_delivery()
                try:
                    channel.basic_publish(exchange, client, cancel_request(1, client),
                                          mandatory=True)
                except pika.exceptions.UnroutableError:
                    return False
                finally:
                    channel.close()
                return True
            wait_until(routed, "the new one's command queue")

        front_end.cancel(1, ask)
        self.assertEqual(old.wait(), 0)
        wait_until(lambda: front_end.statuses(1) == ["Building", "Cancelled"],
                   f"its end, {front_end.statuses(1)}")
        self.assertEqual(self.runs(), ["1"])
        self.wait_for_counts(self.work, 0, 0)

    def test_one_that_failed_becomes_a_retry_or_a_dead_letter(self):
        self.waiting_job("exit 3")
        old, new = self.handed_over()
        self.go.let_through()
        self.assertEqual(old.wait(), 0)
        properties, body = self.get(f"rbit.dead.{self.work}")
        self.assertEqual(properties.message_id, "one")
        self.assertEqual(body, build_request(job=1))

    def test_ten_upgrades_over_a_hundred_jobs_run_each_once(self):
        status, section = self.status_queue()
        self.work = self.queue()
        self.configure_broker({self.work: upgrades.runner(self)}, rbit="slots = 4", more=section)
        self.start()
        for job in upgrades.JOBS:
            self.publish(self.work, build_request(job=job), message_id=f"job-{job}")
        upgrades.upgrade_while_they_run(self)
        reports = self.reports(status, 200)
        self.wait_for_counts(self.work, 0, 0)
        self.assertEqual(self.counts(status), (0, 0))
        for job in upgrades.JOBS:
            self.assertEqual([told for one, told in reports if one == job], ["Building", "Done"])
        upgrades.end_all(self)

    def test_the_old_one_is_killed_and_the_job_runs_again(self):
        self.waiting_job()
        old, new = self.handed_over()
        old.kill()
        wait_until(lambda: len(self.runs()) == 2, "its next run")
        self.go.let_through()
        self.assert_statuses(1, "Building", "Building", "Done")
        self.assertEqual(self.runs(), ["1", "2"])
        self.wait_for_counts(self.work, 0, 0)

    def test_while_the_broker_is_away(self):
        with broker_node.Node() as node:
            self.node = node
            shared = self.connection, self.channel
            self.connection = broker_suite.blocking_connection(node.url)
            self.channel = self.connection.channel()
            self.waiting_job()
            old = self.start()
            self.publish(self.work, build_request(job=1), message_id="one")
            self.connection.close()
            self.connection, self.channel = shared
            self.go.wait_for_job()
            node.ctl("stop_app")
            old.wait_for("connection")
            old.signal(signal.SIGTERM)
            old.wait_for("draining")
            new = self.start(until="goes on in rbit")
            node.ctl("start_app")
            new.wait_for(self.consuming)
            self.go.let_through()
            self.assertEqual(old.wait(), 0)
            new.wait_for("state is now 'Done'")  # its message comes back meanwhile
            self.wait_for_counts(self.work, 0, 0)
            self.assertEqual(self.statuses(1), ["Building", "Done"])
            self.assertEqual(self.runs(), ["1"])
            self.assertEqual(new.stop(), 0)

    def test_the_old_one_is_killed_at_each_step(self):
        faulty = os.path.join(rbit_suite.BINARY_DIR, "rbit-faulty")
        if not os.access(faulty, os.X_OK):
            self.skipTest(f"no {faulty}: build rbit-faulty")
        self.program = faulty
        self.waiting_job()
        for job, point in enumerate(("H.rest", "H.kept", "H.closed", "H.released"), 1):
            with self.subTest(point):
                old = self.start(environment=self.environment(RBIT_FAIL=f"{point}:abort"))
                self.publish(self.work, build_request(job=job), message_id=point)
                wait_until(lambda: len(self.runs()) == 2 * job - 1, "its run")
                old.signal(signal.SIGTERM)
                old.wait_for("draining")
                new = self.start()
                self.assertEqual(old.wait(), -signal.SIGKILL)
                wait_until(lambda: len(self.runs()) == 2 * job, "its next run")
                self.go.let_through()
                self.wait_for_status(job, "Done")
                self.wait_for_counts(self.work, 0, 0)
                self.assertEqual(self.statuses(job).count("Done"), 1)
                self.assertEqual(new.stop(), 0)
                self.assertEqual(len(self.runs()), 2 * job)

    def test_both_are_killed(self):
        self.waiting_job()
        old, new = self.handed_over()
        new.kill()
        old.kill()
        self.start()
        wait_until(lambda: len(self.runs()) == 2, "its next run")
        self.go.let_through()
        self.wait_for_status(1, "Done")
        self.wait_for_counts(self.work, 0, 0)
        self.assertEqual(self.runs(), ["1", "2"])

    def test_a_message_that_shall_stay_at_the_broker_keeps_its_rbit(self):
        self.waiting_job(runner="ack-after = never")
        old = self.start()
        self.publish(self.work, build_request(job=1))
        self.go.wait_for_job()
        old.signal(signal.SIGTERM)
        old.wait_for("draining")
        new = self.start(until=None)
        self.assertEqual(new.wait(), 75)
        self.assertIn("ack-after", new.log)
        self.wait_for_counts(self.work, 0, 1)
        self.go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Done")
        self.wait_for_counts(self.work, 0, 0)


if __name__ == "__main__":
    broker_suite.main()
