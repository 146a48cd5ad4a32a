"""Row 22: somebody sets the clock while jobs run. Whatever is timed runs on the monotonic clock."""

import os
import time

from rbit_suite import BINARY_DIR, wait_until
from row import Row, Skip

PRELOAD = os.path.join(BINARY_DIR, "preload_clock.so")
JUMPS = {"an hour on": lambda: 3600, "an hour back": lambda: -3600,
         "1970": lambda: 86400 - int(time.time())}
# Of all three: no pause may be counted in hours, and no hour may pass at once.
PATIENCE = 60


def clock_set(context):
    """The wall clock jumps while a job runs, one waits to be tried again and reports go out."""
    if not os.path.exists(PRELOAD):
        raise Skip(f"no {PRELOAD}: build it")
    found = []
    for name, jump in JUMPS.items():
        for _ in range(context.pick(1, 3)):
            world = context.world("local", name=name.replace(" ", "-"))
            world.configure(slots=4, runner="timeout = 600\nidle-timeout = 600\n")
            clock = os.path.join(world.directory, "clock")
            with open(clock, "w") as file:
                file.write("0")
            world.publish(["1500-0-0", "20-75-1", "20-0-0", "20-1-9"])
            world.start(LD_PRELOAD=PRELOAD, RBIT_CLOCK_FILE=clock)
            wait_until(lambda: len(world.ended()) >= 1, "the first job")
            with open(clock, "w") as file:
                file.write(str(jump()))
            world.publish(["300-0-0", "20-75-1", "20-0-0"])
            if not world.wait_for_all(PATIENCE):
                world.found.notes.append(f"not all was over after {PATIENCE} s")
            evidence = world.evidence()
            evidence.notes += [f"job {one.job} was stopped" for one in evidence.runs
                               if one.end is None]
            found.append((name, evidence))
    return found


ROWS = [
    Row(22, "the clock is set", clock_set, "helpers", needs_broker=False),
]
