"""The quick start, and the files for supervisord and systemd, as they stand but for paths."""

import configparser
import glob
import os
import pwd
import re
import shutil
import subprocess

import rbit_suite
import supervisord
from rbit_suite import BINARY_DIR, PATIENCE, SOURCE_DIR, Suite, wait_until

DRAIN_AND_GRACE = 600 + 10 + 5  # the defaults of drain-timeout and grace, and the outbox's time


class QuickStart(Suite):
    def test_it_shows_statuses_and_artifacts_and_ends_with_0(self):
        self.library("examples", "libhello.so")
        done = subprocess.run(["sh", os.path.join(SOURCE_DIR, "examples", "quickstart.sh")],
                              env=self.environment(RBIT_BINARY_DIR=BINARY_DIR,
                                                   TMPDIR=self.directory),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for words in ("Building", "writing the pages", "Done", "Greeting world", "Failed",
                      "version 0 of col10642 has no pages", "Collection col10642, version 1.2",
                      "Hello world", "rbit ended with 0"):
            self.assertIn(words, done.stdout)


class Systemd(Suite):
    unit = os.path.join(SOURCE_DIR, "conf", "systemd", "rbit.service")

    def test_the_unit_is_valid(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed (apt-get install systemd)")
        with open(self.unit) as file:
            text = file.read()
        for key in ("ExecStart", "ExecReload"):
            text = text.replace(f"{key}=rbit ", f"{key}={self.program} ")
        # Names of ours, so that a unit that is installed here is not read in its place.
        unit = self.write("rbit-test.service", text)
        os.mkdir(unit + ".d")
        shutil.copy(os.path.join(self.unit + ".d", "hardening.conf"), unit + ".d")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], text=True,
                              capture_output=True, env=self.environment(), timeout=PATIENCE)
        # As two units, for an upgrade (rbit(1), UPGRADING).
        shutil.copy(unit, self.path("rbit-test@.service"))
        twice = subprocess.run(["systemd-analyze", "verify", "--man=no",
                                self.path("rbit-test@a.service")], text=True,
                               capture_output=True, env=self.environment(), timeout=PATIENCE)
        complaints = [line for line in twice.stderr.splitlines() if "rbit-test" in line]
        self.assertEqual(complaints, [])
        complaints = [line for line in (done.stdout + done.stderr).splitlines()
                      if "rbit-test" in line]
        self.assertEqual(complaints, [])

    def test_it_waits_longer_than_rbit_does(self):
        with open(self.unit) as file:
            text = file.read()
        self.assertGreater(int(re.search(r"TimeoutStopSec=(\d+)", text)[1]), DRAIN_AND_GRACE)
        for line in ("Type=notify", "NotifyAccess=main", "KillMode=mixed", "Delegate=yes",
                     "OOMPolicy=continue", "UMask=0077", "StateDirectoryMode=0700"):
            self.assertIn(line + "\n", text)
        self.assertGreaterEqual(int(re.search(r"(?m)^WatchdogSec=(\d+)$", text)[1]), 300)
        self.assertNotRegex(text, r"(?m)^NoNewPrivileges")


class Supervisord(Suite):
    source = os.path.join(SOURCE_DIR, "conf", "supervisord", "rbit.conf")

    def settings(self):
        parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
        parser.read(self.source)
        return parser["program:rbit"]

    def test_it_waits_longer_than_rbit_does(self):
        self.assertGreater(int(self.settings()["stopwaitsecs"]), DRAIN_AND_GRACE)
        self.assertNotIn("password", self.settings()["environment"].lower())

    def test_start_drain_and_restart_after_a_kill(self):
        self.start_drain_and_restart()

    def test_the_same_where_somebody_sets_stopasgroup(self):
        self.start_drain_and_restart(("stopasgroup=false", "stopasgroup=true"),
                                     ("killasgroup=false", "killasgroup=true"))

    def run_under_supervisord(self, *changes):
        """A job of queue `build` notes its run and waits at self.go. Gives what runs a command of
        supervisorctl and gives its output."""
        self.go = self.gate("gate")
        self.configure({"build": f"runner = shell!echo $RBIT_ATTEMPT >> {self.path('runs')};"
                                 f" read -r _ < {self.go.path}\ngrace = 1"})
        with open(self.source) as file:
            text = file.read()
        command = f"command={self.program} {self.config}"
        for old, new in (("command=rbit /etc/rbit/rbit.ini", command),
                         ("user=rbit\n", f"user={pwd.getpwuid(os.getuid()).pw_name}\n"),
                         ("/var/log/supervisor/rbit.log", self.path("rbit.log")), *changes):
            self.assertIn(old, text)
            text = text.replace(old, new)
        second = (text.replace("program:rbit", "program:rbit-b") + "autostart=false\n"
                  ).replace("rbit.log", "rbit-b.log")
        self.control = supervisord.start(self, text + second)
        self.wait_for_state("RUNNING")

    def say(self, *command):
        return self.control(*command).stdout

    def wait_for_state(self, state, program="rbit"):
        wait_until(lambda: state in self.say("status", program), f"{program} to be {state}")

    def begin_job(self):
        self.submit("build", "col10642", job=36)
        self.go.wait_for_job()

    def runs(self):
        return self.read("runs").split()

    def wait_for_log(self, text, name="rbit.log"):
        wait_until(lambda: os.path.exists(self.path(name)) and text in self.read(name), repr(text))

    def start_drain_and_restart(self, *changes):
        self.run_under_supervisord(*changes)
        first = int(self.say("pid", "rbit"))
        os.kill(first, 9)
        wait_until(lambda: "RUNNING" in self.say("status", "rbit") and
                   int(self.say("pid", "rbit")) != first, "another rbit after a kill")
        self.begin_job()
        stop = self.control("stop", "rbit", run=subprocess.Popen)
        self.addCleanup(stop.stdout.close)
        self.wait_for_log("draining")
        self.go.let_through()
        self.assertEqual(stop.wait(PATIENCE), 0)
        self.assertIn("Job 36's state is now 'Done'", self.read("rbit.log"))
        self.assertIn("STOPPED", self.say("status", "rbit"))

    def test_a_reload(self):
        self.run_under_supervisord()
        self.say("signal", "HUP", "rbit")
        self.wait_for_log("reloaded ")
        self.write("rbit.ini", self.read("rbit.ini") + "[amqp2]\n")
        self.say("signal", "HUP", "rbit")
        self.wait_for_log("is not taken")
        self.assertIn("RUNNING", self.say("status", "rbit"))

    def test_a_drain_longer_than_the_stop_time_is_cut_and_its_job_runs_again(self):
        self.run_under_supervisord(("stopwaitsecs=660", "stopwaitsecs=1"))
        self.begin_job()
        self.say("stop", "rbit")  # TERM, and KILL after a second
        self.assertIn("draining", self.read("rbit.log"))
        self.assertNotIn("stopped", self.read("rbit.log"))
        self.say("start", "rbit")
        wait_until(lambda: self.runs() == ["1", "2"], "its next run")
        self.go.let_through()
        self.wait_for_log("Job 36's state is now 'Done'")

    def test_an_upgrade_by_two_programs(self):
        self.run_under_supervisord()
        self.begin_job()
        self.say("signal", "TERM", "rbit")
        self.say("start", "rbit-b")
        self.wait_for_log("goes on in rbit", "rbit-b.log")
        self.assertIn("RUNNING", self.say("status", "rbit"))
        self.go.let_through()
        self.wait_for_log("Job 36's state is now 'Done'", "rbit-b.log")
        self.wait_for_state("EXITED")
        self.assertIn("RUNNING", self.say("status", "rbit-b"))
        self.assertEqual(self.runs(), ["1"])


class Scripts(Suite):
    def test_shell_scripts_are_plain_sh(self):
        scripts = glob.glob(os.path.join(SOURCE_DIR, "examples", "*.sh"))
        scripts += [os.path.join(SOURCE_DIR, *parts) for parts in (("tests", "run.sh"),
                                                                   (".ci", "run"))]
        for script in scripts:
            with self.subTest(script):
                done = subprocess.run(["sh", "-n", script], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    rbit_suite.main()
