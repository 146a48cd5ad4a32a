"""Rows 16 and 17: full disks and failing syncs.

    python3 tests/faults/test_disk.py [--seed N] [--long] [unittest's arguments]
"""

import contextlib
import errno
import http.client
import os
import subprocess

import disk_suite
import preload
from disk_suite import PAUSED, DiskSuite
from pybit_messages import build_request
from rbit_suite import PATIENCE, free_port, wait_until


class Journal(DiskSuite):
    """The embedded queue: it and the journal are one file."""

    def test_a_write_meets_a_full_disk_once(self):
        self.run_with(self.once, preload.WRITE, errno.ENOSPC)

    def test_a_write_meets_a_full_disk_for_a_while(self):
        self.run_with(self.lasting, preload.WRITE, errno.ENOSPC)
        self.assertIn(PAUSED, self.rbit.log)
        self.assertIn("the disk is full: make room", self.rbit.log)

    def test_a_write_fails_once(self):
        self.run_with(self.once, preload.WRITE, errno.EIO)

    def test_a_sync_fails_once(self):
        self.run_with(self.once, preload.SYNC, errno.EIO)

    def test_a_sync_fails_for_a_while(self):
        self.run_with(self.lasting, preload.SYNC, errno.EIO)
        self.assertIn(PAUSED, self.rbit.log)
        self.assertIn("look into the kernel's log", self.rbit.log)

    def test_killed_while_syncs_fail(self):
        self.run_with(self.killed, preload.SYNC, errno.EIO, most_runs=2)

    def test_the_log_cannot_be_copied_into_the_file(self):
        """SQLite says nothing of it; and the log would grow until the disk is full."""
        self.set_up_queue()
        self.start_faulty()
        for calls, error in ((preload.WRITE, errno.ENOSPC), (preload.WRITE, errno.EIO),
                             (preload.SYNC, errno.EIO)):
            for lasting in (False, True):
                self.fault.arm(calls, "rbit.db$", error=error, lasting=lasting)
                with self.subTest(self.fault.what):
                    jobs = []
                    while not self.fault.failed:
                        jobs.append(self.give_large())
                        self.assertLess(len(jobs), 20, "nothing failed")
                    self.fault.clear()
                    for job in jobs:
                        if job is not None:
                            self.wait_for_end(job)
                    self.it_goes_on()
        self.assertIn("copying the log into the file", self.rbit.log)
        self.ends_well()

    def give_large(self):
        """A job that fills an eighth of the log."""
        job = next(self.ids)
        message = self.write("message", build_request(package=f"p{job}", job=job) + b" " * 500_000)
        if self.submit("build", file=message, expect=None).returncode != 0:
            return None
        self.confirmed.append(job)
        return job

    def test_reading_fails_once(self):
        self.run_with(self.once_if_at_all, preload.READ, errno.EIO)

    def once_if_at_all(self, calls, path, error):
        """What is read comes from memory mostly."""
        for number in (1, 2, 3):
            self.fault.arm(calls, path, number, error)
            for _ in range(3):
                job = self.give()
                if job is not None:
                    self.wait_for_end(job)
            self.fault.clear()


class Files(DiskSuite):
    """Logs, records, workspaces."""

    def log_of(self, job):
        done = self.command("log", self.config, str(job))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_log_without_room_is_dropped_and_the_job_goes_on(self):
        self.set_up_queue()
        self.start_faulty()
        self.fault.arm(preload.WRITE, "/logs/", lasting=True)
        dropped = self.give()
        self.wait_for_end(dropped)
        self.assertGreater(self.fault.failed, 0)
        self.fault.arm(preload.OPEN, "/logs/", error=errno.EROFS, lasting=True)
        unopened = self.give()
        self.wait_for_end(unopened)
        self.assertGreater(self.fault.failed, 0)
        self.fault.clear()
        kept = self.give()
        self.wait_for_end(kept)
        self.assertEqual(self.log_of(dropped), "")
        self.assertIn(f"output of {kept}", self.log_of(kept))
        self.assertEqual(len(self.rbit.lines_with("output is missing from its log")), 2)
        self.ends_well()

    def test_a_log_says_what_is_missing_once_there_is_room_again(self):
        gate = self.gate("gate")
        self.set_up_queue()
        self.configure({"build": "runner = shell!yes | head -c 70000; "
                                 f"read -r _ < {gate.path}; echo the end; "
                                 f"{self.note()}"}, rbit="min-free-disk = 0")
        self.start_faulty()
        self.fault.arm(preload.WRITE, "/logs/", lasting=True)
        job = self.give()
        wait_until(lambda: self.fault.failed, "a failed write")
        self.fault.clear()
        gate.let_through()
        self.wait_for_end(job)
        log = self.log_of(job)
        self.assertRegex(log, r"rbit: \d+ bytes could not be written here\n")
        self.assertTrue(log.endswith("the end\n"), log[-200:])

    def test_a_workspace_or_a_record_without_room_sends_the_job_back_whole(self):
        for calls, path in ((preload.WRITE, "/work/"), (preload.MKDIR, "/work/"),
                            (preload.MKDIR, "/records/"), (preload.WRITE, "/records/"),
                            (preload.OPEN, "/records/")):
            with self.subTest(path=path, calls=calls):
                self.set_up_queue()
                self.start_faulty()
                self.fault.arm(calls, path, lasting=True)
                job = self.give()
                place = path.rstrip("/")
                self.assertIn(place, self.rbit.wait_for(PAUSED)[0])
                self.fault.clear()
                self.assertIn(place, self.rbit.wait_for("works again: taking messages")[0])
                self.wait_for_end(job)
                self.assertNotIn("Blocked", self.statuses(job))
                self.assertEqual(self.rbit.stop(), 0)
                self.assertEqual(self.rows(f"SELECT attempt FROM job WHERE job_id = '{job}'"),
                                 [(1,)])
        self.all_is_well()

    def test_every_write_of_a_record_and_a_workspace_fails_once(self):
        self.set_up_queue()
        self.start_faulty()
        for path in ("/records/", "/work/"):
            self.once(preload.WRITE, path, errno.ENOSPC)
        self.ends_well()


class RealDisk(DiskSuite):
    """A small tmpfs that is really full."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root may mount a tmpfs (or run this in `unshare -rm`)")
        os.mkdir(self.path("small"))

    def mount(self, size):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "rbit-test",
                               self.path("small")], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no tmpfs here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.path("small")], check=False)

    def database(self):
        return self.path("small", "state", "rbit.db")

    def fill(self):
        """To the last byte."""
        with open(self.path("small", "filler"), "ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                while True:
                    try:
                        file.write(bytes(size))
                    except OSError:
                        break

    def free(self):
        os.unlink(self.path("small", "filler"))

    def get(self, path):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(client):
            client.request("GET", path)
            answer = client.getresponse()
            return answer.status, answer.read().decode()

    def set_up_disk(self, runner, rbit="min-free-disk = 0", **others):
        self.configure({"build": f"runner = shell!{runner}", **others},
                       rbit=f"state-dir = small/state\nslots = 2\n{rbit}")
        text = self.read("rbit.ini").replace("state-dir = state\n", "")
        self.configure_text(text)

    def test_verdicts_are_written_on_a_full_disk(self):
        """The journal's log has its size from the start: the ballast need not go for a verdict."""
        for size in ("48m", "12m"):  # the second is too small to have one
            with self.subTest(size):
                gate = self.gate("gate" + size)
                self.mount(size)
                self.set_up_disk(f"read -r _ < {gate.path}; {self.note()}")
                self.start()
                first = self.give()
                self.wait_for_status(first, "Building")
                self.fill()
                gate.let_through()
                self.wait_for_end(first)
                self.assertEqual(os.path.exists(self.path("small", "state", "ballast")),
                                 size == "48m")
                self.free()
                second = self.give()
                gate.let_through()
                self.wait_for_end(second)
                self.ends_well()
                self.confirmed.clear()
                subprocess.run(["umount", "-l", self.path("small")], check=True)

    def test_a_verdict_longer_than_the_log_throws_the_ballast_overboard(self):
        """What the job sends leaves with its verdict: 4.6 MiB, and the log has 4."""
        gate = self.gate("gate")
        self.mount("64m")
        publish = """'{"publish": {"key": "more", "body": "'$body'"}}'"""
        self.set_up_disk(
            f"read -r _ < {gate.path}; body=$(head -c 60000 /dev/zero | tr '\\0' x); "
            f"for i in $(seq 80); do echo {publish} >&3; done; {self.note()}\n"
            "may-publish = :more", more="message = raw\nrunner = shell!true")
        self.start()
        ballast = self.path("small", "state", "ballast")
        job = self.give()
        self.wait_for_status(job, "Building")
        self.assertTrue(os.path.exists(ballast))
        self.fill()
        gate.let_through()
        self.wait_for_end(job)
        self.rbit.wait_for("the ballast was thrown overboard")
        self.free()
        self.rbit.wait_for("the disk has room again")
        wait_until(lambda: os.path.exists(ballast), "another ballast")
        self.give()
        gate.let_through()
        wait_until(lambda: len(self.rbit.lines_with("state is now 'Done'")) == 2 * 81,
                   "the end of all that was sent")
        self.ends_well()

    def test_min_free_disk_pauses_and_lets_go(self):
        self.mount("64m")
        self.set_up_disk(f"{self.note()}",
                         "min-free-disk = 24M\nwork-dir = work")
        self.port = free_port()
        with open(self.config, "a") as file:
            file.write(f"\n[monitor]\nlisten = 127.0.0.1:{self.port}\n")
        with open(self.path("small", "filler"), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 50 << 20)
        checked = self.command("check", self.config)
        self.assertIn("warn [rbit] state-dir", checked.stdout)
        self.assertIn("rbit takes nothing below 24 MiB", checked.stdout)
        self.start(until="nothing is taken until the disk has room again")
        self.assertEqual(self.get("/healthcheck")[0], 500)
        metrics = self.get("/metrics")[1]
        self.assertIn("\nrbit_intake_paused 1.0\n", metrics)
        self.assertRegex(metrics, r'rbit_disk_free_bytes\{place="state-dir"\} 1\d{7}')
        self.assertIn("Nothing is taken: state-dir", self.get("/plain")[1])
        job = self.give()
        self.assertEqual(self.statuses(job), [])
        self.free()
        self.rbit.wait_for("the disk has room again")
        wait_until(lambda: self.get("/healthcheck")[0] == 200, "good health")
        self.wait_for_end(job)
        self.ends_well()

    def test_a_start_on_a_full_disk_says_so_and_loses_nothing(self):
        self.mount("12m")
        self.set_up_disk(f"{self.note()}")
        self.start()
        self.wait_for_end(self.give())
        self.assertEqual(self.rbit.stop(), 0)
        waiting = self.give()  # straight into the file
        self.fill()
        self.start(until=None)
        wait_until(lambda: self.rbit.process.poll() is not None or PAUSED in self.rbit.log
                   or self.is_over(waiting), "some answer")
        if self.rbit.process.poll() is not None:
            self.assertEqual(self.rbit.process.returncode, 75)  # a supervisor tries again
            self.assertIn("make room", self.rbit.log)
        self.free()
        if self.rbit.process.poll() is not None:
            self.start()
        self.wait_for_end(waiting)
        self.ends_well()


class Start(DiskSuite):
    def test_a_network_file_system_is_refused(self):
        self.set_up_queue()
        self.fault.arm(preload.STATFS)
        self.start_faulty(until=None)
        self.assertEqual(self.rbit.wait(), 78)
        self.assertIn("network file system", self.rbit.log)
        self.assertIn("set [rbit] state-dir to a local disk", self.rbit.log)
        checked = subprocess.run([self.program, "check", self.config], capture_output=True,
                                 text=True, cwd=self.directory,
                                 env=self.environment(**self.fault.environment()))
        self.assertEqual(checked.returncode, 1, checked.stdout)
        self.assertIn("FAIL", checked.stdout)
        self.assertIn("network file system", checked.stdout)

    def test_a_damaged_journal_is_refused_and_left_as_it_is(self):
        self.set_up_queue()
        self.start()
        for _ in range(3):
            self.wait_for_end(self.give())
        self.assertEqual(self.rbit.stop(), 0)
        path = self.path("state", "rbit.db")
        with open(path, "r+b") as file:
            file.seek(4096 * 3)
            file.write(os.urandom(4096 * 4))
        with open(path, "rb") as file:
            before = file.read()
        self.start(until=None)
        self.assertEqual(self.rbit.wait(), 78)
        self.assertIn("damaged", self.rbit.log)
        self.assertIn("move it away", self.rbit.log)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)


if __name__ == "__main__":
    disk_suite.main()
