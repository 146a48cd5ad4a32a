"""A runner that cannot work: its consumer is cancelled, its messages stay in their queue."""

import os

import broker_suite
from broker_suite import BrokerSuite
from pybit_messages import build_request


class Broken(BrokerSuite):
    def test_from_the_start(self):
        broken, well = self.queue("a"), self.queue("b")
        self.configure_broker({broken: f"runner = shell!{self.path('tool')} %ID",
                               well: "runner = shell!true"})
        self.start()
        self.rbit.wait_for(f"[runner:{broken}] cannot work")
        self.publish(broken, build_request(job=1))
        self.publish(well, build_request(job=2))
        self.wait_for_status(2, "Done")
        self.wait_for_counts(broken, 1, 0)
        self.wait_for_consumers(broken, 0)
        self.assertEqual(self.statuses(1), [])

    def test_one_that_goes_away(self):
        queue = self.queue()
        tool = self.write("tool", "#!/bin/sh\ntrue\n")
        os.chmod(tool, 0o755)
        self.configure_broker({queue: f"runner = shell!{tool}\nattempts = 1"})
        self.start()
        self.publish(queue, build_request(job=1))
        self.wait_for_status(1, "Done")
        os.unlink(tool)
        self.publish(queue, build_request(job=2))
        self.publish(queue, build_request(job=3))
        self.rbit.wait_for("cannot work")
        self.wait_for_counts(queue, 2, 0)
        self.wait_for_consumers(queue, 0)
        self.assertFalse(self.exists(f"rbit.dead.{queue}"))
        self.assertFalse(self.exists(f"rbit.retry.{queue}.60000"))
        errors = [line for line in self.rbit.log.splitlines() if "ERROR" in line]
        self.assertEqual(len(errors), 1, errors)


if __name__ == "__main__":
    broker_suite.main()
