"""An rbit is killed at nearly every upgrade, over jobs that come all the time: what may be held
against a job, and told twice, and what not (rbit/doc/order.rst, crash-table)."""

import base64
import collections
import os
import random
import signal
import time

import rbit_suite
from local_queue import LocalQueue
from pybit_messages import build_request
from rbit_suite import wait_until

JOBS = range(1, 101)
SOON = 0.5  # s: what A notes with a later commit is on record by then, on a machine that is busy


class KilledUpgrades(LocalQueue):
    def setUp(self):
        super().setUp()
        self.kills = {}  # when, by rbit
        seed = int(os.environ.get("RBIT_SEED") or random.randrange(1 << 32))
        self.draw = random.Random(seed)
        print(f"RBIT_SEED={seed}", flush=True)

    def upgrade(self):
        """Either of the two is killed, nearly always."""
        old = self.rbit
        old.signal(signal.SIGTERM)
        new = self.start(until=None)
        if self.draw.random() < 0.9:
            time.sleep(self.draw.uniform(0, 0.15))
            victim = self.draw.choice((old, new))
            if victim.process.poll() is None:
                victim.kill()
                self.kills[victim] = time.time()

    def ended(self):
        return sum(1 for job in JOBS if {"Done", "Failed"} & set(self.statuses(job)))

    def test_what_is_held_against_a_job_and_told_twice(self):
        self.configure({"build": f"""
            runner = shell!
                sleep 0.$((RBIT_JOB_ID % 4))
                echo $RBIT_JOB_ID >> {self.path('runs')}
            grace = 1
            """}, rbit="slots = 4")
        self.start()
        for job in JOBS:
            body = base64.b64encode(build_request(job=job)).decode()
            self.assertIn("ok", self.ask(do="submit", queue="build", properties="{}", bytes=body))
        while self.ended() < len(JOBS) - 10:
            time.sleep(self.draw.uniform(0, 0.2))
            self.upgrade()
        for one in self.rbits:  # two of them could have ended each other's start
            if one.process.poll() is None:
                one.signal(signal.SIGTERM)
        last = self.start()
        wait_until(lambda: self.ended() == len(JOBS), "the ends of all")
        self.assertEqual(last.stop(), 0)
        for one in self.rbits:
            one.wait()

        over = collections.Counter(self.read("runs").split())
        self.assertEqual([job for job in JOBS if over[str(job)] > 1], [], "ran to their ends twice")
        with self.database() as database:
            deaths = dict(database.execute(
                "SELECT job_id, (SELECT count(*) FROM attempt WHERE job = j.id AND "
                "outcome = 'crashed' AND reason = 'interrupted') FROM job j"))
        for job in map(str, JOBS):
            if "Failed" in self.statuses(job):  # it was at work in three that were killed
                self.assertEqual((deaths[job], over[job]), (3, 0))
        self.assert_told_again_after_a_kill_alone()

    def assert_told_again_after_a_kill_alone(self):
        """Of the rbit that told it, before the answer was on record."""
        told = collections.defaultdict(list)
        for one in self.rbits:
            for line in one.lines_with("'s state is now 'Done'"):
                when = time.mktime(time.strptime(line[:19], "%Y-%m-%d %H:%M:%S"))
                told[line.partition("Job ")[2].partition("'")[0]].append(
                    (when + int(line[20:23]) / 1000, one))
        odd = [(job, when, self.rbits.index(one) + 1) for job, tellings in told.items()
               for when, one in tellings[:-1] if abs(self.kills.get(one, 0) - when) > SOON]
        self.assertEqual(odd, [])


if __name__ == "__main__":
    rbit_suite.main()
