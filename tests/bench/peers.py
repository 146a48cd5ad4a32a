"""Who is measured on the broker: rbit, and what its users would take instead. Each is set as its
own documentation says is best for many short jobs; `settings` says how, and README.rst why."""

import contextlib
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess

import machine
from home import AHEAD, knows_prefetch_ahead
from rbit_suite import PATIENCE, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
TRUE = ["/bin/sh", "-c", "true"]
SLOTS = 2
NO_BACKLOG = 16  # prefetch of a peer whose jobs are processes
SHORT = 128  # prefetch of one whose jobs are calls


class Peer:
    """One that takes messages. `start(bench, queue, jobs)`, `stop()`; `guess`: jobs a second, for
    the length of its first run. `task`: the Celery task its messages are for."""

    task = None
    statuses = None  # a queue on which it tells two statuses a job

    def __init__(self, name, settings, guess):
        self.name, self.settings, self.guess = name, settings, guess

    def cpu(self):
        """Seconds of processor time by kind, or None where nobody asks."""
        return None

    def missing(self):
        """Why it cannot take part here, or None."""

    def check(self, jobs):
        """Called when all messages are gone. RuntimeError if jobs were not done."""


class Program(Peer):
    """A peer that is a command. `arguments(bench, queue, jobs)` gives it, `environment` too."""

    def __init__(self, name, settings, guess, arguments, task=None, environment=None,
                 is_durable=False, needs=()):
        super().__init__(name, settings, guess)
        self.arguments, self.task = arguments, task
        self.environment = environment or (lambda peer, bench, queue: {})
        self.is_durable, self.needs = is_durable, needs

    def missing(self):
        for package in self.needs:
            if machine.version(package) == "none":
                return f"{package} is not installed"
        return None

    def start(self, bench, queue, jobs):
        self.folder = bench.new_folder("peer")
        self.results = os.path.join(self.folder, "results")
        self.log = os.path.join(self.folder, "log")
        command = self.arguments(self, bench, queue, jobs)
        with open(self.log, "wb") as file:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True, env={**os.environ, **self.environment(self, bench, queue)})

    def is_alive(self):
        """One that was told how many there are may end before we look."""
        return self.process.poll() in (None, 0)

    def check(self, jobs):
        with open(self.log, errors="replace") as file:
            text = file.read()
        if "Traceback" in text or "ERROR" in text:
            raise RuntimeError(f"{self.name}: {text[-2000:]}")
        if self.task and self.is_durable:
            wait_until(lambda: results_of_celery(self.results) >= jobs,
                       f"{jobs} results of {self.name}", PATIENCE)

    def stop(self):
        """At once: all its work is done, and a polite end takes seconds."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class RbitPeer(Peer):
    def __init__(self, name, settings, guess, runner, slots=SLOTS, tells=False):
        self.tells, self.slots, self.runner = tells, slots, runner
        ahead = f", prefetch-ahead = {AHEAD}" if knows_prefetch_ahead() else ""
        super().__init__(name, f"slots = {slots}{ahead}; {settings}", guess)

    def start(self, bench, queue, jobs):
        self.home = bench.home(bench.node.port)
        self.statuses = f"{queue}.statuses" if self.tells else None
        if self.statuses:
            bench.stock.channel.queue_declare(self.statuses, durable=True)
        self.home.configure({queue: self.runner(bench)}, self.slots,
                            f"report = amqp\nqueue = {self.statuses}" if self.tells else "")
        self.home.start(until=None)

    def is_alive(self):
        return self.home.is_running()

    def cpu(self):
        return self.home.cpu()

    def check(self, jobs):
        if not self.tells:
            self.home.wait_for_done(jobs)

    def stop(self):
        self.home.__exit__()


def celery(pool, prefetch, durable):
    """Its command line and settings: what Celery's guide "Optimizing" names for short tasks,
    without what makes workers talk to each other."""
    def arguments(peer, bench, queue, jobs):
        return [PYTHON, "-B", "-m", "celery", "-A", "celery_peer", "worker", "-l", "ERROR", *pool,
                "--without-gossip", "--without-mingle", "--without-heartbeat"]

    def environment(peer, bench, queue):
        more = {"BENCH_RESULTS": peer.results} if durable else {}
        return {"BENCH_BROKER": f"amqp://guest:guest@127.0.0.1:{bench.node.port}//",
                "BENCH_QUEUE": queue, "BENCH_COMMAND": shlex.join(TRUE), "PYTHONPATH": HERE,
                "BENCH_PREFETCH": str(prefetch), "C_FORCE_ROOT": "1", **more}
    needs = ["python3-celery", *(["python3-sqlalchemy"] if durable else [])]
    return {"arguments": arguments, "environment": environment, "is_durable": durable,
            "needs": needs}


def pika_arguments(prefetch, durable, *command):
    return lambda peer, bench, queue, jobs: [
        PYTHON, "-B", os.path.join(HERE, "pika_peer.py"), bench.node.url, queue, str(prefetch),
        peer.results if durable else "-", *command]


def bare_loop(durable):
    return lambda peer, bench, queue, jobs: [
        bench.path("bare_loop"), "amqp", str(bench.node.port), queue, str(jobs), str(SLOTS),
        peer.folder, peer.results if durable else "-", *TRUE]


def bare_warm(durable):
    return lambda peer, bench, queue, jobs: [
        bench.path("bare_warm"), str(bench.node.port), queue, str(jobs), str(SLOTS), str(SHORT),
        peer.results if durable else "-"]


def amqp_consume(peer, bench, queue, jobs):
    return ["amqp-consume", "-s", "127.0.0.1", f"--port={bench.node.port}", "-q", queue,
            "-p", str(NO_BACKLOG), bench.path("drain")]


def results_of_celery(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute("SELECT count(*) FROM celery_taskmeta").fetchone()[0]


PREFORK = ["-P", "prefork", "-c", str(SLOTS)]
SOLO = ["-P", "solo"]
LATE = "task_acks_late, results in SQLite (WAL, synchronous FULL)"


def shell_peers():
    """Jobs that are a process."""
    return {one.name: one for one in (
        RbitPeer("rbit shell", "runner = shell!true", 400, lambda bench: "shell!true"),
        Program("bare loop", f"{SLOTS} at once, prefetch {SLOTS}, sh -c true, a log file a job",
                800, bare_loop(False)),
        Program("bare loop, synced", "the same, each result synced before its acknowledgement", 600,
                bare_loop(True)),
        Program("amqp-consume", f"-p {NO_BACKLOG}, a program that reads its input", 500,
                amqp_consume, needs=["amqp-tools"]),
        Program("Celery command", f"prefork, {SLOTS} processes, prefetch multiplier 4, "
                "subprocess.run of sh -c true", 400, task="command", **celery(PREFORK, 4, False)),
        Program("Celery command, late", f"the same, {LATE}", 150, task="command",
                **celery(PREFORK, 4, True)),
        Program("pika command", f"prefetch {NO_BACKLOG}, subprocess.run of sh -c true", 300,
                pika_arguments(NO_BACKLOG, False, *TRUE)),
    )}


def call_peers():
    """Jobs that are a call in a process that lives on."""
    return {one.name: one for one in (
        RbitPeer("rbit plugin", "runner = plugin!libnoop.so:noop", 1000, plugin_runner),
        RbitPeer("rbit plugin, statuses", "the same, report = amqp", 600, plugin_runner,
                 tells=True),
        RbitPeer("rbit Python", "runner = python!noop:nothing", 1000, python_runner),
        Program("bare warm children", f"{SLOTS} children, prefetch {SHORT}", 8000,
                bare_warm(False)),
        Program("bare warm children, synced",
                "the same, each result synced before its acknowledgement", 3000, bare_warm(True)),
        Program("Celery prefork", f"{SLOTS} processes, prefetch multiplier {SHORT // SLOTS}", 1500,
                task="nothing", **celery(PREFORK, SHORT // SLOTS, False)),
        Program("Celery prefork, late", f"{SLOTS} processes, prefetch multiplier "
                f"{NO_BACKLOG // SLOTS}, {LATE}", 150, task="nothing",
                **celery(PREFORK, NO_BACKLOG // SLOTS, True)),
        Program("Celery solo", f"prefetch multiplier {SHORT}", 2500, task="nothing",
                **celery(SOLO, SHORT, False)),
        Program("Celery solo, late", f"prefetch multiplier {NO_BACKLOG}, {LATE}", 150,
                task="nothing", **celery(SOLO, NO_BACKLOG, True)),
        Program("pika", f"prefetch {SHORT}", 5000, pika_arguments(SHORT, False, "nothing")),
        Program("pika, late", f"prefetch {NO_BACKLOG}, results in SQLite (WAL, synchronous FULL)",
                600, pika_arguments(NO_BACKLOG, True, "nothing")),
    )}


def plugin_runner(bench):
    return f"plugin!{bench.path('libnoop.so')}:noop"


def python_runner(bench):
    return "python!noop:nothing"
