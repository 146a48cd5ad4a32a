"""A new rbit starts while the old one drains, and goes on with its jobs."""

import base64
import json
import os
import signal
import subprocess
import unittest

import rbit_suite
import upgrades
from pybit_messages import build_request
from rbit_suite import Suite, wait_until

FAULTY = os.path.join(rbit_suite.BINARY_DIR, "rbit-faulty")


class HandOver(Suite):
    def waiting_job(self, text="", rbit="slots = 1", **more):
        """Queue `build`, whose jobs note that they run and wait at a gate."""
        self.go = self.gate("gate")
        self.configure({"build": f"""
            runner = shell!
                echo "$RBIT_ATTEMPT" >> {self.path('runs')}
                echo working
                {text or 'true'}
                read -r _ < {self.go.path}
                echo leaving
            grace = 1
            """}, rbit=rbit, **more)

    def running(self, job=1):
        old = self.start()
        self.submit("build", "bash", job=job)
        self.go.wait_for_job()
        return old

    def drain(self, one):
        one.signal(signal.SIGTERM)
        one.wait_for("draining")

    def handed_over(self):
        """An old one that keeps job 1, and the new one."""
        old = self.running()
        self.drain(old)
        return old, self.start()

    def runs(self):
        return self.read("runs").split() if os.path.exists(self.path("runs")) else []

    def jobs(self):
        done = self.command("jobs", self.config, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def keepers(self):
        return [name for name in os.listdir(self.path("state")) if name.startswith("keep-")]


class Upgrade(HandOver):
    def test_the_old_one_keeps_its_job_and_the_new_one_has_its_verdict(self):
        self.waiting_job()
        old, new = self.handed_over()
        new.wait_for("goes on in rbit")
        self.assertIsNone(old.process.poll())
        self.go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Done")
        self.wait_until_on_record(1)
        self.assertEqual(self.runs(), ["1"])
        self.assertEqual(self.keepers(), [])
        self.assertEqual(new.stop(), 0)
        self.assertEqual(os.listdir(self.path("state", "records")), [])
        self.start()
        self.submit("build", "bash", job=2)
        self.go.let_through()
        self.assert_statuses(2, "Building", "Done")
        self.assertEqual(self.runs(), ["1", "1"])

    def test_it_is_seen_as_a_job_that_runs_and_has_its_slot(self):
        self.waiting_job()
        old, new = self.handed_over()
        self.submit("build", "zsh", job=2)
        status = self.ask(do="status")
        states = {job["name"]: job["state"] for job in self.ask(do="jobs", limit=10)["jobs"]}
        self.assertEqual(states["1"], "running", states)
        self.assertEqual(self.statuses(2), [])
        self.assertIn('"used":1', json.dumps(status, separators=(",", ":")), status)
        self.assertEqual(status["status"]["kept"], [{"pid": old.pid, "jobs": ["1"]}])
        self.assertIn(f"kept     by process {old.pid}, an rbit that handed over: 1\n",
                      self.command("status", self.config).stdout)
        self.go.let_through()
        self.assertEqual(old.wait(), 0)
        self.go.let_through()
        self.assert_statuses(2, "Building", "Done")

    def test_it_is_cancelled_from_the_new_one(self):
        self.waiting_job()
        old, new = self.handed_over()
        done = self.command("cancel", self.config, "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_statuses(1, "Building", "Cancelled")
        self.assertEqual(old.wait(), 0)
        self.assertEqual(self.runs(), ["1"])

    def test_where_it_alone_is_left_a_cancel_says_so(self):
        self.waiting_job()
        old, new = self.handed_over()
        new.kill()
        done = self.command("cancel", self.config, "1")
        self.assertEqual(done.returncode, 69)
        self.assertIn("no rbit runs here but one that handed over, to its last jobs (start it, it "
                      "goes on with them: rbit", done.stderr)

    def test_what_it_says_and_gives_reaches_the_new_one(self):
        self.go, end = self.gate("gate"), self.gate("end")
        self.configure({"build": f"""
            runner = shell!
                echo 1 >> {self.path('runs')}
                echo begun
                read -r _ < {self.go.path}
                echo '{{"progress": {{"done": 3, "total": 9, "text": "linking"}}}}' >&3
                echo '{{"status": "Building", "message": "half of it"}}' >&3
                echo '{{"publish": {{"key": "other", "body": "now", "when": "now"}}}}' >&3
                read -r _ < {end.path}
                echo '{{"publish": {{"key": "other", "body": "then"}}}}' >&3
                echo '{{"result": {{"size": 7}}}}' >&3
                echo made > product
                echo '{{"artifact": "product"}}' >&3
            may-publish = :other
            """, "other": f"runner = shell!cat >> {self.path('others')}\nmessage = raw\nslots = 1"})
        old, new = self.handed_over()
        self.go.let_through()
        wait_until(lambda: "linking" in json.dumps(self.ask(do="jobs", limit=9)), "its progress")
        wait_until(lambda: os.path.exists(self.path("others")) and self.read("others") == "now",
                   "what it publishes at once")
        wait_until(lambda: "half of it" in self.command("explain", self.config, "1").stdout,
                   "what it says of itself")
        end.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Done")
        wait_until(lambda: self.read("others") == "nowthen", "what it publishes with its end")
        story = self.command("explain", self.config, "1", "--json").stdout
        self.assertIn('"size"', story)
        self.assertIn("product", story)

    def test_its_log_is_followed_live(self):
        self.waiting_job()
        old, new = self.handed_over()
        wait_until(lambda: "working" in self.command("log", self.config, "1").stdout,
                   "what it has written")
        follower = subprocess.Popen([self.program, "log", self.config, "-f", "1"], text=True,
                                    cwd=self.directory, stdout=subprocess.PIPE)
        self.addCleanup(follower.stdout.close)
        self.assertEqual(follower.stdout.readline(), "working\n")
        self.go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assertEqual(follower.stdout.read(), "leaving\n")
        self.assertEqual(follower.wait(rbit_suite.PATIENCE), 0)

    def test_three_generations(self):
        gates = [self.gate(f"gate-{job}") for job in (1, 2, 3)]
        self.configure({"build": f"""
            runner = shell!
                echo "$RBIT_ATTEMPT" >> {self.path('runs')}
                read -r _ < {self.path('gate')}-$RBIT_JOB_ID
            """}, rbit="slots = 3")
        rbits = []
        for job, gate in zip((1, 2, 3), gates):
            rbits.append(self.start())
            self.submit("build", "bash", job=job)
            gate.wait_for_job()
            self.drain(rbits[-1])
        last = self.start()
        last.wait_for("goes on in rbit", times=3)
        self.assertEqual(len(self.keepers()), 3)
        for gate, one in zip(gates, rbits):
            gate.let_through()
            self.assertEqual(one.wait(), 0)
        for job in (1, 2, 3):
            self.assert_statuses(job, "Building", "Done")
        self.assertEqual(self.runs(), ["1"] * 3)

    def test_a_failure_counts_as_ever(self):
        self.go = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {self.go.path}; exit 3"})
        old, new = self.handed_over()
        self.go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Failed")

    def test_nobody_waits_for_it_so_the_drain_has_no_end(self):
        self.waiting_job(rbit="slots = 1\ndrain-timeout = 1")
        old, new = self.handed_over()
        # The new one may wait as long: it is told to stop later, and interrupts the job.
        self.drain(new)
        self.assertEqual(new.wait(), 0)
        self.assertEqual(old.wait(), 0)
        self.assertNotIn("drain-timeout has passed", old.log)
        self.assertIn("drain-timeout has passed", new.log)

    def test_a_second_term_interrupts_and_the_job_runs_again_at_no_cost(self):
        self.waiting_job()
        old, new = self.handed_over()
        old.signal(signal.SIGTERM)
        self.assertEqual(old.wait(), 0)
        wait_until(lambda: len(self.runs()) == 2, "its next run")
        self.assertEqual(self.runs(), ["1", "1"])
        self.go.let_through()
        self.wait_for_status(1, "Done")

    def test_the_new_one_drains_with_it_and_interrupts_it(self):
        self.waiting_job()
        old, new = self.handed_over()
        self.drain(new)
        new.signal(signal.SIGTERM)
        self.assertEqual(new.wait(), 0)
        self.assertEqual(old.wait(), 0)
        self.start()
        wait_until(lambda: len(self.runs()) == 2, "its next run")
        self.go.let_through()
        self.wait_for_status(1, "Done")

    def test_one_that_was_not_told_to_stop_hands_nothing_over(self):
        self.waiting_job()
        old = self.running()
        new = self.start(until=None)
        self.assertEqual(new.wait(), 75)
        self.assertIn("another rbit works here", new.log)
        self.assertIn("SIGTERM", new.log)
        self.go.let_through()
        self.assert_statuses(1, "Building", "Done")
        self.assertIsNone(old.process.poll())


class Chain(HandOver):
    def test_ten_upgrades_over_a_hundred_jobs_run_each_once(self):
        self.configure({"build": upgrades.runner(self)}, rbit="slots = 4")
        self.start()
        for job in upgrades.JOBS:
            body = base64.b64encode(build_request(job=job)).decode()
            self.assertIn("ok", self.ask(do="submit", queue="build", properties="{}", bytes=body))
        upgrades.upgrade_while_they_run(self)
        for job in upgrades.JOBS:
            self.assert_statuses(job, "Building", "Done")
        upgrades.end_all(self)
        for name in ("records", "slots", "hooks"):
            self.assertEqual(os.listdir(self.path("state", name)), [])
        self.assertEqual(self.keepers(), [])


@unittest.skipUnless(os.access(FAULTY, os.X_OK), f"no {FAULTY}: build rbit-faulty")
class Killed(HandOver):
    """Either is killed at every step between."""

    program = FAULTY

    def fail(self, point, action="abort"):
        return self.environment(RBIT_FAIL=f"{point}:{action}", RBIT_FAIL_LOG=self.path("failed"))

    def assert_killed(self, one, point):
        self.assertEqual(one.wait(), -signal.SIGKILL, one.log)
        self.assertIn(point, self.read("failed"))

    def end(self, runs):
        """The job ends once, and ran so often."""
        wait_until(lambda: len(self.runs()) == runs, f"{runs} runs")
        self.go.let_through()
        self.wait_for_status(1, "Done")
        self.wait_until_on_record(1)
        self.assertEqual(len(self.runs()), runs)
        self.assertEqual(self.statuses(1).count("Done"), 1)

    def old_is_killed_at(self, point):
        """Before it has let go of the lock, or after: in its life or with its job."""
        old = self.start(environment=self.fail(point))
        self.submit("build", "bash", job=1)
        self.go.wait_for_job()
        self.drain(old)
        new = self.start()
        self.assert_killed(old, point)
        return new

    def test_the_old_one_before_and_after_each_step(self):
        for point in ("H.rest", "H.kept", "H.closed", "H.released"):
            with self.subTest(point):
                self.fresh(point)
                self.old_is_killed_at(point)
                self.end(runs=2)
                self.assertEqual(self.rbit.stop(), 0)

    def fresh(self, name):
        """A state of its own."""
        os.mkdir(self.path(name))
        self.waiting_job_in(name)

    def waiting_job_in(self, name):
        self.go = self.gate(name + ".gate")
        for file in ("runs", "failed"):
            if os.path.exists(self.path(file)):
                os.remove(self.path(file))
        for one in self.rbits:
            if one.process.poll() is None:
                one.kill()
        self.rbits.clear()
        self.configure({"build": f"""
            runner = shell!
                echo "$RBIT_ATTEMPT" >> {self.path('runs')}
                read -r _ < {self.go.path}
            grace = 1
            """}, rbit="slots = 1")
        text = self.read("rbit.ini").replace("state-dir = state", f"state-dir = {name}/state")
        self.configure_text(text)

    def test_the_old_one_while_it_keeps_a_job(self):
        self.waiting_job()
        old, new = self.handed_over()
        old.kill()
        new.wait_for("without a verdict")
        self.end(runs=2)
        self.assertEqual(self.runs(), ["1", "2"])

    def test_the_old_one_as_its_job_has_ended(self):
        for point, runs in (("H.ended", 1), ("H.noted", 1)):
            with self.subTest(point):
                self.waiting_job_in(point)
                old = self.start(environment=self.fail(point))
                self.submit("build", "bash", job=1)
                self.go.wait_for_job()
                self.drain(old)
                new = self.start()
                self.go.let_through()
                self.assert_killed(old, point)
                self.wait_for_status(1, "Done")
                self.wait_until_on_record(1)
                self.assertEqual(len(self.runs()), runs)
                self.assertEqual(new.stop(), 0)

    def test_the_new_one_before_it_has_the_lock_and_after(self):
        for point in ("H.asking", "H.locked"):
            with self.subTest(point):
                self.waiting_job_in(point)
                old = self.running()
                self.drain(old)
                new = self.start(until=None, environment=self.fail(point))
                self.assert_killed(new, point)
                self.assertIsNone(old.process.poll())
                third = self.start()
                third.wait_for("goes on in rbit")
                self.end(runs=1)
                self.assertEqual(old.wait(), 0)

    def test_the_new_one_while_it_follows_a_job(self):
        self.waiting_job()
        old, new = self.handed_over()
        new.wait_for("goes on in rbit")
        new.kill()
        third = self.start()
        third.wait_for("goes on in rbit")
        self.end(runs=1)
        self.assertEqual(old.wait(), 0)

    def test_the_new_one_and_then_the_job_ends(self):
        self.waiting_job()
        old, new = self.handed_over()
        new.wait_for("goes on in rbit")
        new.kill()
        self.go.let_through()
        self.assertEqual(old.wait(), 0)
        self.start()
        self.wait_for_status(1, "Done")
        self.wait_until_on_record(1)
        self.assertEqual(self.runs(), ["1"])

    def test_both(self):
        self.waiting_job()
        old, new = self.handed_over()
        new.kill()
        old.kill()
        self.start()
        self.end(runs=2)

    def die_before_the_start(self, times):
        self.configure({"build": f"runner = shell!echo $RBIT_ATTEMPT >> {self.path('runs')}"})
        for count in range(times):
            one = self.start(until=None, environment=self.fail("X.before"))
            if count == 0:
                one.wait_for(self.consuming)
                self.submit("build", "bash", job=1)
            self.assert_killed(one, "X.before")
        self.assertEqual(self.runs(), [])
        self.start()

    def test_deaths_before_the_job_started_are_not_its(self):
        self.die_before_the_start(times=4)
        self.wait_for_status(1, "Done")
        self.assertEqual(self.runs(), ["1"])
        self.wait_until_on_record(1)
        self.assertIn("rbit died before it was started",
                      self.command("explain", self.config, "1").stdout)

    def test_but_rbit_does_not_die_of_one_message_for_ever(self):
        self.die_before_the_start(times=10)
        self.wait_for_status(1, "Failed")
        self.assertIn("poison: rbit died 10 times within 72 hours before this job was started",
                      self.rbit.log)
        self.assertEqual(self.runs(), [])

    def test_two_new_ones_at_once(self):
        self.waiting_job()
        old = self.running()
        self.drain(old)
        both = [self.start(until=None), self.start(until=None)]
        wait_until(lambda: any(one.lines_with("goes on in rbit") for one in both), "one of them")
        [loser] = [one for one in both if not one.lines_with("goes on in rbit")]
        self.assertEqual(loser.wait(), 75, loser.log)
        self.end(runs=1)
        self.assertEqual(old.wait(), 0)


if __name__ == "__main__":
    rbit_suite.main()
