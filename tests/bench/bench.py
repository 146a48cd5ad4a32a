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
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("suites", "broker"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))

import node as broker_node
from figures import FIGURES, Row
from home import Home, request
from rbit_suite import BINARY_DIR, SOURCE_DIR, wait_until

try:
    import pika
except ImportError:
    pika = None

IN_MEMORY = "/dev/shm"  # else a rate is that of the disk and its file system


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
