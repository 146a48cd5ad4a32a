"""Rows 16, 17 and 19: full disks, failing syncs, and other calls that fail.

    python3 tests/faults/test_disk.py [--seed N] [--long] [unittest's arguments]

Each test starts the real rbit with a library that makes the Nth call of a kind fail (preload.py),
gives it jobs, and looks afterwards: every confirmed job ran and was reported to its end once (I1,
I3), no message was acknowledged without its row (I5), the journal is sound, and rbit went on by
itself. Where there is a RabbitMQ the same is done there.
"""

import collections
import contextlib
import errno
import http.client
import itertools
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "broker"), os.path.join(HERE, "..", "suites")]

import broker_suite
import node as broker_node
import preload
import rbit_suite
from preload import Fault
from pybit_messages import build_request
from rbit_suite import BINARY_DIR, Suite, wait_until

LIBRARY = os.path.join(BINARY_DIR, "faults", "librbit_preload.so")
LEADER = os.path.join(BINARY_DIR, "faults", "rbit-leader")
TERMINAL = {"Done", "Failed", "Cancelled"}
PAUSED = "nothing is taken until this works again"
seed = random.SystemRandom().getrandbits(32)
long_run = False


class DiskSuite(Suite):
    """An rbit whose calls can be made to fail, and a log that its jobs write themselves."""

    def setUp(self):
        super().setUp()
        for needed in (LIBRARY, LEADER):
            if not os.path.exists(needed):
                self.skipTest(f"not built: {needed}")
        os.mkdir(self.path("bin"))  # rbit takes the leader that lies beside it
        for source in (self.program, LEADER, os.path.join(BINARY_DIR, "rbit-plugin-host")):
            shutil.copy(source, self.path("bin"))
        self.program = self.path("bin", "rbit")
        self.fault = Fault(self.path("fault"), LIBRARY)
        self.addCleanup(self.fault.clear)
        self.ids = itertools.count(1)
        self.confirmed = []

    def command_line(self):
        return f"shell!echo output of $RBIT_JOB_ID; {self.note()}"

    def note(self):
        """What each job does last: a line in a file of its own making."""
        return f"echo $RBIT_JOB_ID >> {self.path('runs')}"

    def set_up_queue(self, rbit="", runner=""):
        self.configure({"build": f"runner = {self.command_line()}\nretry-delay = 1\n{runner}"},
                       rbit=f"slots = 2\nmin-free-disk = 0\n{rbit}")

    def start_faulty(self, **options):
        return self.start(environment=self.environment(**self.fault.environment()), **options)

    def give(self):
        """A job, or None if rbit did not take it: then nobody was promised anything."""
        job = next(self.ids)
        if self.submit("build", f"p{job}", job=job, expect=None).returncode != 0:
            return None
        self.confirmed.append(job)
        return job

    def is_over(self, job):
        return bool(TERMINAL & set(self.statuses(job)))

    def wait_for_end(self, job):
        try:
            wait_until(lambda: self.is_over(job) or self.rbit.process.poll() is not None,
                       f"the end of job {job}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.fault.what}; it has {self.statuses(job)}\n"
                                 f"{self.rbit.log[-3000:]}") from None
        self.assertIsNone(self.rbit.process.poll(), f"rbit ended: {self.fault.what}")

    def runs(self):
        try:
            with open(self.path("runs")) as file:
                return collections.Counter(int(line) for line in file)
        except FileNotFoundError:
            return collections.Counter()

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(self.database())) as database:
            return database.execute(sql).fetchall()

    def database(self):
        return self.path("state", "rbit.db")

    def all_is_well(self, most_runs=1, states=("done",)):
        """After a stop: the invariants, from the jobs' own log, the reports and the journal."""
        self.assertEqual(self.rows("PRAGMA integrity_check"), [("ok",)])
        # An acknowledgement that a kill kept from being noted stays unnoted.
        settled = "WHERE settled = 1" if most_runs == 1 else ""
        rows = dict(self.rows(f"SELECT job_id, state FROM job {settled}"))
        runs = self.runs()
        for job in self.confirmed:
            told = [status for status in self.statuses(job) if status in TERMINAL]
            # One more for each time that rbit was killed between sending and noting it: two deaths
            # may follow one another so closely.
            most_told = 1 if most_runs == 1 else len(self.rbits)
            self.assertIn(len(told), range(1, most_told + 1), f"job {job} was told to be {told}")
            self.assertEqual(len(set(told)), 1, f"job {job} was told to be {told}")
            self.assertEqual(self.statuses(job)[-1], told[0])
            self.assertIn(rows.get(str(job)), states, f"job {job}")
            self.assertGreaterEqual(runs[job], 1, f"job {job} was not run")
            self.assertLessEqual(runs[job], most_runs, f"job {job}")
        self.assertLessEqual(set(runs), set(range(1, next(self.ids))))
        self.nothing_is_held()

    def nothing_is_held(self):
        self.assertEqual(self.rows("SELECT count(*) FROM message"), [(0,)])
        self.assertEqual(self.rows("SELECT count(*) FROM dead"), [(0,)])

    # ---- every N

    def calls_of_a_job(self, calls, path):
        """How many such calls one job costs, a little generously."""
        self.fault.arm(calls, path, nth=1 << 60)
        for _ in range(3):
            self.wait_for_end(self.give())
        self.fault.clear()
        return -(-self.fault.counted // 3) + 2

    def numbers(self, calls, path):
        """All of them; the long run goes further, into the second job and the checkpoint."""
        count = self.calls_of_a_job(calls, path)
        return range(1, count * (4 if long_run else 1) + 1)

    def once(self, calls, path, error):
        for number in self.numbers(calls, path):
            self.fault.arm(calls, path, number, error)
            with self.subTest(self.fault.what):
                for _ in range(20):
                    job = self.give()
                    if job is not None:
                        self.wait_for_end(job)
                    if self.fault.failed:
                        break
                self.assertEqual(self.fault.failed, 1, "nothing failed")
                self.fault.clear()
                self.it_goes_on()

    def it_goes_on(self):
        """By itself; but a submission may meet the pause before the journal is opened anew."""
        self.wait_for_end(wait_until(self.give, "a job that is taken"))

    def lasting(self, calls, path, error, during=lambda: None):
        for number in self.numbers(calls, path):
            self.fault.arm(calls, path, number, error, lasting=True)
            with self.subTest(self.fault.what):
                jobs = []
                for _ in range(20):
                    jobs.append(self.give())
                    wait_until(lambda: self.fault.failed or jobs[-1] is None
                               or self.is_over(jobs[-1]), f"a failure: {self.fault.what}")
                    if self.fault.failed:
                        break
                self.assertGreater(self.fault.failed, 0, "nothing failed")
                during()
                self.fault.clear()
                for job in jobs:
                    if job is not None:
                        self.wait_for_end(job)
                self.it_goes_on()

    def killed(self, calls, path, error):
        """rbit dies while the disk does not work: what it had not on record, it had not answered."""
        for number in self.numbers(calls, path):
            self.fault.arm(calls, path, number, error, lasting=True)
            with self.subTest(self.fault.what):
                job = self.give()
                if job is not None:
                    wait_until(lambda: self.fault.failed or self.is_over(job), "a failure")
                self.rbit.kill()
                self.fault.clear()
                self.start_faulty()
                if job is not None:
                    self.wait_for_end(job)
                self.it_goes_on()


class Journal(DiskSuite):
    """The embedded queue: it and the journal are one file."""

    def run_with(self, test, calls, error, most_runs=1):
        self.set_up_queue()
        self.start_faulty()
        test(calls, "rbit.db", error)
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well(most_runs)

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
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well()

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
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well()

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
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well()


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

    def free_port(self):
        self.port = rbit_suite.free_port()
        return self.port

    def get(self, path):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=rbit_suite.PATIENCE)
        with contextlib.closing(client):
            client.request("GET", path)
            answer = client.getresponse()
            return answer.status, answer.read().decode()

    def set_up_disk(self, runner, rbit="min-free-disk = 0"):
        self.configure({"build": f"runner = shell!{runner}"},
                       rbit=f"state-dir = small/state\nslots = 2\n{rbit}")
        text = self.read("rbit.ini").replace("state-dir = state\n", "")
        self.configure_text(text)

    def test_verdicts_are_written_in_place_of_the_ballast(self):
        gate = self.gate("gate")
        self.mount("48m")
        self.set_up_disk(f"read -r _ < {gate.path}; {self.note()}")
        self.start()
        first = self.give()
        self.wait_for_status(first, "Building")
        self.assertTrue(os.path.exists(self.path("small", "state", "ballast")))
        self.fill()
        second = self.submit("build", "x", job=99, expect=None)
        self.assertNotEqual(second.returncode, 0, "taken on a full disk")
        self.assertIn("make room", second.stdout + second.stderr)
        gate.let_through()
        self.wait_for_end(first)
        self.rbit.wait_for("the ballast was thrown overboard")
        self.rbit.wait_for("nothing is taken until the disk has room again")
        self.assertFalse(os.path.exists(self.path("small", "state", "ballast")))
        self.free()
        self.rbit.wait_for("the disk has room again: taking messages")
        self.assertTrue(os.path.exists(self.path("small", "state", "ballast")))
        third = self.give()
        gate.let_through()
        self.wait_for_end(third)
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well()

    def test_without_ballast_a_verdict_waits_until_there_is_room(self):
        gate = self.gate("gate")
        self.mount("12m")  # too small to have one
        self.set_up_disk(f"read -r _ < {gate.path}; {self.note()}")
        self.start()
        job = self.give()
        self.wait_for_status(job, "Building")
        self.fill()
        gate.let_through()
        self.rbit.wait_for(PAUSED)
        self.assertFalse(self.is_over(job))
        self.free()
        self.wait_for_end(job)
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well()

    def test_min_free_disk_pauses_and_lets_go(self):
        self.mount("64m")
        self.set_up_disk(f"{self.note()}",
                         "min-free-disk = 24M\nwork-dir = work")
        with open(self.config, "a") as file:
            file.write(f"\n[monitor]\nlisten = 127.0.0.1:{self.free_port()}\n")
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
        self.assertIn("Nothing is taken: state-dir", self.get("/")[1])
        job = self.give()
        self.assertEqual(self.statuses(job), [])
        self.free()
        self.rbit.wait_for("the disk has room again")
        wait_until(lambda: self.get("/healthcheck")[0] == 200, "good health")
        self.wait_for_end(job)
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well()

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
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well()


class Limits(DiskSuite):
    def test_a_file_that_may_not_grow_pauses_rbit_until_it_may(self):
        self.set_up_queue()
        self.start()
        self.wait_for_end(self.give())
        _, hard = resource.prlimit(self.rbit.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.rbit.pid, resource.RLIMIT_FSIZE, (4096, hard))
        self.assertIsNone(self.give())
        resource.prlimit(self.rbit.pid, resource.RLIMIT_FSIZE, (hard, hard))
        job = wait_until(self.give, "a job that is taken")
        self.wait_for_end(job)
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well()

    def test_no_more_descriptors_costs_no_job(self):
        self.set_up_queue()
        self.start()
        self.wait_for_end(self.give())
        _, hard = resource.prlimit(self.rbit.pid, resource.RLIMIT_NOFILE)
        for room in (0, 1, 3, 6):
            with self.subTest(room=room):
                job = self.give()
                self.wait_for_end(job)
                resource.prlimit(self.rbit.pid, resource.RLIMIT_NOFILE,
                                 (self.rbit.descriptors() + room, hard))
                self.give()  # may not be taken: the control socket needs one, too
                resource.prlimit(self.rbit.pid, resource.RLIMIT_NOFILE, (hard, hard))
                for each in self.confirmed:  # a second try in the next round would be the last
                    self.wait_for_end(each)
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well(states=("done", "failed"))


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


class Machine(DiskSuite):
    """Row 19: memory, processes, pipes. rbit goes on, or ends with a reason and not with 0."""

    def one(self, calls, number, error):
        self.revive()
        self.fault.arm(calls, "", number, error, leaders=False)
        job = self.give()
        if job is not None:
            wait_until(lambda: self.is_over(job) or self.rbit.process.poll() is not None
                       or "Blocked" in self.statuses(job), f"an end: {self.fault.what}")
        self.fault.clear()
        if job is not None:  # a second try that meets the next fault would be the last
            wait_until(lambda: self.is_over(job) or self.rbit.process.poll() is not None,
                       f"an end after {self.fault.what}")
        if self.rbit.process.poll() is None:
            return
        self.assertNotEqual(self.rbit.process.returncode, 0, self.fault.what)
        self.assertRegex(self.rbit.log, r"bad_alloc|memory|internal error")

    def revive(self):
        """Another death would be the same job's: the third one makes it poison."""
        if not self.rbits or self.rbit.process.poll() is not None:
            self.start_faulty()
            for job in self.confirmed:
                self.wait_for_end(job)

    def end(self):
        self.revive()
        for job in self.confirmed:
            self.wait_for_end(job)
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well(most_runs=2)

    def test_memory_runs_out(self):
        self.set_up_queue()
        chosen = random.Random(seed)
        numbers = range(1, 2001) if long_run else sorted(chosen.sample(range(1, 301), 15))
        for number in numbers:
            with self.subTest(number=number):
                self.one(preload.MALLOC, number, errno.ENOMEM)
        self.end()

    def test_calls_that_take_something_from_the_machine(self):
        self.set_up_queue()
        for calls, error in ((preload.FORK, errno.EAGAIN), (preload.PIPE, errno.EMFILE),
                             (preload.MEMFD, errno.ENFILE), (preload.EPOLL, errno.ENOSPC)):
            for number in range(1, 6 if long_run else 4):
                with self.subTest(calls=preload.NAMES[calls], number=number):
                    self.one(calls, number, error)
        self.end()


class Broker(DiskSuite):
    """The same on a real RabbitMQ: what is acknowledged there is on record here."""

    def setUp(self):
        super().setUp()
        if shared is None:
            self.skipTest("no RabbitMQ here")
        self.connection = broker_suite.pika.BlockingConnection(
            broker_suite.pika.URLParameters(shared.url))
        self.addCleanup(lambda: self.connection.close() if self.connection.is_open else None)
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()
        self.queue = f"disk{os.getpid()}n{next(broker_suite.numbers)}_any_latex_pdf"
        self.channel.queue_declare(self.queue, durable=True)

    def set_up_queue(self, rbit="", runner=""):
        self.configure({self.queue: f"runner = {self.command_line()}\nretry-delay = 1\n{runner}"},
                       rbit=f"slots = 2\nmin-free-disk = 0\n{rbit}",
                       amqp=f"host = 127.0.0.1\nport = {shared.port}\n")

    def give(self):
        job = next(self.ids)
        body = build_request(package=f"p{job}", job=job)
        self.connection.process_data_events()
        self.channel.basic_publish("", self.queue, body, broker_suite.pika.BasicProperties(
            delivery_mode=2, message_id=f"{self.queue}-{job}"), mandatory=True)
        self.confirmed.append(job)
        return job

    def nothing_is_held(self):
        self.assertEqual(self.channel.queue_declare(self.queue, passive=True).method.message_count,
                         0)

    def run_with(self, test, calls, error, most_runs=1):
        self.set_up_queue()
        self.start_faulty()
        test(calls, "rbit.db", error)
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well(most_runs)

    def test_a_write_meets_a_full_disk_once(self):
        self.run_with(self.once, preload.WRITE, errno.ENOSPC)

    def test_a_write_meets_a_full_disk_for_a_while(self):
        self.run_with(self.lasting, preload.WRITE, errno.ENOSPC)

    def test_a_sync_fails_once(self):
        self.run_with(self.once, preload.SYNC, errno.EIO)

    def test_a_sync_fails_for_a_while(self):
        self.run_with(self.lasting, preload.SYNC, errno.EIO)

    def test_killed_while_the_disk_is_full(self):
        self.run_with(self.killed, preload.WRITE, errno.ENOSPC, most_runs=2)


shared = None  # the node of all tests of Broker


def arguments():
    """Takes ours out of sys.argv; unittest reads the rest."""
    global seed, long_run
    rest = sys.argv[1:]
    if "--long" in rest:
        rest.remove("--long")
        long_run = True
    if "--seed" in rest:
        at = rest.index("--seed")
        seed = int(rest[at + 1])
        del rest[at:at + 2]
    sys.argv[1:] = rest
    print(f"seed {seed}", file=sys.stderr)


def main():
    global shared
    arguments()
    missing = broker_node.missing()
    wanted = [name for name in sys.argv[1:] if not name.startswith("-")]
    if missing or broker_suite.pika is None or (wanted and not any("Broker" in name
                                                                   for name in wanted)):
        rbit_suite.main()
        return
    with broker_node.Node() as shared:
        rbit_suite.main()


if __name__ == "__main__":
    main()
