"""The figures: each is a function that measures a Bench and yields Rows. README.rst says what they
mean."""

import collections
import json
import os
import statistics
import subprocess
import sys
import time

from gauges import cpu_seconds, files_below, memory_kib, open_descriptors
from home import CONSUMING
from rbit_suite import BINARY_DIR, wait_until
from tap import Tap

SLOTS = (1, 2, 4, 8)
SOME_PAGES = 128  # KiB: what an allocator may do without anything growing
LEADER_COST = 150  # us a job over a bare posix_spawn

Row = collections.namedtuple("Row", "what value beside target verdict", defaults=("", "", ""))


def mib(kib):
    return "?" if kib is None else f"{kib / 1024:.1f}"


def verdict(fine):
    return "met" if fine else "MISSED"


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


MEMBERS = ("string", "integer", "number", "boolean", "string", "integer", "array", "object",
           "string", "string")


def schema(bench):
    """What a schema of ten members adds to reading a message: the same files with and without."""
    count, fine = 2000, 50  # messages, us
    with bench.home() as home:
        home.configure({"plain": "shell!true\nmessage = json",
                        "checked": "shell!true\nmessage = json\nschema = schema.json"})
        sample = {"string": "some text", "integer": 17, "number": 1.5, "boolean": True,
                  "array": [1, 2, 3], "object": {"a": "b"}}
        with open(os.path.join(home.directory, "schema.json"), "w") as file:
            json.dump({"type": "object", "required": [f"m{i}" for i in range(10)],
                       "properties": {f"m{i}": {"type": kind} for i, kind in enumerate(MEMBERS)}},
                      file)
        path = os.path.join(home.directory, "message.json")
        with open(path, "w") as file:
            json.dump({f"m{i}": sample[kind] for i, kind in enumerate(MEMBERS)}, file)

        def seconds(runner):
            begun = time.monotonic()
            subprocess.run([os.path.join(BINARY_DIR, "rbit"), "validate", home.config, runner,
                            *[path] * count], check=True, stdout=subprocess.DEVNULL)
            return time.monotonic() - begun
        added = min(seconds("checked") for _ in range(5)) - min(seconds("plain") for _ in range(5))
    each = max(added, 0) / count * 1e6
    yield Row("schema of ten members, a message", f"{each:.1f} us", "", f"{fine} us",
              verdict(each < fine))


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


FIGURES = {one.__name__: one for one in (start, memory, growth, leader, jobs, plugin, schema)}
