"""rbit under a real systemd, by the unit that we ship but for paths, its user and shorter times."""

import os
import pwd
import shutil
import subprocess
import time

import rbit_suite
from private_systemd import PrivateSystemd
from rbit_suite import SOURCE_DIR, Suite, wait_until

USER = "daemon"  # there is one everywhere


class Systemd(Suite):
    source = os.path.join(SOURCE_DIR, "conf", "systemd", "rbit.service")

    def setUp(self):
        super().setUp()
        self.let_everybody_run_it()
        self.gate_of_job = self.gate("gate")
        os.chmod(self.gate_of_job.path, 0o666)
        self.write("runs", "")
        os.chmod(self.path("runs"), 0o666)
        self.configure_job("old")

    def configure_job(self, word, slots=2):
        """Queue `build`, whose jobs note that they run, wait at a gate, and say the word."""
        self.configure_text(f"""[rbit]
queue-mappings = build:build
state-dir = /var/lib/rbit
slots = {slots}
[amqp]
url = local:
[runner:build]
runner = shell!echo $RBIT_ATTEMPT >> {self.path('runs')}; read -r _ < {self.gate_of_job.path}; echo {word}
grace = 1
""")
        os.chmod(self.config, 0o640)
        os.chown(self.config, 0, pwd.getpwnam(USER).pw_gid)

    def boot(self, name="rbit.service", **changed):
        with open(self.source) as file:
            text = file.read()
        for old, new in (("=rbit ", f"={self.program} "), ("/etc/rbit/rbit.ini", self.config),
                         ("User=rbit", f"User={USER}"), ("Group=rbit", f"Group={USER}")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        settings = "".join(f"{key}={value}\n" for key, value in changed.items())
        log = f"StandardOutput=append:{self.path('rbit.log')}\n"
        self.systemd = PrivateSystemd(self, {
            name: text, f"{name}.d/test.conf": f"[Service]\n{log}{settings}"})
        return self.systemd

    # ---- the program within

    def rbit_within(self, *arguments, expect=0):
        done = self.systemd.run(self.program, *arguments)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def submit_within(self, job):
        self.rbit_within("submit", self.config, "--queue", "build", "--package", "p",
                         "--version", "1", "--job", str(job))

    def wait_for_log(self, text, times=1):
        wait_until(lambda: os.path.exists(self.path("rbit.log"))
                   and self.read("rbit.log").count(text) >= times, f"{times} {text!r} in the log")

    def runs(self):
        return self.read("runs").split()


class One(Systemd):
    def test_it_is_ready_when_the_start_returns_and_says_what_it_does(self):
        self.boot().must("start", "rbit")
        status = self.systemd.control("status", "rbit").stdout
        self.assertIn("active (running)", status)
        self.assertIn('Status: "takes jobs of 1 queues, 2 slots', status)
        self.assertIn("rbit ", self.rbit_within("status", self.config))
        self.systemd.must("stop", "rbit")
        self.assertEqual(self.systemd.property("rbit", "Result"), "success")

    def test_a_reload_returns_when_it_is_in_force_and_fails_if_it_is_not_taken(self):
        self.boot().must("start", "rbit")
        self.submit_within(1)
        self.gate_of_job.wait_for_job()
        self.configure_job("new")
        self.systemd.must("reload", "rbit")
        self.wait_for_log("reloaded")
        self.assertEqual(self.systemd.property("rbit", "ActiveState"), "active")
        self.configure_job("newer", slots="many")
        self.assertNotEqual(self.systemd.control("reload", "rbit").returncode, 0)
        self.assertEqual(self.systemd.property("rbit", "ActiveState"), "active")
        self.gate_of_job.let_through()
        self.wait_for_log("Job 1's state is now 'Done'")
        self.systemd.must("kill", "--kill-whom=main", "-s", "HUP", "rbit")
        self.wait_for_log("is not taken")
        self.systemd.wait_for("rbit", "ActiveState", "active")
        self.assertEqual(self.systemd.property("rbit", "NRestarts"), "0")

    def test_a_drain_may_take_longer_than_the_stop_time(self):
        self.boot(TimeoutStopSec="1").must("start", "rbit")
        self.submit_within(1)
        self.gate_of_job.wait_for_job()
        stop = self.systemd.control("stop", "rbit", run=subprocess.Popen)
        self.addCleanup(stop.communicate)
        self.wait_for_log("draining")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 4, "four times the stop time")
        self.assertIsNone(stop.poll())
        self.assertIn("draining: no new jobs, 1 run", self.systemd.property("rbit", "StatusText"))
        self.gate_of_job.let_through()
        self.assertEqual(stop.wait(rbit_suite.PATIENCE), 0)
        self.assertIn("Job 1's state is now 'Done'", self.read("rbit.log"))
        self.assertEqual(self.systemd.property("rbit", "Result"), "success")

    def test_a_crash_is_followed_by_a_start_and_the_job_runs_again(self):
        self.boot(RestartSec="100ms").must("start", "rbit")
        self.submit_within(1)
        self.gate_of_job.wait_for_job()
        self.systemd.must("kill", "--kill-whom=main", "-s", "KILL", "rbit")
        wait_until(lambda: len(self.runs()) == 2, "its next run")
        self.assertEqual(self.systemd.property("rbit", "NRestarts"), "1")
        self.gate_of_job.let_through()
        self.wait_for_log("Job 1's state is now 'Done'")
        self.systemd.must("stop", "rbit")

    def test_a_mistake_in_the_configuration_is_not_tried_again(self):
        self.configure_job("old", slots="many")
        self.boot(RestartSec="100ms")
        self.assertNotEqual(self.systemd.control("start", "rbit").returncode, 0)
        self.assertEqual(self.systemd.property("rbit", "ExecMainStatus"), "78")
        self.assertEqual(self.systemd.property("rbit", "ActiveState"), "failed")
        self.assertEqual(self.systemd.property("rbit", "NRestarts"), "0")

    def test_one_that_hangs_is_ended_by_the_watchdog_and_started_again(self):
        self.boot(WatchdogSec="1s", RestartSec="100ms", TimeoutAbortSec="5s").must("start", "rbit")
        self.systemd.must("kill", "--kill-whom=main", "-s", "STOP", "rbit")
        self.systemd.wait_for("rbit", "NRestarts", "1")
        self.systemd.wait_for("rbit", "ActiveState", "active")

    def test_jobs_have_groups_of_their_own_and_the_hardening_can_be_borne(self):
        self.boot()
        shutil.copy(os.path.join(self.source + ".d", "hardening.conf"),
                    self.path("units", "rbit.service.d"))
        # This machine's /tmp holds the test.
        self.write("units/rbit.service.d/z.conf", "[Service]\nPrivateTmp=no\nProtectSystem=no\n")
        self.systemd.must("daemon-reload")
        self.systemd.must("start", "rbit")
        self.submit_within(1)
        self.gate_of_job.wait_for_job()
        self.assertIn("jobs get control groups below", self.read("rbit.log"))
        self.gate_of_job.let_through()
        self.wait_for_log("Job 1's state is now 'Done'")


class Upgrade(Systemd):
    """Two units of one template, as rbit(1) has it."""

    def boot_two(self, **changed):
        self.boot("rbit@.service", **changed)
        self.systemd.must("start", "rbit@a")
        self.submit_within(1)
        self.gate_of_job.wait_for_job()

    def change_over(self):
        self.systemd.must("stop", "--no-block", "rbit@a")
        self.systemd.must("start", "rbit@b")
        self.wait_for_log("goes on in rbit")

    def test_the_second_takes_over_and_the_first_ends_with_its_job(self):
        self.boot_two(TimeoutStopSec="1")
        self.change_over()
        self.assertEqual(self.systemd.property("rbit@a", "ActiveState"), "deactivating")
        self.assertIn("handed over", self.systemd.property("rbit@a", "StatusText"))
        self.submit_within(2)
        wait_until(lambda: len(self.runs()) == 2, "a job at the new one")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 3, "three times the stop time")
        self.assertEqual(self.systemd.property("rbit@a", "ActiveState"), "deactivating")
        self.gate_of_job.let_through()  # both of them
        self.wait_for_log("state is now 'Done'", times=2)
        self.systemd.wait_for("rbit@a", "ActiveState", "inactive")
        self.assertEqual(self.systemd.property("rbit@a", "Result"), "success")
        self.assertEqual(self.runs(), ["1", "1"])
        self.systemd.must("stop", "rbit@b")

    def test_the_first_is_killed_meanwhile_and_is_not_started_again(self):
        self.boot_two(RestartSec="100ms")
        self.change_over()
        self.systemd.must("kill", "--kill-whom=main", "-s", "KILL", "rbit@a")
        self.systemd.wait_for("rbit@a", "ActiveState", "failed|inactive")
        wait_until(lambda: len(self.runs()) == 2, "its next run")
        self.gate_of_job.let_through()
        self.wait_for_log("Job 1's state is now 'Done'")
        self.assertEqual(self.systemd.property("rbit@a", "NRestarts"), "0")
        self.assertEqual(self.systemd.property("rbit@b", "NRestarts"), "0")

    def test_the_second_is_killed_and_started_again_and_the_job_goes_on(self):
        self.boot_two(RestartSec="100ms")
        self.change_over()
        self.systemd.must("kill", "--kill-whom=main", "-s", "KILL", "rbit@b")
        self.wait_for_log("goes on in rbit", times=2)
        self.gate_of_job.let_through()
        self.wait_for_log("Job 1's state is now 'Done'")
        self.systemd.wait_for("rbit@a", "ActiveState", "inactive")
        self.assertEqual(self.runs(), ["1"])


if __name__ == "__main__":
    rbit_suite.main()
