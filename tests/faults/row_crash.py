"""Row 2: rbit ends itself at each point of a job in rbit/base/failpoint.h, with acknowledgements
early, late and never, on every transport. What may run again (rbit/doc/order.rst, crash-table): a
job that was running at that moment and no other, which is I3 with the kill's own time."""

import concurrent.futures
import os

from row import Row
from world import knows

# What passes which point, as (points, jobs to publish, transports that have it).
COMMON = ("R", "J1.before", "J1.after", "X.before", "X.after", "V", "J3.before", "J3.after",
          "A.before", "A.after", "A.noted", "O.sent", "O.after")
COPIED = ("A.copied",)  # a copy to a retry or a dead queue
# The embedded queue knows neither; who acknowledges early has a barrier.
BROKER = ("A.copied", "A.sent") if knows("ack-after") else ("A.copied",)
EARLY = ("A1.before", "A1.claimed", "A1.acknowledged")  # of a job that is acknowledged early
WORK = {"quick": ("30-0-0", "20-0-0", "10-75-1", "10-1-9"),
        "long": ("700-0-0", "20-0-0", "10-75-1", "10-1-9")}


def cases(transports, repeats):
    """(transport, ack-after, point, nth), each named so that a replay does the same."""
    for transport in transports:
        for ack_after in ("10m", "0", "never", "200ms") if knows("ack-after") else ("10m",):
            for point in COMMON + BROKER + EARLY:
                if point in BROKER and transport == "local":
                    continue
                if point in EARLY and (transport == "local" or ack_after in ("10m", "never")):
                    continue  # nothing is acknowledged, or no job of ours runs so long
                if ack_after == "200ms" and point not in EARLY and repeats == 1:
                    continue  # CI has no time for all of them in the middle of a run
                for repeat in range(repeats):
                    yield transport, ack_after, point, repeat


def crash(context, transport, ack_after, point, nth):
    """One life that ends at the `nth` passing of `point`, and one that tidies up; its Evidence."""
    name = f"{transport[0]}-{point}-"  # a socket's path is short
    world = context.world(transport, "rbit-faulty", name)
    runner = f"ack-after = {ack_after}\n" if knows("ack-after") else ""
    world.configure(slots=1, runner=runner)
    log = os.path.join(world.directory, "failpoints")
    work = WORK["long" if ack_after == "200ms" else "quick"]
    world.publish(work)
    world.start(until=None, RBIT_FAIL=f"{point}:abort@{nth}", RBIT_FAIL_LOG=log)
    if not world.wait_for_failpoint(point, log):
        world.kill()
    world.start()
    world.wait_for_all(60)
    return world.evidence()


def crash_table(context):
    """All cases, four at once: they wait more than they work."""
    todo = []
    for transport, ack_after, point, repeat in cases(("classic", "quorum", "local"),
                                                     context.pick(1, 20)):
        most = 4  # jobs, and a second attempt
        if point in COPIED:
            most = 2  # a retry and a dead letter
        elif ack_after == "200ms" and point in EARLY:
            most = 1  # only one is so long
        nth = context.schedule.number(f"{transport} {ack_after} {point} {repeat}", 1, most)
        todo.append((transport, ack_after, point, nth))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda case: crash(context, *case), todo))
    return [(f"{transport}, ack-after {ack_after}, {point}@{nth}", one)
            for (transport, ack_after, point, nth), one in zip(todo, found)]


ROWS = [
    Row(2, "crash at each point of the story", crash_table, "crash"),
]
