"""A thousand queues, and queues and journals with very many rows."""

import os
import statistics
import subprocess
import time

import peers
from footprint import queues
from gauges import memory_kib, open_descriptors
from home import CONSUMING, PROGRAM
from stock import request
from table import at_least, at_most, note

QUEUES, START_SECONDS, QUEUE_KB = 1000, 2, 20
SHARE = 0.9  # of the rate that must be left


def queues_1000(bench):
    """From exec until all queues are read, and what each adds to rbit's memory. On AMQP they are
    there already; the first start, which makes them, is beside it."""
    count = QUEUES if not bench.jobs else max(bench.jobs, 2)
    for name, port, first in queues(bench):
        alone = None
        took = {}
        for number, life in ((1, "one queue"), (count, "new queues"), (count, "known queues")):
            names = [first, *(f"{first}.{n}" for n in range(1, number))]
            with bench.home(port) as home:
                home.configure({one: "shell!true" for one in names})
                begun = time.monotonic()
                home.start(until=None)
                while CONSUMING not in home.rbit.log:
                    time.sleep(0.002)
                took[life] = time.monotonic() - begun
                while port and not all_read(bench, names):  # a thousand questions: not rbit's time
                    time.sleep(0.005)
                resident = memory_kib(home.rbit.pid)[0]
            if number == 1:
                alone = resident
        beside = f"one queue: {took['one queue'] * 1000:.0f} ms"
        if port:
            beside += f"; of {count} new ones: {took['new queues']:.2f} s"
        yield at_most(f"start with {count} queues, {name}", took["known queues"], START_SECONDS,
                      "s", beside, 2)
        yield at_most(f"memory of a queue, {name}", (resident - alone) * 1.024 / (count - 1),
                      QUEUE_KB, "KB")
        if port:
            bench.stock.drop(*names)


def all_read(bench, names):
    """Whether each of them is there and has a consumer; the last ones are asked first."""
    for one in reversed(names):
        if not bench.stock.is_read(one):
            return False
    return True


def fill(home, queue, count):
    """So many messages into the file, while no rbit runs."""
    path = os.path.join(home.directory, "lines")
    with open(path, "wb") as file:
        for number in range(1, count + 1):
            file.write(request(number) + b"\n")
    subprocess.run([PROGRAM, "submit", home.config, "--queue", queue, "--from", path], check=True,
                   stdout=subprocess.DEVNULL)
    os.unlink(path)


def seconds_of(*command):
    begun = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def backlog(bench):
    """Many messages that wait in the embedded queue: does it matter to jobs, memory and `rbit jobs`
    that they do?"""
    many = bench.jobs * 10 if bench.jobs else 1_000_000 if bench.is_long else 100_000
    few = bench.jobs or 2000
    seen = {}
    for waiting in (5 * few, many):  # in both it works while it is looked at
        with bench.home() as home:
            home.configure({"q": peers.plugin_runner(bench)}, peers.SLOTS)
            fill(home, "q", waiting + few)
            begun = time.monotonic()
            home.start()
            started = time.monotonic() - begun
            home.wait_for_done(few // 2)
            begun, before = time.monotonic(), home.tail.done
            home.wait_for_done(before + few // 3)
            rate = (home.tail.done - before) / (time.monotonic() - begun)
            asked = statistics.median(seconds_of(PROGRAM, "jobs", home.config) for _ in range(9))
            seen[waiting] = (rate, memory_kib(home.rbit.pid)[0], started, asked,
                             min(open_descriptors(home.rbit.pid) for _ in range(50)))
            home.rbit.kill()
    (rate, resident, started, asked, files), (rate2, resident2, started2, asked2, files2) = \
        seen[5 * few], seen[many]
    yield at_least(f"rate with {many} waiting / with {5 * few}", rate2 / rate, SHARE,
                   f"{rate2:.0f}/s beside {rate:.0f}/s")
    yield at_most(f"memory with {many} waiting", resident2 / resident, 1.1, "times",
                  f"{resident2} KiB beside {resident} KiB", 2)
    yield note(f"start with {many} waiting", f"{started2 * 1000:.0f} ms",
               f"with {5 * few} {started * 1000:.0f} ms")
    yield at_most(f"rbit jobs with {many} waiting", asked2 / asked, 1.1, "times",
                  f"{asked2 * 1000:.0f} ms beside {asked * 1000:.0f} ms", 2)
    yield at_most(f"descriptors with {many} waiting", files2 / files, 1.1, "times",
                  f"{files2} beside {files}", 2)
