#!/usr/bin/python3
"""The fault suite: does harm to rbit and checks that nothing is lost and nothing runs twice.

    python3 tests/faults/run.py                 the short run: every row, the numbers of CI
    python3 tests/faults/run.py --long          the long run
    python3 tests/faults/run.py --only 1,4      some rows   (--local: those that need no broker)
    python3 tests/faults/run.py --seed N        the choices of another run again
    python3 tests/faults/run.py --replay FILE   exactly the schedule of a run that failed
    python3 tests/faults/run.py --list

The seed is printed first. A row that fails leaves its state, its logs and the schedule below
BUILD/faults-artifacts/. The binaries come from RBIT_BINARY_DIR, else build/release. The rows are in
row_*.py, each in a table ROWS.
"""

import argparse
import contextlib
import glob
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
for folder in ("suites", "broker"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))

import checker
import node as broker_node
import schedule
from rbit_suite import BINARY_DIR, SKIPPED, processes_of
from row import Context, Skip

ARTIFACTS = os.path.join(BINARY_DIR, "faults-artifacts")


def all_rows():
    """Every row of every row_*.py, by number."""
    rows = []
    for path in sorted(glob.glob(os.path.join(HERE, "row_*.py"))):
        rows += importlib.import_module(os.path.splitext(os.path.basename(path))[0]).ROWS
    return sorted(rows, key=lambda one: (one.number, one.name))


def chosen(options):
    rows = all_rows()
    if options.only:
        wanted = {int(one) for one in options.only.split(",")}
        unknown = wanted - {one.number for one in rows}
        if unknown:
            sys.exit(f"no such row: {', '.join(map(str, sorted(unknown)))}; --list names them")
        rows = [one for one in rows if one.number in wanted]
    if options.local:
        rows = [one for one in rows if not one.needs_broker]
    if not options.long and not options.only:
        rows = [one for one in rows if not one.long_only]
    if options.part:
        rows = [one for one in rows if one.part == options.part]
    return rows


def judge(row, found):
    """What is wrong: each line names its case, where a row has several."""
    lines = []
    for case, evidence in found:
        wrong = checker.check(evidence)
        covered = checker.covered(evidence)
        wrong += [f"{name}: nothing was collected to judge it by" for name in row.must_cover
                  if name not in covered]
        lines += [f"{case}: {one}" if case else one for one in wrong]
    return lines


def figures(found):
    lines = [f"{case}: {name} = {value}" if case else f"{name} = {value}"
             for case, evidence in found for name, value in sorted(evidence.figures.items())]
    for case, evidence in found:
        if evidence.before and evidence.after:
            lines.append(f"{case}: {evidence.before} then {evidence.after}")
    if len(found) > 1:
        lines.append(f"{len(found)} cases")
    names = sorted({name for _, evidence in found for name in checker.covered(evidence)},
                   key=lambda name: int(name[1:]))
    return lines + ["judged: " + " ".join(names)]


class Suite:
    def __init__(self, options, seed, lines):
        self.options = options
        self.seed = seed
        self.lines = lines
        self.directory = tempfile.mkdtemp(prefix="rbit-faults.")
        self.schedule_file = os.path.join(self.directory, "schedule.jsonl")
        self.node = None
        self.results = []
        self.evidence = []

    def run(self, rows):
        with open(self.schedule_file, "w") as file, contextlib.ExitStack() as stack:
            file.write(json.dumps({"seed": self.seed}) + "\n")
            stack.callback(self._stop_node)
            for row in rows:
                self.results.append(self._run(row, file))
        failed = [one for one in self.results if one[1] == "FAILED"]
        if not failed and not self.options.keep:
            shutil.rmtree(self.directory, ignore_errors=True)
        return failed

    def _run(self, row, file):
        print(f"row {row.number}, {row.name}: begins", flush=True)
        begun = time.monotonic()
        directory = os.path.join(self.directory, f"row{row.number}-{row.slug}")
        os.makedirs(directory)
        decisions = schedule.Schedule(f"{row.number} {row.slug}", self.seed, file, self.lines)
        verdict, lines = "ok", []
        try:
            node = self._node() if row.needs_broker else None
            with Context(directory, decisions, node, self.options.long) as context:
                found = row.run(context)
            found = found if isinstance(found, list) else [("", found)]
            self.evidence += [evidence for _, evidence in found]
            lines = judge(row, found)
            if lines:
                verdict = "FAILED"
            lines += figures(found)
        except Skip as reason:
            verdict, lines = "skipped", [str(reason)]
        except Exception:
            verdict, lines = "FAILED", traceback.format_exc().splitlines()
        seconds = time.monotonic() - begun
        print(f"row {row.number}, {row.name}: {verdict}, {seconds:.0f} s", flush=True)
        for line in lines[:40]:
            print(f"    {line}", flush=True)
        if verdict == "FAILED":
            self._keep(row, directory, lines)
        elif not self.options.keep:
            shutil.rmtree(directory, ignore_errors=True)
        return row, verdict, seconds

    def _keep(self, row, directory, lines):
        """State, logs and schedule of a row that failed, where CI finds them."""
        place = os.path.join(ARTIFACTS, f"{self.seed}-row{row.number}")
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(ARTIFACTS, exist_ok=True)
        shutil.copytree(directory, place, symlinks=True, ignore_dangling_symlinks=True,
                        ignore=shutil.ignore_patterns("control", "*.sock"))
        shutil.copy(self.schedule_file, os.path.join(place, "schedule.jsonl"))
        if self.node is not None:
            with open(os.path.join(place, "broker.log"), "w") as file:
                file.write(self.node.log)
        with open(os.path.join(place, "violations"), "w") as file:
            file.write("\n".join(lines) + "\n")
        print(f"    seed {self.seed}; kept in {place}; again: python3 tests/faults/run.py "
              f"--only {row.number} --replay {place}/schedule.jsonl", flush=True)

    def _node(self):
        why = broker_node.missing()
        try:
            import pika  # noqa: F401
        except ImportError:
            why = why or "python3-pika is not installed (apt-get install python3-pika)"
        if why:
            raise Skip(why)
        if self.node is None:
            # As long as any frame that rbit reads: row 15 fills it.
            self.node = broker_node.Node(config="frame_max = 1048576\n")
            self.node.start()
        return self.node

    def _stop_node(self):
        if self.node is not None:
            self.node.stop()
            self.node = None


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="numbers of rows, with commas between")
    parser.add_argument("--local", action="store_true", help="only rows that need no broker")
    parser.add_argument("--part", help="one of CTest's parts (--list names them)")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--replay", metavar="FILE")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep everything, failed or not")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        for row in all_rows():
            print(f"{row.number:3}  {'broker' if row.needs_broker else '':6}  {row.part:10}  {row.name}"
                  f"{' (long run only)' if row.long_only else ''}")
        return 0
    seed, lines = (schedule.read(options.replay) if options.replay else
                   (schedule.new_seed() if options.seed is None else options.seed, None))
    print(f"seed {seed}", flush=True)
    if not os.access(os.path.join(BINARY_DIR, "rbit-faulty"), os.X_OK):
        print(f"skipped: no rbit-faulty in {BINARY_DIR}: build with RBIT_BUILD_TESTS, or name its "
              "folder in RBIT_BINARY_DIR")
        return SKIPPED
    rows = chosen(options)
    suite = Suite(options, seed, lines)
    failed = suite.run(rows)
    left = processes_of(os.path.basename(suite.directory))
    ran = [one for one in suite.results if one[1] != "skipped"]
    print(f"seed {seed}: {len(ran) - len(failed)} rows survived, {len(failed)} failed, "
          f"{len(suite.results) - len(ran)} skipped"
          + (f"; processes left: {left}" if left else ""))
    print(checker.summary(suite.evidence))
    if failed or left:
        return 1
    return 0 if ran else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
