"""Rows in which somebody is killed: rbit itself, its leaders, its hosts, its jobs."""

import time

from row import Row

MIXED = ("0-0-0", "5-0-0", "10-0-0", "20-0-0", "40-0-0", "80-0-0", "150-0-0", "10-1-9", "5-75-1")


def rbit_killed(context):
    """SIGKILL at a random moment of each life, while jobs of all kinds go through."""
    kills, jobs = context.pick(200, 2000), context.pick(5000, 50000)
    draw = context.schedule
    world = context.world()
    world.configure(slots=4)
    world.publish([draw.one_of("work", MIXED) for _ in range(jobs)])
    for number in range(kills):
        world.start()
        time.sleep(draw.between("until the kill", 0.2, 1.5))
        world.kill()
        done = len(world.ended())
        left = jobs - done
        if left < 10 * (kills - number):  # the last kills shall hit something too
            world.publish([draw.one_of("work", MIXED) for _ in range(50)])
            jobs += 50
    world.start()
    world.wait_for_all()
    found = world.evidence()
    found.figures.update(kills=kills, jobs=jobs, runs=len(found.runs),
                         ran_again=len(found.runs) - len({one.job for one in found.runs}))
    return found


ROWS = [
    Row(1, "rbit SIGKILLed at random", rbit_killed, "kills"),
]
