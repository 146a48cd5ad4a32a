"""[hook:NAME] where rbit is killed or stopped meanwhile."""

import json
import os
import time

import rbit_suite
from hook_suite import HookSuite
from pybit_messages import build_request
from rbit_suite import wait_until


class Crash(HookSuite):
    def test_killed_in_the_hook_it_runs_once_more(self):
        gate = self.gate("gate")
        self.hook("runner = shell!true",
                  {"slow": f"run = shell!{self.tell}; [ -e {self.path('second')} ] || "
                           f"read -r _ < {gate.path}\non = done\ntimeout = 1h"})
        self.start()
        self.run_job()
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        self.wait_until_on_record(36)
        self.rbit.kill()
        self.write("second", "")
        self.start()
        self.wait_for_told("slow done Done 36 1", "slow done Done 36 1")
        wait_until(lambda: self.reports_of(36, "hook:slow") == ["sent"], "its row")
        self.assertEqual(self.rbit.stop(), 0)
        self.start()
        self.run_job(37)
        wait_until(lambda: len(self.told()) == 3, "the next job's")
        wait_until(lambda: os.listdir(self.path("state", "hooks")) == [], "their records to go")

    def dies_at(self, point):
        """A job whose rbit dies there, once; then the body that the hook of the next life got."""
        program = os.path.join(rbit_suite.BINARY_DIR, "rbit-faulty")
        if not os.access(program, os.X_OK):
            self.skipTest(f"no {program}")
        self.hook("runner = shell!true",
                  {"note": f"run = shell!{self.tell}; cat > {self.path('body')}\non = done"})
        self.program, usual = program, self.program
        one = self.start(environment=self.environment(RBIT_FAIL=f"{point}:abort@1"))
        body = build_request(job=36)
        self.submit("build", file=self.write("message", body), expect=None)
        wait_until(lambda: one.process.poll() is not None, f"rbit to die at {point}")
        self.assertEqual(self.told(), [])
        self.program = usual
        self.start()
        self.wait_for_told("note done Done 36 1")
        wait_until(lambda: self.reports_of(36, "hook:note") == ["sent"], "its row")
        self.assertEqual(json.loads(self.read("body")), json.loads(body))
        self.wait_for_status(36, "Done")
        self.assertEqual(self.rbit.stop(), 0)

    def test_killed_between_verdict_and_hook(self):
        self.dies_at("J3.after")

    def test_killed_before_the_verdict_is_on_record(self):
        """The leader's record has it, and the journal the message, though the embedded queue has
        that too."""
        self.dies_at("J3.before")

    def test_what_an_earlier_life_left_of_a_hook_ends_first(self):
        gate = self.gate("gate")
        self.hook("runner = shell!true",
                  {"slow": f"""
                      run = shell!trap 'sleep 0.5; echo ended >> {self.path('told')}; exit' TERM
                          echo begun >> {self.path('told')}
                          [ -e {self.path('second')} ] || read -r _ < {gate.path}
                      on = done
                      timeout = 1h
                      """})
        self.start()
        self.run_job()
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        self.wait_until_on_record(36)
        self.rbit.kill()
        self.write("second", "")
        self.start()
        self.wait_for_told("begun", "ended", "begun")


class Stop(HookSuite):
    def test_one_under_way_is_waited_for(self):
        gate = self.gate("gate")
        self.hook("runner = shell!true",
                  {"slow": f"run = shell!read -r _ < {gate.path}; {self.tell}\non = done\n"
                           "timeout = 1h"})
        self.start()
        self.run_job()
        gate.wait_for_job()
        self.rbit.signal(rbit_suite.signal.SIGTERM)
        self.rbit.wait_for("draining")
        gate.let_through()
        self.assertEqual(self.rbit.wait(), 0)
        self.assertEqual(len(self.told()), 1)
        self.assertEqual(self.rbit.lines_with("reports wait on disk"), [])

    def test_one_that_takes_too_long_runs_at_the_next_start(self):
        self.hook("runner = shell!true",
                  {"slow": f"run = shell!{self.tell}; [ -e {self.path('second')} ] || sleep 1000\n"
                           "on = done\ntimeout = 1h"})
        self.start()
        self.run_job()
        wait_until(self.told, "the hook")
        began = time.monotonic()
        self.assertEqual(self.rbit.stop(), 0)
        self.assertLess(time.monotonic() - began, 60)
        self.assertEqual(len(self.rbit.lines_with("1 reports wait on disk")), 1)
        self.write("second", "")
        self.start()
        self.wait_for_told("slow done Done 36 1", "slow done Done 36 1")


if __name__ == "__main__":
    rbit_suite.main()
