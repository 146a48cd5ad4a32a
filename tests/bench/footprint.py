"""What rbit takes of a machine: until it is there, at rest, and after many jobs."""

import os
import statistics
import subprocess
import time

from gauges import files_below, memory_kib, open_descriptors, wake_ups
from home import CONSUMING
from peers import plugin_runner
from table import at_most, note
from tap import Tap

SOME_PAGES = 128  # KiB: what an allocator may do without anything growing
START_MS, MEMORY_MB = 50, 14
IDLE_SECONDS = 10
CALM = 7  # seconds until what a job leaves to look after is done


def mib(kib):
    return "?" if kib is None else f"{kib / 1024:.1f}"


def queues(bench):
    """(word, port, name of a queue) of the embedded queue, and of the broker if there is one."""
    yield "embedded queue", None, "q"
    if bench.node is not None:
        yield "AMQP", bench.node.port, bench.stock.filled(0)


def start(bench):
    """From exec to the first moment a job would be taken."""
    took = []
    for _ in range(10):
        with bench.home() as home:
            home.configure({"q": "shell!true"})
            begun = time.monotonic()
            home.start(until=None)
            while CONSUMING not in home.rbit.log:
                time.sleep(0.0005)
            took.append(time.monotonic() - begun)
    yield at_most("start, embedded queue", statistics.median(took) * 1000, START_MS, "ms")
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
                                    "1", bench.directory, "-", "/bin/true"],
                                   stdout=subprocess.DEVNULL)
        return process.wait

    queue = bench.stock.filled(0)
    bare_all, bare_own, bare_turns = through_tap(bare)
    whole, own, turns = through_tap(rbit)
    yield at_most("start, AMQP, beside the broker's answers", own, START_MS, "ms",
                  f"bare client {bare_own:.1f} ms")
    yield note("start, AMQP, in all", f"{whole:.1f} ms in {turns:.0f} turns",
               f"bare client {bare_all:.1f} ms in {bare_turns:.0f} turns")


def memory(bench):
    """Of rbit at rest, when it has done one job."""
    for name, port, queue in queues(bench):
        with bench.home(port) as home:
            home.configure({queue: "shell!true"})
            home.start()
            do_one(bench, home, queue)
            resident, proportional = memory_kib(home.rbit.pid)
            leaders = [memory_kib(pid) for pid in home.leaders()]
            yield at_most(f"memory at rest, {name}", resident * 1024 / 1e6, MEMORY_MB, "MB",
                          f"{mib(proportional)} MiB proportional")
            if leaders and not port:
                yield note("memory of a leader", f"{mib(leaders[0][0])} MiB resident",
                           f"{mib(leaders[0][1])} MiB proportional")


def do_one(bench, home, queue, number=1):
    if home.port:
        bench.stock.publish(queue, number)
    else:
        home.submit(queue, [number])
    home.wait_for_done(number)


def idle(bench):
    """How often rbit, its leaders and hosts wake up while nothing is to do."""
    for name, port, queue in queues(bench):
        with bench.home(port) as home:
            home.configure({queue: plugin_runner(bench), "other": "shell!true"})
            home.start()
            do_one(bench, home, queue)
            time.sleep(CALM)
            before = wake_ups(home.rbit.pid)
            time.sleep(IDLE_SECONDS)
            after = wake_ups(home.rbit.pid)
            woken = {kind: after[kind] - before.get(kind, 0) for kind in after}
            # Two connections with heartbeats of 30 s: the broker's come each 15 s, the library is
            # called each 3.75 s to send ours and to miss the broker's, and each 10 s somebody looks
            # whether it hangs in that.
            yield at_most(f"wake-ups in {IDLE_SECONDS} s, {name}", sum(woken.values()),
                          10 if port else 0, "times", ", ".join(
                              f"{kind} {count}" for kind, count in woken.items() if count), 0)


def growth(bench):
    """Over 10,000 jobs, after 1,000 that made everything warm."""
    parts = ("rbit.db", "rbit.db-wal", "logs", "records", "work", "output")
    step = (bench.jobs or 1000) // 10 * 10

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
        for number in range(11):
            # A short queue: its length is no part of the question.
            for first in range(number * step + 1, (number + 1) * step, step // 10):
                home.submit("q", range(first, first + step // 10))
                home.wait_for_done(first - 1)
            home.wait_for_done((number + 1) * step)
            samples.append(sample())
    before, after = samples[0], samples[-1]
    steps = " ".join(f"{b[0] - a[0]:+d}" for a, b in zip(samples, samples[1:]))
    yield at_most(f"growth of memory, {10 * step} jobs", after[0] - before[0], SOME_PAGES, "KiB",
                  f"by tenths: {steps}", 0)
    yield at_most("growth of descriptors", after[1] - before[1], 0, "", f"now {after[1]}", 0)
    yield at_most("growth of leaders", after[2] - before[2], 0, "", f"now {after[2]}", 0)
    for part in parts:
        (count, size), (more, larger) = before[3][part], after[3][part]
        beside = (f"{count} to {more} files" if part != "rbit.db" else
                  f"{size >> 10} to {larger >> 10} KiB")
        each = (larger - size) / (10 * step)
        if part in ("rbit.db", "logs"):  # kept until the journal's limits
            yield note(f"growth of state-dir/{part}", f"{each:+.0f} bytes a job",
                       f"{beside}; history")
        else:
            yield at_most(f"growth of state-dir/{part}",
                          max(more - count, 0) + (0 if part.endswith("-wal") else max(each, 0)), 0,
                          "", beside, 0)
