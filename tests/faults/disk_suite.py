"""What the tests of failing calls share: rows 16, 17 and 19 (test_disk.py, test_disk_broker.py,
test_machine.py).

Each test starts the real rbit with a library that makes the Nth call of a kind fail (preload.py),
gives it jobs, and looks afterwards: every confirmed job ran and was reported to its end once (I1,
I3), no message was acknowledged without its row (I5), the journal is sound, and rbit went on by
itself.
"""

import collections
import contextlib
import itertools
import os
import random
import shutil
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "broker"), os.path.join(HERE, "..", "suites")]

import rbit_suite
from preload import Fault
from rbit_suite import BINARY_DIR, Suite, wait_until

LIBRARY = os.path.join(BINARY_DIR, "faults", "librbit_preload.so")
LEADER = os.path.join(BINARY_DIR, "faults", "rbit-leader")
TERMINAL = {"Done", "Failed", "Cancelled"}
TWO_AT_ONCE = "slots = 2\nmin-free-disk = 0"
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

    def runner(self):
        return f"runner = shell!echo output of $RBIT_JOB_ID; {self.note()}\nretry-delay = 1"

    def note(self):
        """What each job does last: a line in a file of its own making."""
        return f"echo $RBIT_JOB_ID >> {self.path('runs')}"

    def set_up_queue(self):
        self.configure({"build": self.runner()}, rbit=TWO_AT_ONCE)

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

    def ends_well(self, **expected):
        self.assertEqual(self.rbit.stop(), 0)
        self.all_is_well(**expected)

    def all_is_well(self, most_runs=1, states=("done",)):
        """After a stop: the invariants, from the jobs' own log, the reports and the journal."""
        self.assertEqual(self.rows("PRAGMA integrity_check"), [("ok",)])
        # An acknowledgement that a kill kept from being noted stays unnoted.
        settled = "WHERE claim = 'settled'" if most_runs == 1 else ""
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

    def run_with(self, test, calls, error, most_runs=1):
        """`test` is one of those below; what fails are calls on the journal."""
        self.set_up_queue()
        self.start_faulty()
        test(calls, "rbit.db", error)
        self.ends_well(most_runs=most_runs)

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

    def lasting(self, calls, path, error):
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


def take_arguments():
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


def main(run=rbit_suite.main):
    take_arguments()
    run()
