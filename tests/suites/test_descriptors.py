"""Descriptors: what is missing of the first three, and a machine that has too few of them."""

import os
import subprocess

import rbit_suite
from rbit_suite import BINARY_DIR, Suite, wait_until


def without(*missing):
    """For Popen's preexec_fn: these are closed when the program begins."""
    def close():
        for fd in missing:
            os.close(fd)
    return close


def where(pid, fd):
    return os.readlink(f"/proc/{pid}/fd/{fd}")


class MissingDescriptors(Suite):
    def start_without(self, *missing):
        """rbit, with a log file that its standard error is not; returns the process."""
        one = subprocess.Popen([self.program, self.config], cwd=self.directory,
                               env=self.environment(), start_new_session=True,
                               preexec_fn=without(*missing))

        def end():
            if one.poll() is None:
                one.kill()
            one.wait()
        self.addCleanup(end)
        return one

    def test_what_is_missing_leads_nowhere(self):
        for missing in ((2,), (1,), (0,), (0, 1, 2), (1, 2)):
            with self.subTest(missing):
                self.configure({"greet": "runner = shell!echo hello; echo trouble >&2"})
                before = self.read("state", "lock") if os.path.exists(self.path("state")) else None
                one = self.start_without(*missing)
                wait_until(lambda: os.path.exists(self.path("state", "control.sock")) or
                           one.poll() is not None, "the socket of rbit")
                done = self.submit("greet", "world", "1.0", "--wait", job=36)
                self.assertIn("Done", done.stdout)
                self.assertIsNone(one.poll())
                # Its log went nowhere, and not into the first file that was opened.
                lock = self.read("state", "lock")
                self.assertNotIn("INFO", lock)
                self.assertTrue(before is None or len(lock) <= len(before) + 8, lock)
                if os.geteuid() == 0:
                    for fd in missing:
                        self.assertEqual(where(one.pid, fd), "/dev/null")
                one.terminate()
                self.assertEqual(one.wait(), 0)

    def test_a_command_without_standard_output_harms_nothing(self):
        self.configure({"greet": "runner = shell!echo hello"})
        for command in (["check", self.config], ["jobs", self.config], ["--version"]):
            for missing in ((1,), (0, 1, 2)):
                with self.subTest(command=command[0], missing=missing):
                    done = subprocess.run([self.program, *command], cwd=self.directory,
                                          env=self.environment(), preexec_fn=without(*missing))
                    self.assertGreaterEqual(done.returncode, 0)
        for name in os.listdir(self.path("state")) if os.path.exists(self.path("state")) else []:
            if os.path.isfile(self.path("state", name)):
                self.assertNotIn(b"rbit ", open(self.path("state", name), "rb").read()[:5])

    def test_the_helpers_too(self):
        # Each opens a file of its own before it says anything: the leader /dev/null, the host a
        # plugin. Told by what they say on a descriptor that is there, and by how they end.
        leader = os.path.join(BINARY_DIR, "rbit-leader")
        done = subprocess.run([leader], preexec_fn=without(0, 1), stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"started by rbit", done.stderr)
        host = os.path.join(BINARY_DIR, "rbit-plugin-host")
        library = self.library("examples", "libhello.so")
        job = self.write("job.json", '{"job": {"id": "36", "fields": {"package": "p"}}}\n')
        with open(job, "rb") as text:
            done = subprocess.run([host, "--once", library, "hello"], stdin=text, cwd=self.directory,
                                  stderr=subprocess.PIPE, preexec_fn=without(1))
        self.assertNotIn(b"not open", done.stderr)
        # Its events went to no file that it opened: they are nowhere, and it did its job.
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    rbit_suite.main()
