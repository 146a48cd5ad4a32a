"""Rows in which the broker goes away and comes back, or loses its patience."""

import socket
import threading
import time

from rbit_suite import wait_until
from row import Row
from world import CONSUMING, knows

LOST = "is lost, trying again"  # of the connection itself; who works with it says "is lost" too


class Reachable:
    """From its making on asks the broker's port until it answers in AMQP; `at` is when it did."""

    def __init__(self, port):
        self.port = port
        self.at = None
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self):
        end = time.monotonic() + 180
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                    one.settimeout(1)
                    one.sendall(b"AMQP\0\0\x09\x01")
                    if one.recv(8):
                        self.at = time.monotonic()
                        return
            except OSError:
                pass
            time.sleep(0.02)


def kill_and_start(node):
    node.kill9()
    node.start()


def stop_and_start(node):
    node.ctl("stop_app")
    node.ctl("start_app")


def broker_away(context):
    """The broker is killed, and its application stopped, and comes back; jobs go on through it."""
    found = []
    draw = context.schedule
    for name, away, times, transport in (
            ("killed", kill_and_start, context.pick(3, 100), "classic"),
            ("stopped", stop_and_start, context.pick(6, 100), "quorum")):
        world = context.world(transport, name=name)
        world.configure(slots=4)
        world.publish(["20-0-0"] * 10)
        world.start()
        world.wait_for_all()
        # A queue that was declared a moment ago is in a buffer of the broker's, and a kill takes it.
        context.node.ctl("eval", "mnesia:sync_log().")
        for number in range(times):
            world.publish([draw.one_of("work", ("20-0-0", "300-0-0", "4000-0-0", "20-1-9"))
                           for _ in range(8)])
            time.sleep(draw.between("until it goes", 0.0, 1.0))
            mark = len(world.rbit.lines_with(CONSUMING))
            gone = len(world.rbit.lines_with(LOST))
            lost = threading.Thread(target=away, args=(context.node,))
            lost.start()
            wait_until(lambda: len(world.rbit.lines_with(LOST)) > gone, "the loss")
            back = Reachable(context.node.port)
            world.recovery(back, mark)
            lost.join()
            world.reconnect()
            if number == times // 3:  # buffers have seen what there is to see
                world.wait_for_all()
                world.quiet()
                world.found.before = world.resources()
        world.wait_for_all()
        world.quiet()
        world.found.after = world.resources()
        evidence = world.evidence()
        evidence.figures["answers_again"] = times  # a report under way, when the broker goes
        pauses = [one.consuming - one.reachable for one in evidence.recoveries if one.consuming]
        evidence.figures.update(times=times, jobs=world.jobs, runs=len(evidence.runs),
                                slowest_return=f"{max(pauses, default=0):.2f} s")
        found.append((f"broker {name}", evidence))
    return found


def restart_during_builds(context):
    """Issue 3.3: a restart of the broker during 20 running builds; none runs twice, none dies."""
    world = context.world("classic", name="builds")
    world.configure(slots=20)
    world.publish(["0-0-0"] * 20, package="gated")
    world.start()
    wait_until(lambda: len(world.runs()) == 20, "20 running builds")
    mark = len(world.rbit.lines_with(CONSUMING))
    context.node.halt()
    back = Reachable(context.node.port)
    starts = threading.Thread(target=context.node.start)
    starts.start()
    world.recovery(back, mark)
    starts.join()
    world.open_gate()
    world.wait_for_all()
    found = world.evidence()
    found.notes += [f"job {one.job} was killed" for one in found.runs if one.end is None]
    found.figures.update(builds=20, runs=len(found.runs), answers_again=1)
    return found


def acknowledgement_timeout(context):
    """The broker takes messages back from whoever does not acknowledge within 12 s. rbit learns that
    from the first refusal; no job runs twice."""
    node = context.node
    node.ctl("eval", "application:set_env(rabbit, consumer_timeout, 12000), "
                     "application:set_env(rabbit, channel_tick_interval, 256).")
    try:
        world = context.world("classic", name="patience")
        world.configure(slots=context.pick(20, 40))
        jobs, work = context.pick((20, "15000-0-0"), (120, "15000-0-0"))
        world.publish([work] * jobs)
        world.start()
        world.wait_for_all()
        found = world.evidence()
    finally:
        node.ctl("eval", "application:set_env(rabbit, consumer_timeout, 1800000), "
                         "application:set_env(rabbit, channel_tick_interval, 60000).",
                 patience=300)
    refusals = len([line for line in node.log.splitlines()
                    if "delivery acknowledgement" in line and "timed out" in line])
    if refusals == 0:
        found.notes.append("the broker never lost its patience: nothing was tested")
    # A job that ended while its channel was closed is answered, and told, when its message comes.
    found.figures.update(jobs=jobs, runs=len(found.runs), refusals=refusals,
                         answers_again=refusals)
    return found


ROWS = [
    Row(4, "broker killed, stopped, started", broker_away, "away",
        must_cover=("I1", "I2", "I3", "I4", "I6", "I7", "I8")),
    Row(4, "restart during 20 builds", restart_during_builds, "away",
        must_cover=("I1", "I2", "I3", "I4", "I6", "I8")),
]
if knows("ack-after"):
    ROWS.append(Row(11, "acknowledgement timeout", acknowledgement_timeout, "broker"))
