"""Parts of rbit, each by itself."""

import json
import os
import statistics
import subprocess
import sys
import time

from home import PROGRAM
from rbit_suite import BINARY_DIR
from table import at_most

LEADER_US, SCHEMA_US = 150, 50
COUNT = 500  # jobs of one leader


def leader(bench):
    """What the leader adds to a process, one at a time: without control groups, and with them."""
    kinds = {"a job's leader": "", "and its control group": own_cgroup()}
    mine, bare = {name: [] for name in kinds}, []
    count = bench.jobs or COUNT
    for _ in range(bench.runs):
        bare.append(bench.bare("bare_loop", "spawn", count, 1, "LOGS", "-", "/bin/true") / count)
        for name, cgroup in kinds.items():
            if cgroup is not None:
                mine[name].append(bench.bare("bare_leader", os.path.join(BINARY_DIR, "rbit-leader"),
                                             count, "LOGS", cgroup, "/bin/true") / count)
    without = statistics.median(bare) * 1e6
    for name, seconds in mine.items():
        if not seconds:
            print(f"{name}: skipped, no control group of version 2 is ours", file=sys.stderr)
            continue
        cost = statistics.median(b - a for a, b in zip(bare, seconds)) * 1e6
        yield at_most(name, cost, LEADER_US, "us",
                      f"more than {without:.0f} us by posix_spawn alone", 0)


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


MEMBERS = ("string", "integer", "number", "boolean", "string", "integer", "array", "object",
           "string", "string")


def schema(bench):
    """What a schema of ten members adds to reading a message: the same files with and without."""
    count = 2000
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
            subprocess.run([PROGRAM, "validate", home.config, runner, *[path] * count], check=True,
                           stdout=subprocess.DEVNULL)
            return time.monotonic() - begun
        added = min(seconds("checked") for _ in range(5)) - min(seconds("plain") for _ in range(5))
    yield at_most("schema of ten members, a message", max(added, 0) / count * 1e6, SCHEMA_US, "us")
