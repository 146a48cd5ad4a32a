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

    def start_drain_and_restart(self, *changes):
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {gate.path}"})
        with open(self.source) as file:
            text = file.read()
        command = f"command={self.program} {self.config}"
        for old, new in (("command=rbit /etc/rbit/rbit.ini", command),
                         ("user=rbit\n", f"user={pwd.getpwuid(os.getuid()).pw_name}\n"),
                         ("/var/log/supervisor/rbit.log", self.path("rbit.log")), *changes):
            self.assertIn(old, text)
            text = text.replace(old, new)
        control = supervisord.start(self, text)

        def state(*command):
            return control(*command).stdout

        wait_until(lambda: "RUNNING" in state("status"), "supervisord to start rbit")
        first = int(state("pid", "rbit"))
        os.kill(first, 9)
        wait_until(lambda: "RUNNING" in state("status") and int(state("pid", "rbit")) != first,
                   "another rbit after a kill")
        self.submit("build", "col10642", job=36)
        wait_until(lambda: "Job '36'" in self.read("rbit.log"), "the job")
        stop = control("stop", "rbit", run=subprocess.Popen)
        self.addCleanup(stop.stdout.close)
        wait_until(lambda: "drain" in self.read("rbit.log"), "the drain")
        gate.let_through()
        self.assertEqual(stop.wait(PATIENCE), 0)
        self.assertIn("Job 36's state is now 'Done'", self.read("rbit.log"))
        self.assertIn("STOPPED", state("status"))


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
