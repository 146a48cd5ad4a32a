"""Rows in which the network is at fault, or one end stands still: nothing may be lost and, with one
rbit, nothing may run twice."""

import os
import signal
import time

from faultproxy import BOTH, DOWN, UP, DeadHost
from network import FOUND_WITHIN, HEARTBEAT, INTAKE, PUBLISH, Network, at_once
from rbit_suite import BINARY_DIR, wait_until
from row import Row, Skip

# Of one way alone: the proxy's kernel acknowledges what we send, so TCP_USER_TIMEOUT sleeps, and
# it is the broker that ends the connection when it has not heard of us for two to three beats.
FOUND_BY_THE_BROKER = 3 * HEARTBEAT + 1
NEXT_HOST_WITHIN = 6
SLOW_FOR = 10
STEADY = ("0-0-0", "10-0-0", "50-0-0", "200-0-0", "5-75-1", "10-1-9")


def some(draw, count, work=STEADY):
    return [draw.one_of("work", work) for _ in range(count)]


# ---- row 7


def blackhole(context, name, ways, busy, work, stall=False):
    limit = FOUND_BY_THE_BROKER if ways == (UP,) else FOUND_WITHIN
    with Network(context, name) as net:
        net.world.found.heartbeat_is_the_fault = True
        net.world.publish(work)
        net.start()
        net.wait_for_both()
        net.world.wait_for_all()
        if busy:  # they run, end and are reported while nothing passes
            net.world.publish(["1000-0-0"] * 3 + ["3000-0-0"] * 3)
            wait_until(lambda: len(net.world.runs()) >= len(work) + 6, "the jobs to run")
        mark = net.consuming_lines()
        both = [net.live(INTAKE), net.live(PUBLISH)]
        begun = time.monotonic()
        net.proxy.blackhole(*ways, stall=stall)
        (net.found_unread if stall else net.found)(both, begun, name, limit)
        net.proxy.clear()
        net.world.recovery(time.monotonic(), mark)
        net.world.publish(work)
        return net.finish()


def blackhole_in_publish(context, name, work):
    """The network ends in front of the frame of a report, on the publish connection alone."""
    struck = []

    def on_frame(one, direction, frame, seen):
        if not struck and seen is not None and seen.name == "basic.publish" \
                and len([1 for each in net.proxy.log.named("basic.publish")]) > 4:
            struck.append((time.monotonic(), one))
            return "hold"
        return None
    with Network(context, name, on_frame=on_frame) as net:
        net.world.found.heartbeat_is_the_fault = True
        net.start()
        net.wait_for_both()
        net.world.publish(work)
        wait_until(lambda: struck, "the fifth report")
        net.found([struck[0][1]], struck[0][0], "the publish connection", FOUND_BY_THE_BROKER)
        return net.finish()


def blackholes(context):
    cases = []
    for turn in range(context.pick(1, 33)):
        work = some(context.schedule, 10)
        for name, ways, busy, stall in (("up", (UP,), False, False), ("down", (DOWN,), True, False),
                                        ("both", BOTH, False, False), ("busy", BOTH, True, False),
                                        ("stalled", BOTH, True, True)):
            cases.append((f"{name}{turn}", lambda a=(f"hole-{name}", ways, busy, work, stall):
                          blackhole(context, *a)))
        cases.append((f"in-publish{turn}",
                      lambda w=work: blackhole_in_publish(context, "hole-publish", w)))
    return at_once(cases)


# ---- row 8


def struck(context, name, harm, busy, work):
    """A harm that ends the connections at once; rbit is back within its backoff."""
    with Network(context, name) as net:
        net.start()
        net.wait_for_both()
        if busy:
            net.world.publish(["500-0-0"] * 3 + ["1500-0-0"] * 3 + work)
            wait_until(lambda: len(net.world.runs()) >= 3, "jobs to run")
        mark = net.consuming_lines()
        both = [net.live(INTAKE), net.live(PUBLISH)]
        begun = time.monotonic()
        harm(net.proxy)
        net.found(both, begun, name)
        net.world.recovery(begun, mark)
        net.world.publish(work)
        return net.finish()


def throttled(context, name, way, work):
    """A byte a second. Each is a sign of life, so that nobody is given up for silence: what is
    under way is only late, and nothing of it is lost or done twice."""
    with Network(context, name) as net:
        net.world.found.heartbeat_is_the_fault = True
        net.start()
        net.wait_for_both()
        net.world.publish(["1000-0-0"] * 4)
        wait_until(lambda: len(net.world.runs()) >= 4, "the jobs to run")
        net.proxy.throttle(1, way)  # what passes until it holds is not counted
        before = sum(one.through[way] for one in net.proxy.connections)
        net.world.publish(work)
        time.sleep(SLOW_FOR)
        crept = sum(one.through[way] for one in net.proxy.connections) - before
        net.proxy.clear()
        net.finish()
        net.world.found.figures["bytes"] = crept
        if not 0 < crept <= 8 * SLOW_FOR:
            net.problems.append(f"{crept} bytes in {SLOW_FOR} s is no throttle")
        return net.world.found


def delayed(context, name, work):
    """Two seconds each way: slow, and no reason to reconnect."""
    with Network(context, name) as net:
        net.start()
        net.wait_for_both()
        net.proxy.delay(2)
        net.world.publish(work)
        net.world.wait_for_all()
        net.proxy.clear()
        net.finish()
        if len(net.proxy.connections) != 2:
            net.problems.append(f"{len(net.proxy.connections)} connections were made, not 2")
        return net.world.found


def until_the_dead_one_was_first(net, between=lambda: None, **environment):
    """rbit shuffles its hosts, so that several lives are needed until the first is the one that does
    not answer, and one in which it is not: that start is the measure of what else a start takes. In
    the last life rbit goes on."""
    took = []
    for _ in range(32):
        begun = time.monotonic()
        net.start(**environment)
        took.append(time.monotonic() - begun)
        if len(took) == 1:
            between()
        if max(took) > 4 > min(took):  # five seconds went into the dead one
            break
        net.world.stop()
    else:
        net.problems.append("the hosts were never tried in both orders")
        net.start(**environment)
    worst = max(took) - min(took)
    net.world.found.figures["next_host_s"] = round(worst, 1)
    if worst > NEXT_HOST_WITHIN:
        net.problems.append(f"the second host was reached after {worst:.1f} s")


def dead_first_host(context, name, work, restart):
    """Of two hosts one does not answer."""
    with DeadHost() as dead, Network(
            context, name, hosts=lambda own: f"127.0.0.1:{dead.port}, {own}") as net:
        def reset():
            mark = net.consuming_lines()
            net.wait_for_both()
            begun = time.monotonic()
            net.proxy.reset()
            net.world.recovery(begun, mark, backoff=NEXT_HOST_WITHIN)
        until_the_dead_one_was_first(net, *([] if restart else [reset]))
        net.world.publish(work)
        return net.finish()


def resolver_hangs(context, name, work):
    """getaddrinfo does not come back for one of two names."""
    stub = os.path.join(BINARY_DIR, "libresolver_stub.so")
    if not os.path.exists(stub):
        raise Skip(f"no {stub}: build with RBIT_BUILD_TESTS")
    with Network(context, name, hosts=lambda own: f"hangs.invalid:5672, {own}") as net:
        until_the_dead_one_was_first(net, LD_PRELOAD=stub)
        net.world.publish(work)
        return net.finish()


def sick_networks(context):
    cases = []
    for turn in range(context.pick(1, 17)):
        work = some(context.schedule, 10)
        for busy in (False, True):
            word = "busy" if busy else "idle"
            for name, harm in (("rst", lambda proxy: proxy.reset()),
                               ("half-up", lambda proxy: proxy.half_close(UP)),
                               ("half-down", lambda proxy: proxy.half_close(DOWN))):
                cases.append((f"{name}-{word}{turn}", lambda a=(f"{name}-{word}", harm, busy, work):
                              struck(context, *a)))
        for way in BOTH:
            cases.append((f"1-byte-{way}{turn}",
                          lambda a=(f"slow-{way}", way, work): throttled(context, *a)))
        cases.append((f"delay{turn}", lambda w=work: delayed(context, "delay", w)))
        for restart in (True, False):
            cases.append((f"dead-host-{restart}{turn}", lambda a=("dead", work, restart):
                          dead_first_host(context, *a)))
        cases.append((f"resolver{turn}", lambda w=work: resolver_hangs(context, "resolver", w)))
    return at_once(cases)


# ---- rows 9 and 10


def rbit_stopped(context, name, work, seconds):
    with Network(context, name) as net:
        net.world.found.heartbeat_is_the_fault = True
        net.start()
        net.wait_for_both()
        net.world.publish(["500-0-0"] * 2 + [f"{round(seconds * 1000) + 3000}-0-0"] * 2)
        wait_until(lambda: len(net.world.runs()) >= 4, "the jobs to run")
        mark = net.consuming_lines()
        net.world.rbit.signal(signal.SIGSTOP)
        time.sleep(seconds)
        net.world.publish(work)
        net.world.rbit.signal(signal.SIGCONT)
        net.world.recovery(time.monotonic(), mark)
        return net.finish()


def rbits_stopped(context):
    """SIGSTOP for three heartbeats: the broker closes, jobs go on, some of them end meanwhile."""
    cases = []
    for turn in range(context.pick(4, 50)):
        work = some(context.schedule, 8)
        seconds = context.schedule.between("stopped for", 3 * HEARTBEAT + 1, 3 * HEARTBEAT + 2)
        cases.append((f"stop{turn}", lambda a=(f"stop{turn}", work, seconds):
                      rbit_stopped(context, *a)))
    return at_once(cases, 4)


def broker_stopped(context):
    """The same on the broker: its sockets stay, it says nothing. Jobs end while it does."""
    with Network(context, "beam") as net:
        net.world.found.heartbeat_is_the_fault = True
        net.start()
        for _ in range(context.pick(3, 50)):
            net.wait_for_both()
            before = len(net.world.runs())
            net.world.publish(["500-0-0"] * 3 + ["4000-0-0"] * 2)
            wait_until(lambda n=before: len(net.world.runs()) >= n + 5, "the jobs to run")
            mark = net.consuming_lines()
            both = [net.live(INTAKE), net.live(PUBLISH)]
            os.kill(context.node.pid, signal.SIGSTOP)
            begun = time.monotonic()
            try:
                net.found(both, begun, "the broker's silence")
                time.sleep(max(0, begun + 3 * HEARTBEAT - time.monotonic()))
            finally:
                os.kill(context.node.pid, signal.SIGCONT)
            net.world.recovery(time.monotonic(), mark)
            net.world.publish(some(context.schedule, 5))
            net.world.wait_for_all()
        return net.finish()


MUST = ("I1", "I2", "I3", "I4", "I5", "I6")
ROWS = [
    Row(7, "black holes", blackholes, "network", must_cover=MUST),
    Row(8, "sick networks and dead hosts", sick_networks, "network", must_cover=MUST),
    Row(9, "rbit stands still", rbits_stopped, "network", must_cover=MUST + ("I8",)),
    Row(10, "the broker stands still", broker_stopped, "network", must_cover=MUST + ("I8",)),
]
