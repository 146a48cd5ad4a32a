#!/usr/bin/python3
"""Measures rbit: how soon it takes jobs, how much memory it holds, whether it grows, how many jobs
it does. The release build is measured, beside the least program that could do the same.

    python3 tests/bench/bench.py [--only NAME]... [--on DIRECTORY] [--runs N] [--jobs N] [--keep]

The binaries come from RBIT_BINARY_DIR, else build/release; what is compared with is compiled here.
AMQP needs RabbitMQ and python3-pika and is left out without them. No test: figures depend on the
machine; only the ratios of one run may be compared. README.rst says what each figure means. Ends
with 1 if a target was missed.
"""

import argparse
import collections
import glob
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("suites", "broker"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))

import node as broker_node
from pybit_messages import build_request
from rbit_suite import BINARY_DIR, SOURCE_DIR, Rbit, wait_until
from tap import Tap

try:
    import pika
except ImportError:
    pika = None

CONSUMING = "consuming"  # in the line that says rbit takes jobs now
SLOTS = (1, 2, 4, 8)
TICK = 1.0 / os.sysconf("SC_CLK_TCK")
BURST = 32  # submissions under way at once: they share commits
SOME_PAGES = 128  # KiB: what an allocator may do without anything growing
LEADER_COST = 150  # us a job over a bare posix_spawn
IN_MEMORY = "/dev/shm"  # else a rate is that of the disk and its file system

Row = collections.namedtuple("Row", "what value beside target verdict",
                             defaults=("", "", ""))


class Bench:
    """A directory for all of it, the programs to compare with, and a broker if there can be one."""

    def __init__(self, options):
        self.runs = options.runs
        self.jobs = options.jobs
        self.directory = tempfile.mkdtemp(prefix="rbit-bench.", dir=options.on)
        self.homes = 0
        self.node = None
        self.queues = 0

    def build(self):
        compiler = ["-O2", "-I", SOURCE_DIR, "-I", f"{SOURCE_DIR}/runners/plugin/include"]
        for output, arguments in (
                ("bare_loop", ["c++", "-std=c++20", f"{HERE}/bare_loop.cpp", "-lrabbitmq"]),
                ("bare_leader", ["c++", "-std=c++20", f"{HERE}/bare_leader.cpp"]),
                ("libnoop.so", ["cc", "-shared", "-fPIC", f"{HERE}/noop.c"])):
            program, *rest = arguments
            subprocess.run([program, *compiler, "-o", self.path(output), *rest], check=True)

    def start_broker(self):
        why = broker_node.missing() or (None if pika else "python3-pika is not installed")
        if why:
            print(f"without AMQP: {why}", file=sys.stderr)
            return
        self.node = broker_node.Node()
        self.node.start()

    def close(self, keep):
        if self.node is not None:
            self.node.stop()
        if keep:
            print(f"kept {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def home(self, port=None):
        self.homes += 1
        return Home(self.path(f"home{self.homes}"), port)

    def bare(self, program, *arguments):
        """Runs one of ours to its end: the seconds it prints."""
        folder = tempfile.mkdtemp(dir=self.directory)
        text = subprocess.run([self.path(program), *(str(one).replace("LOGS", folder)
                                                     for one in arguments)],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        shutil.rmtree(folder)
        return float(text)

    def filled_queue(self, jobs):
        """A new durable queue on the broker with so many build requests in it; its name."""
        self.queues += 1
        queue = f"bench{self.queues}"
        with pika.BlockingConnection(pika.URLParameters(self.node.url)) as connection:
            channel = connection.channel()
            channel.queue_declare(queue, durable=True)
            for number in range(1, jobs + 1):
                channel.basic_publish("", queue, request(number),
                                      pika.BasicProperties(delivery_mode=2))
            wait_until(lambda: channel.queue_declare(queue, passive=True)
                       .method.message_count == jobs, f"{jobs} messages in {queue}")
        return queue


class Home:
    """An rbit with a directory of its own: configuration, state, log."""

    def __init__(self, directory, port=None):
        self.directory = directory
        self.port = port
        os.mkdir(directory)
        self.config = os.path.join(directory, "rbit.ini")
        self.state = os.path.join(directory, "state")
        self.lives = 0
        self.rbit = None

    def configure(self, runners, slots=1):
        amqp = (f"host = 127.0.0.1\nport = {self.port}\n" if self.port else "url = local:\n")
        mappings = "".join(f"\n    {queue}:{queue}" for queue in runners)
        with open(self.config, "w") as file:
            file.write(f"[rbit]\nstate-dir = state\nslots = {slots}\nqueue-mappings ={mappings}\n"
                       f"[amqp]\n{amqp}" +
                       "".join(f"[runner:{queue}]\nrunner = {line}\n"
                               for queue, line in runners.items()))

    def start(self, until=CONSUMING):
        self.lives += 1
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("RBIT_")}
        self.rbit = Rbit(os.path.join(BINARY_DIR, "rbit"), [self.config], self.directory,
                         self.lives, environment)
        self.tail = Tail(self.rbit)
        if until:
            self.rbit.wait_for(until)
        return self.rbit

    def stop(self):
        if self.rbit is None or self.rbit.process.poll() is not None:
            return
        self.rbit.process.terminate()
        self.rbit.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def submit(self, queue, numbers):
        """Over the control socket, many at once."""
        numbers = list(numbers)
        for first in range(0, len(numbers), BURST):
            waiting = []
            for number in numbers[first:first + BURST]:
                peer = socket.socket(socket.AF_UNIX)
                peer.connect(os.path.join(self.state, "control.sock"))
                line = {"do": "submit", "queue": queue, "body": request(number).decode()}
                peer.sendall(json.dumps(line).encode() + b"\n")
                waiting.append(peer)
            for peer in waiting:
                answer = peer.recv(65536)
                peer.close()
                if b'"ok":true' not in answer.replace(b" ", b""):
                    raise RuntimeError(f"not taken: {answer!r}")

    def wait_for_done(self, count):
        """Until so many jobs are done; when that was seen."""
        while self.tail.look() < count:
            if self.tail.failed:
                raise RuntimeError(f"a job failed:\n{self.rbit.log[-2000:]}")
            if self.rbit.process.poll() is not None:
                raise RuntimeError(f"rbit ended:\n{self.rbit.log[-2000:]}")
            time.sleep(0.002)
        return time.monotonic()

    def leaders(self):
        """Pids of its rbit-leaders."""
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as file:
                    name, _, rest = file.read().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if name == "rbit-leader" and int(rest.split()[1]) == self.rbit.pid:
                found.append(int(path.split("/")[2]))
        return found


class Tail:
    """Counts what the growing log of an rbit says; reads each byte once."""

    def __init__(self, rbit):
        self.file = open(rbit.log_file, "rb")
        self.rest = b""
        self.begun = self.done = self.failed = 0

    def look(self):
        text = self.rest + self.file.read()
        cut = text.rfind(b"\n") + 1
        self.rest = text[cut:]
        text = text[:cut]
        self.begun += text.count(b", timestamp: ")
        self.done += text.count(b"'s state is now 'Done'")
        self.failed += text.count(b"'s state is now 'Failed'")
        return self.done


# ---- what /proc says


def memory_kib(pid):
    """(resident, proportional) of a process. rbit is not dumpable: only root sees the second."""
    resident = proportional = None
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                resident = int(line.split()[1])
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            proportional = sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except OSError:
        pass
    return resident, proportional


def cpu_seconds(pid):
    """(its own, that of its children that ended)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    user, system, child_user, child_system = (int(one) * TICK for one in fields[11:15])
    return user + system, child_user + child_system


def open_descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def files_below(path):
    """(how many files and directories, how many bytes)."""
    count = size = 0
    for folder, folders, files in os.walk(path):
        count += len(folders) + len(files)
        for name in files:
            try:
                size += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                pass
    return count, size


def request(number):
    """One like no other: rbit's log directory has a link for each package, version and second."""
    return build_request(package=f"col{number}", job=number)


def mib(kib):
    return "?" if kib is None else f"{kib / 1024:.1f}"


def verdict(fine):
    return "met" if fine else "MISSED"


# ---- the figures


def start(bench):
    """From exec to the first moment a job would be taken."""
    took = []
    for _ in range(10):
        with bench.home() as home:
            home.configure({"q": "shell!true"})
            begun = time.monotonic()
            home.start(until=None)
            while CONSUMING not in home.rbit.log:
                time.sleep(0.0002)
            took.append(time.monotonic() - begun)
    middle = statistics.median(took) * 1000
    yield Row("start, embedded queue", f"{middle:.1f} ms", "", "50 ms", verdict(middle < 50))
    if bench.node is None:
        return

    def through_tap(run):
        """Medians over ten: ms in all, ms of the broker, turns."""
        seen = []
        for _ in range(10):
            with Tap(bench.node.port) as tap:
                begun = time.monotonic()
                stop = run(tap)
                if not tap.is_consuming.wait(30):
                    raise RuntimeError("not consuming after 30 s")
                when, connection = tap.consuming
                seen.append((when - begun, connection.broker_seconds, connection.turns))
                stop()
        return (statistics.median(one[0] for one in seen) * 1000,
                statistics.median(one[0] - one[1] for one in seen) * 1000,
                statistics.median(one[2] for one in seen))

    def rbit(tap):
        home = bench.home(tap.port)
        home.configure({queue: "shell!true"})
        home.start(until=None)
        return lambda: home.__exit__()

    def bare(tap):
        process = subprocess.Popen([bench.path("bare_loop"), "amqp", str(tap.port), queue, "0",
                                    "1", bench.directory, "/bin/true"], stdout=subprocess.DEVNULL)
        return process.wait

    queue = bench.filled_queue(0)
    bare_all, bare_own, bare_turns = through_tap(bare)
    whole, own, turns = through_tap(rbit)
    yield Row("start, AMQP, beside the broker's answers", f"{own:.1f} ms",
              f"bare client {bare_own:.1f} ms", "50 ms", verdict(own < 50))
    yield Row("start, AMQP, in all", f"{whole:.1f} ms in {turns:.0f} turns",
              f"bare client {bare_all:.1f} ms in {bare_turns:.0f} turns")


def memory(bench):
    """Of rbit at rest, when it has done one job."""
    for name, port in (("embedded queue", None),
                       ("AMQP", bench.node.port if bench.node else None)):
        if name == "AMQP" and bench.node is None:
            continue
        queue = bench.filled_queue(1) if port else "q"
        with bench.home(port) as home:
            home.configure({queue: "shell!true"})
            home.start(until=None if port else CONSUMING)
            if not port:
                home.submit(queue, [1])
            home.wait_for_done(1)
            resident, proportional = memory_kib(home.rbit.pid)
            leaders = [memory_kib(pid) for pid in home.leaders()]
            yield Row(f"memory at rest, {name}", f"{mib(resident)} MiB resident",
                      f"{mib(proportional)} MiB proportional", "16 MB",
                      verdict(resident * 1024 < 16e6))
            if leaders and not port:
                yield Row("memory of a leader", f"{mib(leaders[0][0])} MiB resident",
                          f"{mib(leaders[0][1])} MiB proportional")


def growth(bench):
    """Over 10,000 jobs, after 1,000 that made everything warm."""
    parts = ("rbit.db", "rbit.db-wal", "logs", "records", "work", "output")

    def sample():
        resident, _ = memory_kib(home.rbit.pid)
        state = {}
        for part in parts:
            path = os.path.join(home.state, part)
            state[part] = (files_below(path) if os.path.isdir(path)
                           else (1, os.path.getsize(path)) if os.path.exists(path) else (0, 0))
        return resident, open_descriptors(home.rbit.pid), len(home.leaders()), state

    with bench.home() as home:
        home.configure({"q": "shell!true"}, slots=2)
        home.start()
        samples = []
        for thousand in range(11):
            # A short queue: its length is no part of the question.
            for first in range(thousand * 1000 + 1, (thousand + 1) * 1000, 100):
                home.submit("q", range(first, first + 100))
                home.wait_for_done(first - 1)
            home.wait_for_done((thousand + 1) * 1000)
            samples.append(sample())
    before, after = samples[0], samples[-1]
    grown = after[0] - before[0]
    steps = " ".join(f"{b[0] - a[0]:+d}" for a, b in zip(samples, samples[1:]))
    yield Row("growth of resident memory, 10,000 jobs", f"{grown:+d} KiB",
              f"by thousands: {steps}", "0", verdict(grown <= SOME_PAGES))
    yield Row("growth of descriptors", f"{before[1]} to {after[1]}", "", "0",
              verdict(before[1] == after[1]))
    yield Row("growth of leaders", f"{before[2]} to {after[2]}", "", "0",
              verdict(before[2] == after[2]))
    for part in parts:
        (count, size), (more, larger) = before[3][part], after[3][part]
        history = part in ("rbit.db", "logs")  # kept until the journal's limits
        yield Row(f"growth of state-dir/{part}", f"{(larger - size) / 10_000:+.0f} bytes a job",
                  f"{count} to {more} files" if part != "rbit.db" else
                  f"{size >> 10} to {larger >> 10} KiB",
                  "history" if history else "0", "" if history else
                  verdict(more <= count and (part.endswith("-wal") or larger <= size)))


def rate_of_rbit(bench, runner, slots, port=None):
    """Jobs a second from a queue that is full before it begins, and where the processors' time
    went: microseconds a job of (rbit, its leaders, the jobs)."""
    queue = bench.filled_queue(bench.jobs) if port else "q"
    with bench.home(port) as home:
        runners = {queue: runner}
        held = 0
        if not port:  # all slots wait at a gate until all is submitted
            gate = os.path.join(home.directory, "gate")
            os.mkfifo(gate)
            runners["gate"] = f"shell!read -r _ < {gate}"
            held = slots
        home.configure(runners, slots)
        if port:
            home.start(until=None)
            while home.tail.look() == 0 and home.tail.begun == 0:
                time.sleep(0.0005)
            begun = time.monotonic()
            before = (0, 0, 0)
        else:
            opener = os.open(gate, os.O_RDWR)
            home.start()
            home.submit("gate", range(1, slots + 1))
            wait_until(lambda: home.tail.look() == 0 and home.tail.begun == slots, "the gate")
            home.submit(queue, range(1001, 1001 + bench.jobs))
            before = cpu_of(home)
            begun = time.monotonic()
            os.write(opener, b"\n" * slots)
        ended = home.wait_for_done(held + bench.jobs)
        after = cpu_of(home)
        if not port:
            os.close(opener)
    spent = tuple((b - a) / bench.jobs * 1e6 for a, b in zip(before, after))
    return bench.jobs / (ended - begun), spent


def cpu_of(home):
    leaders = [cpu_seconds(pid) for pid in home.leaders()]
    return (cpu_seconds(home.rbit.pid)[0], sum(one[0] for one in leaders),
            sum(one[1] for one in leaders))


def jobs(bench):
    """shell!true: a shell and the builtin true, as many as can be."""
    for name, port in (("embedded queue", None), ("AMQP", bench.node.port if bench.node else 0)):
        if port == 0:
            continue
        for slots in SLOTS:
            mine, bare, shell, spent = [], [], [], []
            for _ in range(bench.runs):  # in turns, so that a busy moment hits all of them
                for command, into in ((["/bin/true"], bare),
                                      (["/bin/sh", "-c", "true"], shell)):
                    source = (["amqp", port, bench.filled_queue(bench.jobs)] if port
                              else ["spawn"])
                    seconds = bench.bare("bare_loop", *source, bench.jobs, slots, "LOGS", *command)
                    into.append(bench.jobs / seconds)
                rate, where = rate_of_rbit(bench, "shell!true", slots, port)
                mine.append(rate)
                spent.append(where)
            best, where = max(mine), [min(one[n] for one in spent) for n in range(3)]
            yield Row(f"jobs, {name}, slots {slots}", f"{best:.0f} /s",
                      f"{best / max(bare):.2f} of bare /bin/true ({max(bare):.0f}), "
                      f"{best / max(shell):.2f} of bare sh ({max(shell):.0f}); us a job: rbit "
                      f"{where[0]:.0f}, leader {where[1]:.0f}, job {where[2]:.0f}")


def plugin(bench):
    """A plugin that does nothing, in a warm host."""
    for slots in SLOTS[:3]:
        rates, shell = [], []
        for _ in range(bench.runs):
            shell.append(rate_of_rbit(bench, "shell!true", slots)[0])
            rates.append(rate_of_rbit(bench, f"plugin!{bench.path('libnoop.so')}:noop", slots))
        best = max(one[0] for one in rates)
        yield Row(f"warm plugin jobs, slots {slots}", f"{best:.0f} /s",
                  f"{best / max(shell):.2f} of shell!true; us a job: rbit "
                  f"{min(one[1][0] for one in rates):.0f}")


def leader(bench):
    """What the leader adds to a process, one at a time: without control groups, and with them."""
    kinds = {"a job's leader": "", "and its control group": own_cgroup()}
    mine, bare = {name: [] for name in kinds}, []
    count = bench.jobs
    for _ in range(2 * bench.runs):
        bare.append(bench.bare("bare_loop", "spawn", count, 1, "LOGS", "/bin/true") / count)
        for name, cgroup in kinds.items():
            if cgroup is not None:
                mine[name].append(bench.bare("bare_leader", os.path.join(BINARY_DIR, "rbit-leader"),
                                             count, "LOGS", cgroup, "/bin/true") / count)
    without = min(bare) * 1e6
    for name, seconds in mine.items():
        if not seconds:
            print(f"{name}: skipped, no control group of version 2 is ours", file=sys.stderr)
            continue
        with_leader = min(seconds) * 1e6
        cost = with_leader - without
        yield Row(name, f"{cost:+.0f} us a job",
                  f"{with_leader:.0f} us with, {without:.0f} us by posix_spawn alone",
                  f"{LEADER_COST} us", verdict(cost <= LEADER_COST))


def own_cgroup():
    """Our control group of version 2, if leaders may make theirs in it; else None."""
    with open("/proc/self/mountinfo") as file:
        mounts = [line.split()[4] for line in file if " - cgroup2 " in line]
    with open("/proc/self/cgroup") as file:
        groups = [line.strip()[3:] for line in file if line.startswith("0::")]
    if not mounts or not groups:
        return None
    place = mounts[0] + groups[0].rstrip("/")
    return place if os.access(os.path.join(place, "cgroup.procs"), os.W_OK) else None


FIGURES = {one.__name__: one for one in (start, memory, growth, leader, jobs, plugin)}


def print_table(rows):
    """As reStructuredText, to be kept in README.rst."""
    titles = Row("figure", "measured", "beside it", "target", "verdict")
    widths = [max(len(row[n]) for row in [titles, *rows]) for n in range(len(titles))]
    rule = "  ".join("=" * width for width in widths)
    print(rule)
    for row in [titles, None, *rows]:
        print(rule if row is None else
              "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    print(rule)


def machine(directory):
    """One line for those who read the figures later."""
    model = "?"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
    kind = subprocess.run(["stat", "-f", "-c", "%T", directory], stdout=subprocess.PIPE,
                          text=True).stdout.strip()
    return (f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors ({model}), Linux "
            f"{os.uname().release}, state on {kind}, load before it {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=FIGURES, help="may be repeated")
    parser.add_argument("--on", default=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None,
                        help=f"where state and logs lie (default: {IN_MEMORY})")
    parser.add_argument("--runs", type=int, default=5, help="of each rate; the best counts")
    parser.add_argument("--jobs", type=int, default=1000, help="a run of a rate")
    parser.add_argument("--keep", action="store_true", help="the directory of it all")
    options = parser.parse_args()
    if not os.access(os.path.join(BINARY_DIR, "rbit"), os.X_OK):
        sys.exit(f"no rbit in {BINARY_DIR}: build it, or name its folder in RBIT_BINARY_DIR")
    bench = Bench(options)
    about = machine(bench.directory)
    rows = []
    try:
        bench.build()
        bench.start_broker()
        for name, figure in FIGURES.items():
            if options.only and name not in options.only:
                continue
            for row in figure(bench):
                rows.append(row)
                print("; ".join(part for part in row if part), file=sys.stderr, flush=True)
    finally:
        bench.close(options.keep)
        if rows:
            print(about + "\n")
            print_table(rows)
    sys.exit(1 if any(row.verdict == "MISSED" for row in rows) else 0)


if __name__ == "__main__":
    main()
