"""What every job stands on, whichever kind of runner does it: its environment, its limit of open
descriptors, and standard output, error and descriptor 3 by their names."""

import os
import pwd

import rbit_suite
from rbit_suite import Suite

AS_ROOT = os.geteuid() == 0
NUMBER = 54321  # of a user without an entry
DESCRIPTORS = 777

PYTHON = """
import subprocess
def build(build_request, settings):
    subprocess.run(["/bin/sh", "-c", settings["line"]], check=True)
    for name in ("/dev/stdout", "/dev/stderr", "/dev/fd/3"):
        with open(name, "w") as file:
            if name != "/dev/fd/3":
                print("opened by name", file=file)
"""
LINE = ("env > environment; ulimit -Sn > descriptors; echo out > /dev/stdout; "
        "echo both | tee /dev/stderr >> /dev/stdout")
EVENTS = """; grep -q packageinstance /dev/stdin && grep -q message_id /dev/fd/5; echo '{"status": "Building", "message": "by name"}' > /dev/fd/3"""


class Ground(Suite):
    def as_somebody(self, number=None):
        """rbit is started with a limit of its own, and as that user."""
        self.let_everybody_run_it()
        user = f"setpriv --reuid={number} --regid={number} --clear-groups " if number else ""
        self.program = self.write("as-somebody", f"#!/bin/sh\nulimit -Sn {DESCRIPTORS}\n"
                                  f"exec {user}{self.program} \"$@\"\n")
        os.chmod(self.program, 0o755)
        if number:
            os.chown(self.directory, number, number)

    def jobs(self, more=""):
        """One job of each kind, done; {kind: (its environment, its directory)}."""
        more += f"\nartifacts = environment descriptors\noutput-dir = {self.path('out')}-"
        library = self.library("tests", "libnaughty.so")
        self.write("kinds.py", PYTHON)
        self.configure({
            "shell": f"runner = shell!{LINE}{EVENTS}\n{more}shell\n"
                     "metadata-fd = 5",
            "plugin": f"runner = plugin!{library}:shell\nline = {LINE}\n{more}plugin",
            "python": f"runner = python!kinds:build\nline = {LINE}\n{more}python",
        }, rbit=f"work-dir = {self.path('work')}\nslots = 1")
        for name in ("rbit.ini", "kinds.py"):
            owner = os.stat(self.directory)
            os.chown(self.path(name), owner.st_uid, owner.st_gid)
        self.start()
        found = {}
        for number, kind in enumerate(("shell", "plugin", "python"), 1):
            done = self.submit(kind, "p", job=number, wait=True, expect=None)
            self.assertIn("Done", done.stdout, kind + done.stdout + done.stderr + self.rbit.log)
            if kind == "shell":
                self.assertIn("by name", done.stdout)
            log = self.command("log", self.config, str(number)).stdout
            self.assertEqual(log.count("out\n"), 1, log)
            self.assertEqual(log.count("both\n"), 2, log)
            lines = self.read(f"out-{kind}", "environment").splitlines()
            found[kind] = dict(line.split("=", 1) for line in lines)
            self.assertEqual(self.read(f"out-{kind}", "descriptors"), f"{DESCRIPTORS}\n", kind)
        self.assertEqual(self.rbit.stop(), 0)
        return found

    def assert_ground(self, found, user, home=None):
        for kind, variables in found.items():
            with self.subTest(kind):
                self.assertEqual((variables["USER"], variables["LOGNAME"]), (user, user))
                self.assertEqual(variables["TERM"], "dumb")
                work = os.path.dirname(variables["TMPDIR"]) + "/work"
                self.assertTrue(work.startswith(self.path("work") + "/"), work)
                self.assertEqual(variables["HOME"], home or work)
                for name, value in variables.items():
                    self.assertNotIn("tee /dev", value, name)
                self.assertNotIn("RBIT_SETTING_RUNNER", variables)
        self.assertIn("RBIT_SETTING_OUTPUT_DIR", found["shell"])

    def test_as_rbits_own_user(self):
        self.as_somebody()
        own = pwd.getpwuid(os.geteuid())
        self.assert_ground(self.jobs(), own.pw_name, own.pw_dir)

    def test_as_another_user(self):
        if not AS_ROOT:
            self.skipTest("only root can run jobs as somebody else")
        self.as_somebody()
        nobody = pwd.getpwnam("nobody")
        self.assert_ground(self.jobs("user = nobody"), "nobody", nobody.pw_dir)

    def test_as_a_user_without_an_entry(self):
        if not AS_ROOT:
            self.skipTest("only root can be somebody else")
        self.as_somebody(NUMBER)
        self.assert_ground(self.jobs(), str(NUMBER))

    def test_the_configuration_has_the_last_word(self):
        self.as_somebody()
        for variables in self.jobs("env.HOME = /opt\nenv.TERM = xterm\nenv.LOGNAME = me").values():
            self.assertEqual([variables[name] for name in ("HOME", "TERM", "LOGNAME")],
                             ["/opt", "xterm", "me"])


if __name__ == "__main__":
    rbit_suite.main()
