"""A world behind a fault proxy, and what its wire can tell afterwards."""

import collections
import concurrent.futures
import time
import traceback

from evidence import Ack, Call, Evidence
from faultproxy import DOWN, UP, FaultProxy
from probe import lateness
from rbit_suite import wait_until
from world import CONSUMING

HEARTBEAT = 3  # seconds, in CI
# A dead peer: two heartbeats and a second to wake up in (RELIABILITY.md 8.3, row 7).
FOUND_WITHIN = 2 * HEARTBEAT + 1
INTAKE, PUBLISH = "intake", "publish"


class Network:
    """One rbit whose broker is a proxy. `proxy` may fall ill; `world` publishes past it."""

    def __init__(self, context, name, slots=8, on_frame=None, on_open=None, hosts=None, backoff=None,
                 **more):
        self.world = context.world(name=name)
        self.world.backoff = backoff or self.world.backoff
        self.proxy = FaultProxy(self.world.node.port, frames=True, on_frame=on_frame,
                                on_open=on_open)
        own = f"127.0.0.1:{self.proxy.port}"
        self.world.host = hosts(own) if hosts else own
        self.world.configure(slots=slots, **more)
        self.problems = self.world.found.notes
        self.lateness = lateness()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.close()

    def start(self, **environment):
        return self.world.start(**environment)

    def live(self, role):
        """The open connection of that role, or None."""
        for one in self.proxy.open_now():
            if one.gone is None and one.name.endswith(role):
                return one
        return None

    def wait_for_both(self):
        wait_until(lambda: self.live(INTAKE) and self.live(PUBLISH), "both connections")

    def consuming_lines(self):
        return len(self.world.rbit.lines_with(CONSUMING))

    def found(self, connections, since, name, limit=FOUND_WITHIN):
        """Waits until rbit has let go of these connections, and judges how soon it did."""
        wait_until(lambda: all(one.gone is not None for one in connections),
                   f"rbit to give up {name}", 60)
        self.judge_found(name, since, max(one.gone for one in connections), limit)

    def judge_found(self, name, since, until, limit):
        """What the machine kept all of us waiting for is not rbit's."""
        seconds = until - since
        self.world.found.calls.append(Call(f"finding {name}", seconds, HEARTBEAT))
        worst = self.world.found.figures.get("found_s", 0)
        self.world.found.figures["found_s"] = max(worst, round(seconds, 1))
        late = self.lateness.between(since, until)
        if seconds > limit + late:
            self.problems.append(f"{name} was found after {seconds:.1f} s, {limit} are allowed, and "
                                 f"{late:.1f} in which nobody was woken up")

    def finish(self, patience=None):
        """Waits for all jobs, then collects; the wire's share of the evidence."""
        world, found = self.world, self.world.found
        world.wait_for_all(*([] if patience is None else [patience]))
        world.evidence()
        log = self.proxy.log
        found.acks = [Ack(delivery.job, ack.wall) for ack, delivery in log.acks()
                      if delivery is not None and delivery.job is not None]
        strangers = [ack for ack, delivery in log.acks() if delivery is None]
        if strangers:
            self.problems.append(f"{len(strangers)} acks of tags that were never given")
        again = sum(1 for one in log.named("basic.deliver", "basic.get-ok")
                    if one.method.redelivered)
        unconfirmed = self.unconfirmed()
        found.resent = collections.Counter(one.job for one in unconfirmed)
        found.figures["answers_again"] = again + len(unconfirmed)
        found.figures["connections"] = len(self.proxy.connections)
        self.problems += [f"the proxy: {one!r}" for one in self.proxy.errors]
        if log.unread:
            self.problems.append(f"{log.unread} frames could not be read")
        return found

    def unconfirmed(self):
        """The publishes that rbit must send again, for their confirm did not reach it."""
        gone = {one.number: one.gone_wall for one in self.proxy.connections}
        sent, confirmed = collections.defaultdict(list), collections.defaultdict(set)
        for one in self.proxy.log.named("basic.publish", "basic.ack", "basic.nack"):
            place = (one.connection, one.channel)
            if one.direction == UP and one.name == "basic.publish":
                sent[place].append(one)
            elif one.direction == DOWN and one.wall <= (gone[one.connection] or one.wall):
                tags = range(1, one.method.tag + 1) if one.method.multiple else [one.method.tag]
                confirmed[place].update(tags)
        return [one for place, those in sent.items() for tag, one in enumerate(those, 1)
                if tag not in confirmed[place]]


def at_once(functions, most=6):
    """[(name, Evidence)] of [(name, function)], several at a time; their time is mostly waiting."""
    def run(name, function):
        begun = time.monotonic()
        try:
            found = function()
            found.figures["s"] = round(time.monotonic() - begun)
            return name, found
        except Exception:  # the other cases are worth their evidence
            return name, Evidence(notes=traceback.format_exc().splitlines())
    with concurrent.futures.ThreadPoolExecutor(most) as pool:
        return [one.result() for one in [pool.submit(run, *both) for both in functions]]
