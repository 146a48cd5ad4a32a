"""Stopping, killing, starting again."""

import contextlib
import signal
import sqlite3

import rbit_suite
import record_file
from front_end import FrontEnd
from rbit_suite import Suite, is_running, wait_until

FOREVER = "3600"


class Drain(Suite):
    def test_idle_it_ends_at_once_with_0(self):
        self.configure({"build": "runner = shell!true"})
        for number in (signal.SIGTERM, signal.SIGINT):
            self.start()
            self.rbit.signal(number)
            self.assertEqual(self.rbit.wait(), 0)

    def test_signals_to_the_very_end_do_not_change_how_it_ended(self):
        self.configure({"build": "runner = shell!true"})
        for _ in range(5):
            self.start()
            self.rbit.signal(signal.SIGTERM)
            while self.rbit.process.poll() is None:
                self.rbit.signal(signal.SIGHUP)  # another TERM would count
            self.assertEqual(self.rbit.wait(), 0)

    def drain(self, number):
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {gate.path}"}, rbit="slots = 1")
        self.start()
        self.submit("build", "running", job=1)
        self.wait_for_status(1, "Building")
        self.submit("build", "waiting", job=2)
        self.rbit.signal(number)
        self.rbit.wait_for("drain")
        gate.let_through()
        self.assertEqual(self.rbit.wait(), 0)
        self.assertEqual(self.statuses(1), ["Building", "Done"])
        self.assertEqual(self.statuses(2), [])
        self.start()
        gate.let_through()
        self.assert_statuses(2, "Building", "Done")

    def test_term_lets_the_running_job_end_and_the_next_wait(self):
        self.drain(signal.SIGTERM)

    def test_int_does_the_same(self):
        self.drain(signal.SIGINT)

    def test_the_drain_has_an_end(self):
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {gate.path}\ngrace = 1"},
                       rbit="drain-timeout = 1")
        self.start()
        self.submit("build", "running", job=1)
        self.wait_for_status(1, "Building")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.statuses(1), ["Building"])


class Interrupted(Suite):
    def stubborn(self, grace):
        """A job that is running and says when TERM comes, twice over the same state."""
        self.configure({"build": f"""
            runner = shell!
                trap 'echo term >> {self.path('terms')}' TERM
                echo $RBIT_ATTEMPT >> {self.path('runs')}
                while [ ! -e {self.path('go')} ]; do sleep 0.05; done
            grace = {grace}
            """})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_file("runs")

    def finish(self):
        """The job is back in its queue: the next rbit runs it, as the same attempt."""
        self.assertEqual(self.statuses(36), ["Building"])
        self.write("go", "")
        self.start()
        self.wait_for_status(36, "Done")
        self.assertEqual(self.read("runs").split(), ["1", "1"])

    def test_a_second_signal_cancels_with_grace(self):
        self.stubborn(grace=4)
        self.rbit.signal(signal.SIGTERM)
        self.rbit.wait_for("drain")
        self.rbit.signal(signal.SIGTERM)
        self.wait_for_file("terms")
        self.assertEqual(self.rbit.wait(), 0)
        self.finish()

    def test_a_third_kills(self):
        self.stubborn(grace=FOREVER)
        self.rbit.signal(signal.SIGTERM)
        self.rbit.wait_for("drain")
        self.rbit.signal(signal.SIGINT)
        self.wait_for_file("terms")
        self.rbit.signal(signal.SIGINT)
        self.assertEqual(self.rbit.wait(), 0)
        self.finish()

    def test_the_outbox_is_flushed_at_the_end(self):
        front_end = FrontEnd()
        self.addCleanup(front_end.go_down)
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {gate.path}"},
                       more=f"[status]\nreport = pybit\nurl = {front_end.url}")
        self.start()
        self.submit("build", "col10642", job=36)
        wait_until(lambda: front_end.statuses(36) == ["Building"], "Building")
        self.rbit.signal(signal.SIGTERM)
        self.rbit.wait_for("drain")
        gate.let_through()
        self.assertEqual(self.rbit.wait(), 0)
        self.assertEqual(front_end.statuses(36), ["Building", "Done"])


class Killed(Suite):
    def test_a_job_of_a_killed_rbit_ends_and_runs_again(self):
        gate = self.gate("gate")
        self.configure({"build": f"""
            runner = shell!echo $$ >> {self.path('runs')}; read -r _ < {gate.path}
            grace = 1
            """})
        self.start()
        self.submit("build", "col10642", job=36)
        wait_until(lambda: self.wait_for_file("runs") and self.read("runs"), "the job")
        job = int(self.read("runs"))
        self.rbit.kill()
        wait_until(lambda: not is_running(job), "the end of the job")
        self.start()
        gate.let_through()
        self.wait_for_status(36, "Done")
        self.assertEqual(len(self.read("runs").split()), 2)
        self.assertEqual(self.statuses(36).count("Done"), 1)
        self.assertEqual(self.statuses(36)[-1], "Done")

    def test_what_was_done_is_not_done_again(self):
        self.configure({"build": f"runner = shell!echo run >> {self.path('runs')}"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_until_on_record(36)
        self.rbit.kill()
        self.start()
        self.submit("build", "other", job=37)
        self.wait_for_status(37, "Done")
        self.assertEqual(self.read("runs"), "run\n" * 2)
        self.assertEqual(self.statuses(36), ["Building", "Done"])

    def test_fifteen_kills_lose_nothing_and_repeat_only_what_ran(self):
        """I1, I2 and I3 of the fault suite in small."""
        self.configure({"build": f"runner = shell!echo %ID >> {self.path('runs')}\ngrace = 1"},
                       rbit="slots = 2")
        jobs = range(1, 41)
        for number in jobs:
            self.submit("build", f"p{number}", job=number)
        kills = 0
        for _ in range(15):
            self.start()
            done = sum("Done" in self.statuses(number) for number in jobs)
            enough = min(done + 2, len(jobs))
            wait_until(lambda e=enough: sum("Done" in self.statuses(n) for n in jobs) >= e,
                       "two jobs more")
            self.rbit.kill()
            kills += 1
        self.start()
        for number in jobs:
            self.wait_for_status(number, "Done")
        self.assertEqual(self.rbit.stop(), 0)
        runs = self.read("runs").split()
        self.assertEqual(set(runs), {f"p{number}" for number in jobs})
        self.assertLessEqual(len(runs) - len(jobs), 2 * kills)


class VerdictOfAnEarlierLife(Suite):
    def journal(self, sql):
        with contextlib.closing(sqlite3.connect(self.path("state", "rbit.db"))) as database:
            database.executescript(sql)

    def record_has_an_end(self):
        return any(record_file.ends(self.path("state")).values())

    def test_one_that_cannot_be_written_holds_up_no_stop_and_is_kept(self):
        gate = self.gate("gate")
        self.configure({"build": f"""
            runner = shell!read -r _ < {gate.path}; echo run >> {self.path('runs')}
            """})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_status(36, "Building")
        gate.wait_for_job()  # Building is told before the leader has it
        self.rbit.signal(signal.SIGSTOP)  # so that only the leader knows the end
        gate.let_through()
        wait_until(self.record_has_an_end, "the leader's verdict")
        self.rbit.kill()
        self.journal("CREATE TRIGGER no BEFORE UPDATE OF outcome ON job "
                     "BEGIN SELECT RAISE(ABORT, 'no verdicts'); END")
        self.start(until="no verdicts")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertTrue(self.record_has_an_end())
        self.journal("DROP TRIGGER no")
        self.start()
        self.wait_for_status(36, "Done")
        self.assertEqual(self.statuses(36).count("Building"), 1)  # and Done perhaps twice (2.3)
        self.assertEqual(self.read("runs"), "run\n")


class OneOfAName(Suite):
    def test_a_second_rbit_on_the_same_state_ends_with_75(self):
        self.configure({"build": "runner = shell!true"}, rbit="name = saw-horse")
        self.start()
        second = self.start(until=None)
        self.assertEqual(second.wait(), 75)
        self.assertRegex(second.log, r"another rbit|already")
        self.submit("build", "col10642", job=36)
        wait_until(lambda: "state is now 'Done'" in self.rbits[0].log, "the first goes on")

    def test_after_a_kill_the_name_is_free(self):
        self.configure({"build": "runner = shell!true"})
        self.start()
        self.rbit.kill()
        self.start()
        self.assertEqual(self.rbit.stop(), 0)


if __name__ == "__main__":
    rbit_suite.main()
