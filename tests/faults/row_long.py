"""Rows of the long run alone: races in what has threads, and a soak."""

import glob
import os
import time

import row_cuts
import row_kills
from rbit_suite import BINARY_DIR
from row import Context, Row, Skip

THREAD_BUILD = os.path.join(os.path.dirname(BINARY_DIR), "thread", "rbit")
SOAK_HOURS = 24
SOAKED = (1, 2, 5, 7, 9, 16, 20)


class ThreadContext(Context):
    """Makes worlds whose rbit is the one with the thread sanitizer. It is slow: a fifth of it all."""

    def pick(self, short, long):
        return max(1, (long if self.long else short) // 5)

    def world(self, transport="classic", program="rbit", name="world"):
        return super().world(transport, THREAD_BUILD, name)


def races(context):
    """Kills, stops and a broker that closes connections, against the thread sanitizer."""
    if not os.access(THREAD_BUILD, os.X_OK):
        raise Skip(f"no {THREAD_BUILD}: cmake --preset thread -DRBIT_BUILD_TESTS=OFF "
                   "&& cmake --build --preset thread")
    found = []
    for name, row in (("kills", row_kills.rbit_killed), ("stops", row_kills.stopped_under_load),
                      ("closed", row_cuts.closed_by_the_broker)):
        directory = os.path.join(context.directory, name)
        os.makedirs(directory)
        with ThreadContext(directory, context.schedule, context.node, context.long) as inner:
            evidence = row(inner)
        for path in glob.glob(os.path.join(directory, "*", "rbit.*.log")):
            with open(path, errors="replace") as file:
                if "ThreadSanitizer" in file.read():
                    evidence.notes.append(f"a race: {path}")
        found.append((name, evidence))
    return found


def soak(context):
    """Rows at random, each in a world of its own, for a day (RBIT_SOAK_HOURS for another time)."""
    from run import all_rows  # it imports us
    hours = float(os.environ.get("RBIT_SOAK_HOURS", SOAK_HOURS))
    rows = [one for one in all_rows() if one.number in SOAKED]
    found, end, count = [], time.monotonic() + hours * 3600, 0
    while time.monotonic() < end:
        row = rows[context.schedule.number("row", 0, len(rows) - 1)]
        count += 1
        directory = os.path.join(context.directory, f"{count}-{row.slug}")
        os.makedirs(directory)
        with Context(directory, context.schedule, context.node, False) as inner:
            evidence = row.run(inner)
        evidence = evidence if isinstance(evidence, list) else [("", evidence)]
        found += [(f"{count} row {row.number} {case}", one) for case, one in evidence]
    return found


ROWS = [
    Row(27, "races", races, "long", long_only=True),
    Row(29, "soak", soak, "long", long_only=True, must_cover=()),
]
