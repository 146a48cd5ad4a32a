"""A world in which a fault happens: a directory, an rbit or more, a queue with jobs, and everything
that is to be known afterwards. `transport` is classic, quorum (both on the run's broker) or local.

A row does its harm with these words and ends with `return world.evidence()`.
"""

import concurrent.futures
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("suites", "broker"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))

import record_file
from evidence import TERMINAL, Evidence, Kill, Recovery, Report, Resources, Row, Run
from front_end import FrontEnd
from probe import Handshakes
from pybit_messages import build_request
from rbit_suite import BINARY_DIR, Rbit, processes_of, readable, wait_until

try:
    import pika
except ImportError:
    pika = None

CONSUMING = "consuming from"
CAUSE_INTERRUPT = b"2"  # of a leader's record (rbit/run/leader_wire.h)
LEFTOVER_PATIENCE = 20  # seconds: a grace of 1 and leaders on a busy machine
LOG_STATUS = re.compile(r"Job (\d+)'s state is now '(\w+)'")
# How long a world may need for all it has to do; no measure of speed.
PATIENCE = 240


class World:
    def __init__(self, directory, schedule, node=None, transport="classic", program="rbit"):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.schedule = schedule
        self.transport = transport
        self.node = None if transport == "local" else node
        # Where rbit is told that the broker is: a row may put a proxy, or several hosts, in between.
        self.host = f"127.0.0.1:{self.node.port}" if self.node is not None else None
        self.url = getattr(self.node, "url", None)  # for ourselves, past all proxies
        self.program = os.path.join(BINARY_DIR, program)
        self.name = f"f{os.getpid()}-{os.path.basename(directory)}"
        self.queue = f"{self.name}-build"
        self.status_queue = f"{self.name}-status"
        self.run_log = os.path.join(directory, "run.log")
        self.config = os.path.join(directory, "rbit.ini")
        self.backoff = 1.0 if knows("reconnect-ceiling") else 30.0
        self.rbits = []
        self.jobs = 0
        self.found = Evidence()
        self.front_end = None
        self._channel = None
        self._tails = {}
        self._watchers = []  # of the leaders of rbits that were killed
        self._unheard = []   # (Kill, names of records that tell of an interrupted job)
        self._ended = {}
        if self.node is None:
            self.front_end = FrontEnd()
        else:
            self._declare()

    # ---- before

    def configure(self, slots=4, rbit="", amqp="", runner="", status="", command=None, more=""):
        """rbit.ini. The texts are more lines for the sections of these names."""
        # As the bench has it for its runners: messages wait ahead of the slots in each fault.
        runner += f"run-log = {self.run_log}\nprefetch-ahead = 16\n"
        command = command or f"shell!exec {os.path.join(BINARY_DIR, 'fault_job')} {self.run_log}"
        if self.node is None:
            broker = "url = local:\n"
            target = f"report = log, pybit\nurl = {self.front_end.url}\n"
        else:
            broker = f"host = {self.host}\nheartbeat = 3\n"
            broker += reconnect_line(self.backoff)
            target = f"report = log, amqp\nqueue = {self.status_queue}\n"
        with open(self.config, "w") as file:
            os.chmod(self.config, 0o600)
            file.write(f"[rbit]\nname = {self.name}\nstate-dir = state\nslots = {slots}\n"
                       f"queue-mappings = {self.queue}:work\n{rbit}\n"
                       f"[amqp]\n{broker}{amqp}\n"
                       f"[runner:work]\nrunner = {command}\ngrace = 1\nretry-delay = 50ms\n"
                       f"{runner}\n[status]\n{target}{status}\n{more}\n")

    def _declare(self):
        kind = {"quorum": {"x-queue-type": "quorum"}}.get(self.transport)
        self.channel().queue_declare(self.queue, durable=True, arguments=kind)
        self.channel().queue_declare(self.status_queue, durable=True)

    def channel(self):
        """To the broker, with confirms; a new one where the old one was cut."""
        if self._channel is None or not self._channel.is_open:
            parameters = pika.URLParameters(self.url)
            parameters.heartbeat = 0  # we may not look at it for long
            self._channel = pika.BlockingConnection(parameters).channel()
            self._channel.confirm_delivery()
        return self._channel

    def reconnect(self):
        """After a fault of the broker: the next use of `channel` gets a new connection."""
        if self._channel is None:
            return
        try:
            self._channel.connection.close()
        except pika.exceptions.AMQPError:
            pass
        self._channel = None

    def close(self):
        for one in self.rbits:
            if one.process.poll() is None:
                one.kill()
        if self.front_end is not None:
            self.front_end.go_down()
        if self._channel is not None:
            self.reconnect()
            for queue in (self.queue, self.status_queue, f"rbit.dead.{self.queue}"):
                try:
                    self.channel().queue_delete(queue)
                except pika.exceptions.AMQPError:
                    pass
            self.reconnect()

    # ---- jobs

    def publish(self, work, with_id=True, package="work"):
        """One job for each MS-CODE-TIMES of `work` (see fault_job.c); their ids."""
        first = self.jobs + 1
        self.jobs += len(work)
        numbers = range(first, self.jobs + 1)
        for number, version in zip(numbers, work):
            times = int(version.split("-")[2]) if version.count("-") == 2 else 0
            if times and version.split("-")[1] == "75":
                self.found.planned_runs[str(number)] = times + 1
        if self.node is None:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda *one: self._submit(*one, package), numbers, work))
        else:
            for number, version in zip(numbers, work):
                self._publish(number, version, package, with_id)
        return [str(number) for number in numbers]

    def open_gate(self):
        """Lets the jobs end whose package is "gated"."""
        with open(self.run_log + ".gate", "w"):
            pass

    def _publish(self, number, version, package, with_id):
        properties = pika.BasicProperties(delivery_mode=2,
                                          message_id=f"m{number}" if with_id else None)
        body = build_request(job=number, package=package, version=version)
        try:
            self.channel().basic_publish("", self.queue, body, properties, mandatory=True)
            self.found.confirmed.add(str(number))
        except pika.exceptions.AMQPError:
            self.found.unconfirmed.add(str(number))

    def _submit(self, number, version, package):
        begun = time.monotonic()
        done = subprocess.run([self.program, "submit", self.config, "--queue", self.queue,
                               "--package", package, "--version", version, "--job", str(number)],
                              cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE)
        (self.found.confirmed if done.returncode == 0 else self.found.unconfirmed).add(str(number))
        if done.returncode != 0:
            self.found.notes.append(f"rbit submit ended with {done.returncode}: {done.stderr}")
        return time.monotonic() - begun

    # ---- rbit's lives

    def start(self, until=CONSUMING, program=None, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RBIT_")}
        one = Rbit(program or self.program, [self.config], self.directory, len(self.rbits) + 1,
                   {**clean, **environment})
        self.rbits.append(one)
        if until:
            one.wait_for(until)
        return one

    @property
    def rbit(self):
        return self.rbits[-1]

    def kill(self, one=None):
        one = one or self.rbit
        first = time.monotonic()
        one.kill()
        self.note_kill(Kill(first, time.monotonic()), one)

    def note_kill(self, kill, one):
        """Another life may begin at once, and meanwhile the leaders of `one` end: one of them may
        have an order that it has not begun yet."""
        self.found.kills.append(kill)

        def watch():
            self._await_leaders(one)
            kill.last = time.monotonic()
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        self._watchers.append(watcher)

    def _await_leaders(self, one):
        mark = f"rbit-leader\0{one.pid}\0"
        wait_until(lambda: not processes_of(mark), "the end of its leaders")

    def _interrupted(self):
        """The records, by name, in which a leader says that rbit's death ended the job, or no end."""
        found = []
        for record, said in record_file.ends(os.path.join(self.directory, "state")).items():
            end = re.search(rb"(?m)^(end .* cause (\d+) .*|failed .*|released)$", said)
            if end is None or end[2] == CAUSE_INTERRUPT:
                found.append(os.path.basename(record))
        return found

    def wait_for_failpoint(self, point, log, patience=60):
        """Until the failpoint has killed rbit and its leaders have ended: from then on nothing runs
        that the dead rbit began, and the kill has an exact time. False if it was never passed."""
        end = time.monotonic() + patience
        while self.rbit.process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        lines = [line.split() for line in readable(log).decode().splitlines()]
        if not lines or lines[-1][0] != point or self.rbit.process.poll() is None:
            self.found.notes.append(f"the point {point} was not passed")
            return False
        self._await_leaders(self.rbit)  # which may have an order and not begun it
        self.found.leftovers += self._leftovers()
        kill = Kill(int(lines[-1][2]) / 1e6, time.monotonic(), dying=0)
        self._unheard.append((kill, self._interrupted()))
        self.found.kills.append(kill)
        return True

    def stop(self, one=None):
        """Asks it to drain; anything but 0 is a violation."""
        code = (one or self.rbit).stop()
        if code != 0:
            self.found.notes.append(f"rbit ended with {code} when it was asked to drain")

    def ended(self):
        """The jobs that logs tell an end of, so far."""
        for one in self.rbits:
            offset = self._tails.get(one.log_file, 0)
            with open(one.log_file, "rb") as file:
                file.seek(offset)
                text = file.read()
            whole = text[:text.rfind(b"\n") + 1]
            self._tails[one.log_file] = offset + len(whole)
            for job, status in LOG_STATUS.findall(whole.decode(errors="replace")):
                if status in TERMINAL:
                    self._ended[job] = status
        return self._ended

    def wait_for_all(self, patience=None):
        """Until rbit has told an end of all that was confirmed; what is missing then is found by
        I1. False if patience ended first; that of nobody lasts as long as jobs end."""
        since, ended = time.monotonic(), len(self.ended())
        asked = since
        while not self.found.confirmed <= set(self.ended()):
            if time.monotonic() > asked + 5:
                self._ask_for_ends()
                asked = time.monotonic()
            if patience is None and len(self.ended()) > ended:
                since, ended = time.monotonic(), len(self.ended())
            late = time.monotonic() > since + (PATIENCE if patience is None else patience)
            if late or self.rbit.process.poll() is not None:
                return False
            time.sleep(0.05)
        return True

    def _ask_for_ends(self):
        """A line that waits for the log's writer when rbit is killed is lost, and is not said again:
        the journal has it as told."""
        done = subprocess.run([self.program, "jobs", self.config, "--json", "--limit", "1000000"],
                              cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE)
        for job in map(json.loads, done.stdout.splitlines()):
            if job["status"] in TERMINAL:
                self._ended.setdefault(job["job"], job["status"])

    def recovery(self, back, mark, backoff=None):
        """Notes how soon rbit consumes again after `back`, a time.monotonic(), or `back.at`, when
        the broker could be reached: `mark` is the number of times it had said so before."""
        consuming = None
        with Handshakes(self.node.port) as plain:
            try:
                wait_until(lambda: len(self.rbit.lines_with(CONSUMING)) > mark,
                           "rbit to consume again", PATIENCE)
                consuming = time.monotonic()
            except AssertionError:
                pass
            reachable = back
            if not isinstance(back, float):
                back.thread.join(PATIENCE)
                reachable = back.at if back.at is not None else time.monotonic()
            waited = plain.slowest(reachable, consuming or time.monotonic())
        self.found.recoveries.append(Recovery(reachable, consuming, backoff or self.backoff, waited))

    def children(self):
        """How many processes rbit has: leaders and what they hold."""
        with open(f"/proc/{self.rbit.pid}/task/{self.rbit.pid}/children") as file:
            return len(file.read().split())

    def quiet(self):
        """Until nothing moves any more: the reports are out, connections that rbit was about to
        close are closed. Seen by its descriptors: the same for a second."""
        end, since, last = time.monotonic() + 60, time.monotonic(), None
        while time.monotonic() < end and time.monotonic() - since < 1:
            now = len(os.listdir(f"/proc/{self.rbit.pid}/fd"))
            if now != last:
                since, last = time.monotonic(), now
            time.sleep(0.05)

    def resources(self, one=None):
        pid = (one or self.rbit).pid
        status = readable(f"/proc/{pid}/status").decode()
        return Resources(len(os.listdir(f"/proc/{pid}/fd")),
                         int(re.search(r"Threads:\s+(\d+)", status)[1]),
                         int(re.search(r"VmRSS:\s+(\d+)", status)[1]))

    # ---- afterwards

    def runs(self):
        return read_run_log(self.run_log)

    def evidence(self):
        """Everything there is to know, once all rbits have ended."""
        found = self.found
        for one in self.rbits:
            if one.process.poll() is None:
                self.stop(one)
        for _ in range(10):  # reports that could not go out in the 5 s of a stop go out in a start
            if "wait on disk" not in self.rbit.log:
                break
            self.start()
            self.quiet()
            self.stop()
        for watcher in self._watchers:
            watcher.join(PATIENCE)
        found.leftovers += self._leftovers()
        found.runs = self.runs()
        found.reports = self._reports()
        found.journal = self._journal()
        if self.node is not None:
            found.missed_heartbeats += [line for line in self.node.log.splitlines()
                                        if "missed heartbeats" in line and self.name in line]
        return found

    def _leftovers(self):
        # Of the whole path: another run beside this one has a "world1", too.
        mark = self.directory + os.sep
        try:
            wait_until(lambda: not processes_of(mark), "", LEFTOVER_PATIENCE)
            return []
        except AssertionError:
            return [f"{pid} {readable(f'/proc/{pid}/cmdline').decode(errors='replace')!r}"
                    for pid in processes_of(mark)]

    def _reports(self):
        if self.node is None:
            return [Report(job, status) for job, status in self.front_end.reports]
        reports = []
        self.reconnect()
        while True:
            method, properties, body = self.channel().basic_get(self.status_queue, auto_ack=True)
            if method is None:
                return reports
            told = json.loads(body)
            reports.append(Report(str(told["job"]), told["status"],
                                  properties.headers["x-rbit-attempt"],
                                  properties.headers["x-rbit-seq"]))

    def _journal(self):
        """Of the last rbit's state; the rows by PyBit's job id."""
        rows = {}
        path = os.path.join(self.directory, "state", "rbit.db")
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            # An acknowledgement is for an attempt, of which a job may have several.
            # The present one is in the job's row.
            attempts = ("(SELECT job.job_id, attempt.record_dir, attempt.ended FROM attempt "
                        "JOIN job ON job.id = attempt.job UNION ALL "
                        "SELECT job_id, record_dir, attempt_ended FROM job WHERE attempt_begun > 0)")
            verdicts = dict(database.execute("SELECT job_id, min(ended) FROM " + attempts +
                                             " WHERE ended > 0 GROUP BY job_id"))
            of_record = {os.path.basename(path): job for path, job in database.execute(
                "SELECT record_dir, job_id FROM " + attempts)}
            for kill, records in self._unheard:
                kill.interrupted = frozenset(map(of_record.get, records))
            for row in database.execute("SELECT * FROM job"):
                ended = verdicts.get(row["job_id"], row["ended"])
                owned = row["owned"] if "owned" in row.keys() else None
                rows[row["job_id"]] = Row(row["job_id"], row["state"], row["claim"],
                                          row["claim"] == "settled", row["attempt"],
                                          owned / 1e6 if owned else None,
                                          ended / 1e6 if ended else None)
        database.close()
        return rows


def read_run_log(path):
    """What jobs said of themselves (fault_job.c), in the order in which they said it."""
    runs, open_runs = [], {}
    whole = readable(path).rpartition(b"\n")[0]  # a line may be under way
    for line in whole.decode().splitlines():
        word, micros, job, attempt, pid, code = line.split()
        if word == "begin":
            one = Run(job, int(attempt), int(pid), int(micros) / 1e6)
            runs.append(one)
            open_runs[job, pid] = one
        else:
            one = open_runs.pop((job, pid))
            one.end, one.code = int(micros) / 1e6, int(code)
    return runs


def reconnect_line(ceiling):
    """The line of [amqp] that sets the backoff's ceiling, if this rbit knows the key."""
    return f"reconnect-ceiling = {int(ceiling * 1000)}ms\n" if knows("reconnect-ceiling") else ""


_keys = {}


def knows(key):
    """Whether the reference of this source names the key."""
    if key not in _keys:
        with open(os.path.join(HERE, "..", "..", "conf", "rbit.ini")) as file:
            _keys[key] = bool(re.search(rf"(?m)^[;#]?\s*{key} *=", file.read()))
    return _keys[key]
