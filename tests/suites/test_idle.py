"""An rbit that has nothing to do sleeps: none of its timers is due soon."""

import os
import re

import rbit_suite
from rbit_suite import Suite, readable, wait_until

SOON = 60  # seconds


class Idle(Suite):
    def next_timer(self):
        """Seconds until the first timer of the running rbit is due; an hour: it has none."""
        folder = f"/proc/{self.rbit.pid}/fdinfo"
        due = []
        for name in os.listdir(folder):
            text = readable(os.path.join(folder, name)).decode()
            found = re.search(r"^it_value: \((\d+), (\d+)\)", text, re.M)
            if found and found.groups() != ("0", "0"):
                due.append(int(found[1]))
        return min(due, default=3600)

    def test_after_jobs_no_timer_is_due_soon(self):
        if os.geteuid() != 0:
            self.skipTest("only root sees the timers of rbit, which is not dumpable")
        self.configure({"shell": "runner = shell!true", "plugin": "runner = plugin!"
                        f"{self.library('examples', 'libhello.so')}:hello"})
        self.start()
        for queue in ("shell", "plugin"):
            self.submit(queue, "col1", wait=True)
        wait_until(lambda: self.next_timer() >= SOON, "all timers to be far")
        self.assertEqual(self.rbit.stop(), 0)


if __name__ == "__main__":
    rbit_suite.main()
