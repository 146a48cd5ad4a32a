"""prefetch-ahead: messages that wait here for a slot, and go to another rbit if a job turns out long."""

import json
import os
import signal

import broker_suite
from broker_suite import BrokerSuite
from rbit_suite import wait_until


class PrefetchAhead(BrokerSuite):
    def configure_jobs(self, queue, line, ahead=16, more="", rbit="slots = 1"):
        self.configure_broker({queue: f"""
            runner = shell!{line}
            message = json
            prefetch-ahead = {ahead}
            {more}
            """}, rbit=rbit)

    def done(self):
        path = self.path("runs")
        return self.read("runs").split() if os.path.exists(path) else []

    def publish_jobs(self, queue, *jobs):
        for job in jobs:
            self.publish(queue, json.dumps({"job": job}))

    def test_behind_a_long_job_nothing_waits_that_another_could_do(self):
        queue, gate = self.queue(), self.gate("gate")
        # Job 30 waits for the gate; all others are short.
        self.configure_jobs(queue, f"echo %{{/job}} >> {self.path('runs')}; "
                                   f"[ %{{/job}} != 30 ] || read -r _ < {gate.path}")
        self.start()
        self.wait_for_consumers(queue, 1)
        self.publish_jobs(queue, *range(1, 61))
        wait_until(lambda: "30" in self.done(), "the long job")
        # None but the long job's own message is out, and the others are in order.
        self.wait_for_counts(queue, 30, 1)
        got = [json.loads(self.get(queue)[1])["job"] for _ in range(30)]
        self.assertEqual(got, list(range(31, 61)))
        gate.let_through()
        self.publish_jobs(queue, 61)
        wait_until(lambda: "61" in self.done(), "the job after the long one")
        self.wait_for_counts(queue, 0, 0)
        self.assertEqual(self.done(), [str(n) for n in range(1, 31)] + ["61"])
        self.assertNotIn("came again", self.rbit.log)

    def test_a_stop_gives_back_what_waits(self):
        queue, gate = self.queue(), self.gate("gate")
        self.configure_jobs(queue, f"echo %{{/job}} >> {self.path('runs')}; "
                                   f"[ %{{/job}} != 20 ] || read -r _ < {gate.path}")
        self.start()
        self.wait_for_consumers(queue, 1)
        self.publish_jobs(queue, *range(1, 41))
        wait_until(lambda: "20" in self.done(), "the long job")
        self.rbit.signal(signal.SIGTERM)
        self.wait_for_counts(queue, 20, 1)
        gate.let_through()
        self.assertEqual(self.rbit.wait(), 0)
        self.wait_for_counts(queue, 20, 0)


if __name__ == "__main__":
    broker_suite.main()
