"""Descriptors: what is missing of the first three, and a machine that has too few of them."""

import itertools
import os
import resource
import shutil
import subprocess
import unittest.mock

import rbit_suite
from rbit_suite import BINARY_DIR, Suite, readable, wait_until


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


class TooFew(Suite):
    """A machine that has too little of something: no job is to blame for that."""

    def start_limited(self, files):
        """rbit with at most so many descriptors, hard and soft."""
        script = self.write("limited.sh", f"ulimit -n {files}; exec {self.program} \"$@\"\n")
        one = rbit_suite.Rbit("/bin/sh", [script, self.config], self.directory,
                              len(self.rbits) + 1, self.environment())
        self.rbits.append(one)
        one.wait_for(self.consuming)
        return one

    def limit(self, pid, files):
        """The soft limit of a process that runs; gives the one it had."""
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, hard))
        return soft

    def leaders(self):
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and
                readable(f"/proc/{pid}/comm") == b"rbit-leader\n" and
                f"\nPPid:\t{self.rbit.pid}\n".encode() in readable(f"/proc/{pid}/status")]

    def test_more_slots_than_descriptors(self):
        self.configure({"build": "runner = shell!sleep 0.05\nattempts = 1"}, rbit="slots = 40")
        for job in range(1, 41):
            self.submit("build", "p", "1.0", job=job)
        one = self.start_limited(64)
        for job in range(1, 41):
            self.wait_for_status(job, "Done")
            self.assert_statuses(job, "Building", "Done")
        self.assertEqual(len(one.lines_with("40 slots need")), 1)
        self.assertRegex(one.log, r"\d+ are missing: no more than \d+ jobs are taken at once")
        self.assertEqual(one.stop(), 0)

    def test_jobs_have_the_limit_that_rbit_was_given(self):
        self.configure({"build": "runner = shell!ulimit -Sn; ulimit -Hn"})
        self.start_limited(777)
        self.submit("build", "p", "1.0", "--wait", job=1)
        self.assertEqual(self.command("log", self.config, "1").stdout.split(), ["777", "777"])

    def wait_out_a_shortage(self, pid, files):
        """A job is sent while `pid` has too few descriptors, and done when it has enough again."""
        before = self.limit(pid, files)
        self.submit("build", "p", "1.0", job=2)
        self.rbit.wait_for("a job cannot be started now, which is not its fault")
        self.assertEqual(self.statuses(2), ["Building"])
        self.limit(pid, before)
        self.wait_for_status(2, "Done")
        self.assert_statuses(2, "Building", "Done")
        self.assertEqual(len(self.rbit.lines_with("a job cannot be started now")), 1)
        self.assertEqual(self.rbit.stop(), 0)

    def test_descriptors_run_out_while_it_runs(self):
        if os.geteuid() != 0:
            self.skipTest("only root may change the limits of rbit, which is not dumpable")
        self.configure({"build": "runner = shell!echo done\nattempts = 1"}, rbit="slots = 1")
        self.start()
        self.submit("build", "p", "1.0", "--wait", job=1)
        self.wait_until_on_record(1)
        # One more than there are: the control socket needs it for whoever submits.
        self.wait_out_a_shortage(self.rbit.pid, self.rbit.descriptors() + 1)

    def test_wherever_they_run_out_the_job_is_not_to_blame(self):
        if os.geteuid() != 0:
            self.skipTest("only root may change the limits of rbit, which is not dumpable")
        naughty = self.library("tests", "libnaughty.so")  # one that has no artifacts to keep
        self.configure({"build": "runner = shell!echo done\nattempts = 1\nmetadata-fd = 4",
                        "plugin": f"runner = plugin!{naughty}:counter\nattempts = 1\nkeep-warm = 1"},
                       rbit="slots = 1")
        self.start()
        open_now = self.rbit.descriptors()
        job = 0
        for queue in ("build", "plugin"):
            for more in range(1, 14):
                job += 1
                before = self.limit(self.rbit.pid, open_now + more)
                self.submit(queue, "p", "1.0", job=job)
                wait_until(lambda: self.statuses(job), "the beginning of a job")
                self.limit(self.rbit.pid, before)
                self.assert_statuses(job, "Building", "Done")
        self.assertGreaterEqual(len(self.rbit.lines_with("a job cannot be started now")), 1)
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_leader_has_too_few(self):
        if os.geteuid() != 0:
            self.skipTest("only root may change the limits of a leader, which is not dumpable")
        self.configure({"build": "runner = shell!echo done\nattempts = 1"}, rbit="slots = 1")
        self.start()
        self.submit("build", "p", "1.0", "--wait", job=1)
        self.wait_until_on_record(1)
        leader, = self.leaders()
        taken = {int(name) for name in os.listdir(f"/proc/{leader}/fd")}
        free = next(number for number in itertools.count() if number not in taken)
        self.wait_out_a_shortage(leader, free + 1)


class TooFewProcesses(Suite):
    """Not even a thread for the log, or none for a job's leader: said, with the cure."""

    def limited(self, owner, processes):
        """For Popen's preexec_fn."""
        def limit():
            os.setgroups([])
            os.setresgid(owner, owner, owner)
            os.setresuid(owner, owner, owner)
            resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
        return limit

    def start_limited(self, limit):
        plain = rbit_suite.subprocess.Popen
        with unittest.mock.patch.object(rbit_suite.subprocess, "Popen",
                                        lambda *words, **more: plain(*words, preexec_fn=limit,
                                                                     **more)):
            return self.start()

    def test_none_are_left(self):
        if os.geteuid() != 0:
            self.skipTest("only root may be somebody who has no processes")
        self.let_everybody_run_it()
        for processes in (1, 2):
            with self.subTest(processes=processes):
                self.configure({"build": "runner = shell!true"})
                owner = 58210 + processes  # whose processes are counted: these alone
                shutil.rmtree(self.path("state"), ignore_errors=True)
                for path in (self.directory, self.config):
                    os.chown(path, owner, owner)
                limit = self.limited(owner, processes)
                done = self.command("check", self.config, preexec_fn=self.limited(owner, 1))
                self.assertIn("cannot be started: Resource temporarily unavailable (raise Tasks",
                              done.stdout)
                one = self.start_limited(limit)
                one.wait_for("[runner:build] cannot work for a shortage of this machine's")
                one.wait_for("no thread is to be had, what needs one holds the rest up")
                self.assertEqual(len(one.lines_with("raise TasksMax= of the service")),
                                 4 - processes)
                self.assertEqual(len(one.lines_with("the log has no thread of its own")),
                                 2 - processes)
                self.assertEqual(one.stop(), 0)
                self.assertEqual(len(one.lines_with("stopped")), 1)


if __name__ == "__main__":
    rbit_suite.main()
