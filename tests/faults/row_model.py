"""Row 30: random events against a model, without I/O and on a clock of the test's own. The model is
tests/flow/model_test.cpp; here it gets this run's seed and its numbers. It is CTest's label
`sanitized`, for flow is built with the sanitizers alone."""

import concurrent.futures
import os
import re
import subprocess

from evidence import Evidence
from rbit_suite import BINARY_DIR
from row import Row, Skip

AT_ONCE = 2


def random_events(context):
    program = os.path.join(BINARY_DIR, "flow")
    if not os.access(program, os.X_OK):
        raise Skip(f"no {program}: build it")
    sequences = context.pick(2_000, 1_000_000)
    first = context.schedule.number("first seed", 1, 1 << 62)
    share = sequences // AT_ONCE

    def play(number):
        return subprocess.run([program, "-tc=random events*"], text=True, capture_output=True,
                              env={**os.environ, "RBIT_MODEL_SEQUENCES": str(share),
                                   "RBIT_MODEL_SEED": str(first + number * share)})
    found = Evidence(figures={"sequences": sequences})
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for done in pool.map(play, range(AT_ONCE)):
            ran = re.search(r"test cases: +1 +\|", done.stdout)
            if done.returncode != 0 or not ran:
                found.notes.append(f"flow ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return found


ROWS = [
    Row(30, "random events against a model", random_events, "model", needs_broker=False,
        must_cover=()),
]
