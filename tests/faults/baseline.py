#!/usr/bin/python3
"""The same faults against rbit and against a Celery worker: lost, run twice, stuck, how soon back.

    python3 tests/faults/baseline.py [--seed N] [--tenth] [--only 1,4,5,7,11] [--of rbit,celery]

Prints the table of README.rst: the numbers are those of the short run. Both do
the same jobs (fault_job.c) from the same broker with four at once and a heartbeat of 3 s. Needs
python3-celery and python3-pika beside RabbitMQ. No test: it judges nobody, and takes an hour.
--tenth does a tenth of it.

lost         confirmed jobs without a finished run, when nothing has happened for 15 s, and not set
             aside
aside        jobs that were killed with the worker three times: rbit ends them as Failed and keeps
             their messages as dead letters
run twice    runs beyond the first that no kill of the worker explains
killed       runs beyond the first that a kill during that job's run explains
two at once  jobs of which two runs overlapped
stuck        faults after which no job began within 60 s
back         seconds from the fault's end to the next job's begin: median and worst
"""

import argparse
import dataclasses
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
for folder in ("suites", "broker"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))

import checker
import node as broker_node
import schedule
from evidence import Kill
from faultproxy import FaultProxy
from rbit_suite import BINARY_DIR, wait_until
from row_broker import Reachable, kill_and_start, stop_and_start
from world import World, read_run_log

STUCK = 60
SILENCE = 15
SLOTS = 4
BLACK = 15  # seconds without a network; both sides find out in less than half of it
KILLS, JOBS = 200, 5000
BROKER_KILLS, BROKER_STOPS = 5, 15
CLOSES = 60
BLACKHOLES = 6
LONG_JOBS = 40


class RbitSide(World):
    """rbit, with the words this comparison needs."""

    def begin(self, port):
        self.host = f"127.0.0.1:{port}"
        self.configure(slots=SLOTS)
        self.start()

    restart = World.start

    def send(self, work):
        self.publish(work)

    def end(self):
        if self.rbit.process.poll() is None:
            self.stop()
        self.close()


class CelerySide:
    """A Celery worker on a queue of its own."""

    def __init__(self, directory, node):
        os.makedirs(directory)
        self.directory = directory
        self.node = node
        self.run_log = os.path.join(directory, "run.log")
        self.queue = f"celery-{os.getpid()}-{os.path.basename(directory)}"
        self.jobs = 0
        self.confirmed = set()
        self.lives = 0
        self.process = None
        self.log_file = None

    def environment(self, port):
        return {**os.environ, "BASELINE_QUEUE": self.queue, "BASELINE_LOG": self.run_log,
                "BASELINE_JOB": os.path.join(BINARY_DIR, "fault_job"), "PYTHONPATH": HERE,
                "BASELINE_BROKER": f"amqp://guest:guest@127.0.0.1:{port}//"}

    def begin(self, port):
        self.port = port
        self.restart()

    def restart(self):
        self.lives += 1
        self.log_file = os.path.join(self.directory, f"celery.{self.lives}.log")
        with open(self.log_file, "wb") as file:
            self.process = subprocess.Popen(
                ["/usr/bin/python3", "-m", "celery", "-A", "celery_app", "worker", "-l", "INFO"],
                cwd=self.directory, env={**self.environment(self.port), "C_FORCE_ROOT": "1"},
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
        wait_until(lambda: " ready." in self.log, "celery to be ready", 120)

    @property
    def log(self):
        with open(self.log_file, errors="replace") as file:
            return file.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def send(self, work):
        """Each confirmed, by Celery's own client in a process of its own: the broker may be new."""
        numbers = [str(number) for number in range(self.jobs + 1, self.jobs + len(work) + 1)]
        self.jobs += len(work)
        code = ("import sys, celery_app\n"
                "for line in sys.stdin:\n"
                "    celery_app.work.delay(*line.split())\n"
                "    print(line.split()[0], flush=True)\n")
        done = subprocess.run(["/usr/bin/python3", "-c", code], env=self.environment(self.node.port),
                              cwd=HERE, text=True, stdout=subprocess.PIPE,
                              input="".join(f"{n} {v}\n" for n, v in zip(numbers, work)))
        self.confirmed |= set(done.stdout.split())

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@dataclasses.dataclass
class Score:
    jobs: int
    lost: int
    aside: int
    twice: int
    killed: int
    overlapping: int
    stuck: int
    faults: int
    pauses: list


class Duel:
    """One fault against one side."""

    def __init__(self, side, node, draw, share):
        self.side, self.node, self.draw = side, node, draw
        self.kills, self.pauses = [], []
        self.stuck = self.faults = 0
        self.share = share

    def times(self, number):
        """So often, or as little of it as was asked for."""
        return max(1, round(number * self.share))

    def back_at_work(self, since):
        """Notes how long after `since` the next job began."""
        self.faults += 1
        self.keep_waiting(SLOTS)  # the harm may have taken long
        try:
            found = wait_until(lambda: [one.begin for one in read_run_log(self.side.run_log)
                                        if one.begin > since], "a job", STUCK)
            self.pauses.append(min(found) - since)
        except AssertionError:
            self.stuck += 1

    def keep_waiting(self, count, work="1000-0-0"):
        """Enough jobs that some wait when the fault is over."""
        begun = {one.job for one in read_run_log(self.side.run_log)}
        missing = count - (self.side.jobs - len(begun))
        if missing > 0:
            self.side.send([work] * missing)

    def score(self):
        """When nothing has begun or ended for a while, nothing will."""
        last, since = None, time.monotonic()
        while time.monotonic() - since < SILENCE:
            size = os.path.getsize(self.side.run_log)
            if size != last:
                last, since = size, time.monotonic()
            if any(one.end is None and time.monotonic() - one.begin < 30
                   for one in read_run_log(self.side.run_log)[-50:]):
                since = time.monotonic()  # a long job may still run
            time.sleep(0.2)
        runs = checker.by_job(read_run_log(self.side.run_log))
        confirmed = self.side.found.confirmed if isinstance(self.side, World) \
            else self.side.confirmed
        finished = {job for job, all_of in runs.items() if any(one.end for one in all_of)}
        aside = (set(self.side.ended()) if isinstance(self.side, World) else set()) - finished
        twice = killed = overlapping = 0
        for all_of in runs.values():
            extra = len(all_of) - 1
            excused = min(extra, checker.kills_during(all_of, self.kills))
            killed += excused
            twice += extra - excused
            ordered = sorted(all_of, key=lambda one: one.begin)
            overlapping += any(one.end is not None and one.end > after.begin
                               for one, after in zip(ordered, ordered[1:]))
        return Score(len(confirmed), len(confirmed - finished - aside), len(aside), twice, killed,
                     overlapping, self.stuck, self.faults, self.pauses)


def killed(duel):
    """1: the worker is killed at random moments; jobs of 20 to 400 ms wait all the time."""
    kills = duel.times(KILLS)
    duel.side.send([duel.draw.one_of("work", ("20-0-0", "80-0-0", "150-0-0", "400-0-0"))
                    for _ in range(duel.times(JOBS))])
    for _ in range(kills):
        duel.keep_waiting(60, "100-0-0")
        time.sleep(duel.draw.between("until the kill", 0.2, 1.5))
        first = time.monotonic()
        duel.side.kill()
        duel.kills.append(Kill(first, time.monotonic()))
        duel.side.restart()
        duel.back_at_work(first)


def broker_away(duel):
    """4: the broker is killed, and its application stopped."""
    for away in ([kill_and_start] * duel.times(BROKER_KILLS)
                 + [stop_and_start] * duel.times(BROKER_STOPS)):
        duel.keep_waiting(100)
        time.sleep(duel.draw.between("until it goes", 0.5, 1.0))
        away_and_back(duel, away)


def away_and_back(duel, away):
    thread = threading.Thread(target=away, args=(duel.node,))
    thread.start()
    wait_until(lambda: not is_listening(duel.node.port), "the broker to be gone")
    back = Reachable(duel.node.port)
    thread.join()
    back.thread.join(180)
    if isinstance(duel.side, World):
        duel.side.reconnect()
    duel.back_at_work(back.at)


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def connections_closed(duel):
    """5: the broker closes all connections."""
    for _ in range(duel.times(CLOSES)):
        duel.keep_waiting(60)
        time.sleep(duel.draw.between("until it does", 0.1, 0.5))
        duel.node.ctl("close_all_connections", "baseline")
        ended = time.monotonic()
        if isinstance(duel.side, World):
            duel.side.reconnect()
        duel.back_at_work(ended)


def blackhole(duel):
    """7: the network swallows everything, both ways."""
    for _ in range(duel.times(BLACKHOLES)):
        duel.keep_waiting(120)
        time.sleep(duel.draw.between("until it does", 0.5, 1.0))
        duel.proxy.blackhole()
        time.sleep(BLACK)
        duel.proxy.clear()
        duel.back_at_work(time.monotonic())


def impatient(duel):
    """11: the broker's acknowledgement timeout is 2 s; jobs of 5 s."""
    jobs = duel.times(LONG_JOBS)
    duel.node.ctl("eval", "application:set_env(rabbit, consumer_timeout, 2000), "
                          "application:set_env(rabbit, channel_tick_interval, 256).")
    duel.side.end()
    duel.side.restart()
    duel.side.send(["5000-0-0"] * jobs)

    def is_done():
        return len({one.job for one in read_run_log(duel.side.run_log) if one.end}) >= jobs
    try:
        wait_until(is_done, "all jobs", 180)
    except AssertionError:
        duel.stuck += 1  # a worker that starts over for ever never falls silent
    duel.faults += 1


FAULTS = {1: killed, 4: broker_away, 5: connections_closed, 7: blackhole, 11: impatient}


def fight(number, name, directory, node, seed, share):
    draw = schedule.Schedule(f"{number} baseline", seed)
    place = os.path.join(directory, f"{name}{number}")
    side = RbitSide(place, draw, node) if name == "rbit" else CelerySide(place, node)
    duel = Duel(side, node, draw, share)
    with FaultProxy(node.port) as proxy:
        duel.proxy = proxy
        try:
            side.begin(proxy.port if number == 7 else node.port)
            FAULTS[number](duel)
            return duel.score()
        finally:
            side.end()
            if number == 11:
                node.ctl("eval", "application:set_env(rabbit, consumer_timeout, 1800000), "
                                 "application:set_env(rabbit, channel_tick_interval, 60000).")


def version(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], text=True,
                          stdout=subprocess.PIPE).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=schedule.new_seed())
    parser.add_argument("--only", default=",".join(map(str, FAULTS)))
    parser.add_argument("--of", default="rbit,celery")
    parser.add_argument("--tenth", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="rbit-baseline.")
    print(f"seed {options.seed}; rabbitmq-server {version('rabbitmq-server')}, "
          f"python3-celery {version('python3-celery')}\n", flush=True)
    line = "{:28} {:6} {:>5} {:>5} {:>5} {:>9} {:>7} {:>11} {:>6} {:>12}"
    print(line.format("fault", "side", "jobs", "lost", "aside", "run twice", "killed", "two at once",
                      "stuck", "back"), flush=True)
    for number in map(int, options.only.split(",")):
        for name in options.of.split(","):
            with broker_node.Node() as node:  # of its own: one side's debris is not the other's
                one = fight(number, name, directory, node, options.seed,
                            0.1 if options.tenth else 1)
            pauses = (f"{statistics.median(one.pauses):.1f}, {max(one.pauses):.1f}"
                      if one.pauses else "-")
            print(line.format(f"{number} {FAULTS[number].__name__}", name, one.jobs, one.lost, one.aside,
                              one.twice, one.killed, one.overlapping,
                              f"{one.stuck}/{one.faults}", pauses), flush=True)
    if not options.keep:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
