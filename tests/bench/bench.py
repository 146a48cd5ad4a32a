#!/usr/bin/python3
"""Measures rbit beside what its users would take instead. The release build is measured.

    python3 tests/bench/bench.py [--only NAME]... [--on DIRECTORY] [--runs N] [--jobs N] [--long]

sh tests/bench/run.sh installs and builds first. The binaries come from RBIT_BINARY_DIR, else
build/release; what they are compared with is compiled here. AMQP needs RabbitMQ and python3-pika
and is left out without them, a peer that is not installed too. No test: figures depend on the
machine; only the ratios of one run may be compared. README.rst says what each figure means. Ends
with 1 if a target was missed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("suites", "broker"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))

try:
    import pika
except ImportError:
    pika = None

import figures
import machine
import node as broker_node
import picture
import table
from home import Home
from rbit_suite import BINARY_DIR, SOURCE_DIR
from stock import Stock


class Bench:
    """A directory for all of it, the programs to compare with, and a broker if there can be one."""

    def __init__(self, options):
        self.runs, self.jobs, self.is_long = options.runs, options.jobs, options.long
        self.directory = tempfile.mkdtemp(prefix="rbit-bench.", dir=os.path.abspath(options.on))
        self.made = 0
        self.node = self.stock = None
        self.settings = {}  # of who took part, by name

    def build(self):
        compiler = ["-O2", "-I", SOURCE_DIR, "-I", f"{SOURCE_DIR}/runners/plugin/include"]
        cpp, c = ["c++", "-std=c++20"], ["cc", "-D_GNU_SOURCE"]
        for output, program, source, *libraries in (
                ("bare_loop", cpp, "bare_loop.cpp", "-lrabbitmq"),
                ("bare_warm", cpp, "bare_warm.cpp", "-lrabbitmq"),
                ("bare_leader", cpp, "bare_leader.cpp"),
                ("sqlite_loop", c, "sqlite_loop.c", "-lsqlite3"),
                ("drain", c, "drain.c"), ("stamp", c, "stamp.c"),
                ("libnoop.so", [*c, "-shared", "-fPIC"], "noop.c")):
            subprocess.run([*program, *compiler, "-o", self.path(output),
                            os.path.join(HERE, source), *libraries], check=True)

    def start_broker(self):
        why = broker_node.missing() or (None if pika else "python3-pika is not installed")
        if why:
            print(f"without AMQP: {why}", file=sys.stderr)
            return
        before, tempfile.tempdir = tempfile.tempdir, self.directory  # on the same disk
        self.node = broker_node.Node()
        tempfile.tempdir = before
        self.node.start()
        self.stock = Stock(self.node.url)

    def close(self, keep):
        if self.stock is not None:
            self.stock.close()
        if self.node is not None:
            self.node.stop()
        if keep:
            print(f"kept {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def new_folder(self, kind):
        self.made += 1
        folder = self.path(f"{kind}{self.made}")
        os.mkdir(folder)
        return folder

    def home(self, port=None, prefix=()):
        self.made += 1
        return Home(self.path(f"home{self.made}"), port, prefix)

    def bare(self, program, *arguments):
        """Runs one of ours to its end: the seconds it prints."""
        folder = tempfile.mkdtemp(dir=self.directory)
        text = subprocess.run([self.path(program), *(str(one).replace("LOGS", folder)
                                                     for one in arguments)],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        shutil.rmtree(folder)
        return float(text)

    def take_part(self, peers):
        """Those whose programs are installed; their settings are kept for the report."""
        there = {}
        for name, peer in peers.items():
            why = peer.missing()
            if why:
                print(f"without {name}: {why}", file=sys.stderr)
                continue
            there[name] = peer
            self.settings[name] = peer.settings
        return there


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=figures.FIGURES, help="may be repeated")
    parser.add_argument("--on", default=".", help="where state, queues and logs lie, on the disk "
                        "that is measured (default: below the current directory)")
    parser.add_argument("--runs", type=int, default=5, help="rounds of each contest; medians count")
    parser.add_argument("--jobs", type=int, help="of a run (default: what takes 1.5 s)")
    parser.add_argument("--long", action="store_true", help="a million where it else is 100,000")
    parser.add_argument("--to", default="rbit-bench", metavar="PREFIX",
                        help="PREFIX.txt, PREFIX.json and PREFIX.svg are written (default: "
                        "rbit-bench, in the current directory)")
    parser.add_argument("--no-broker", action="store_true", help="the embedded queue alone")
    parser.add_argument("--keep", action="store_true", help="the directory of it all")
    return parser.parse_args()


def main():
    options = arguments()
    if not os.access(os.path.join(BINARY_DIR, "rbit"), os.X_OK):
        sys.exit(f"no rbit in {BINARY_DIR}: build it, or name its folder in RBIT_BINARY_DIR")
    mask = machine.pin()
    bench = Bench(options)
    rows = []
    try:
        about = machine.describe(bench.directory, mask)
        print("\n".join(machine.lines(about)), file=sys.stderr, flush=True)
        bench.build()
        if not options.no_broker:
            bench.start_broker()
        for name in options.only or figures.DEFAULT:
            for row in figures.FIGURES[name](bench):
                rows.append(row)
                print(f"{row.figure}: {row.measured} {row.verdict} {row.beside}", file=sys.stderr,
                      flush=True)
    finally:
        bench.close(options.keep)
        if rows:
            write(options.to, about, bench.settings, rows)
    sys.exit(1 if any(row.verdict == "MISSED" for row in rows) else 0)


def write(prefix, about, settings, rows):
    text = "\n".join([*machine.lines(about), "", table.as_text(rows), "", "Settings:",
                      *(f"* {name}: {how}" for name, how in settings.items()), ""])
    for ending, content in ((".txt", text), (".json", table.as_json(about, settings, rows)),
                            (".svg", picture.draw(rows, about))):
        with open(prefix + ending, "w") as file:
            file.write(content)
    print(text)


if __name__ == "__main__":
    main()
