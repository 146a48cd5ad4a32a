"""A world behind a fault proxy, and what its wire can tell afterwards."""

import collections
import concurrent.futures
import time
import traceback

from evidence import HEARING, Ack, Call, Evidence
from faultproxy import UP, FaultProxy
from probe import lateness
from rbit_suite import readable, wait_until
from world import CONSUMING

HEARTBEAT = 3  # seconds, in CI
# A dead peer: two heartbeats and a second to wake up in.
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

    def found_unread(self, connections, since, name, limit):
        """The same where the proxy does not read, and so cannot see that rbit has gone: the kernel
        tells. Nothing passes meanwhile, so what the proxy lets through afterwards has nobody to
        hear it."""
        ports = [one.client.getpeername()[1] for one in connections]
        wait_until(lambda: not self._held_by_rbit(ports), f"rbit to give up {name}", 60)
        for one in connections:
            one.note_gone()
        self.judge_found(name, since, max(one.gone for one in connections), limit)

    def _held_by_rbit(self, ports):
        """Those of its ports whose connection to the proxy rbit has not closed."""
        established, held = "01", []
        for line in readable("/proc/net/tcp").decode().splitlines()[1:]:
            _, own, other, state = line.split()[:4]
            port = int(own.rpartition(":")[2], 16)
            if state == established and port in ports \
                    and int(other.rpartition(":")[2], 16) == self.proxy.port:
                held.append(port)
        return held

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
        # A message that comes again is answered again, with the report of its job.
        found.answered = collections.Counter(one.job for one in log.named("basic.deliver", "basic.get-ok")
                                             if one.method.redelivered)
        closed_by_rbit = {one.connection for one in log.named("connection.close")
                          if one.direction == UP}  # which it does when it has heard everything
        found.resent = collections.Counter(one.job for one in log.unconfirmed(
            {one.number: one.gone_wall - HEARING for one in self.proxy.connections
             if one.gone_wall and one.number not in closed_by_rbit}))
        found.figures.update(answered_again=found.answered.total(), resent=found.resent.total())
        found.cuts = max(0, len(self.proxy.connections) - 2)  # two stand at the end
        found.figures["connections"] = len(self.proxy.connections)
        self.problems += [f"the proxy: {one!r}" for one in self.proxy.errors]
        if log.unread:
            self.problems.append(f"{log.unread} frames could not be read")
        return found


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
