"""Rows in which connections are cut: by the broker, after every byte, and between the broker and
one rbit of two."""

import time

from evidence import Recovery
from faultproxy import DOWN, UP, Mishap
from network import HEARTBEAT, INTAKE, PUBLISH, Network, at_once
from probe import Handshakes
from rbit_suite import wait_until
from row import Row

QUICK = ("0-0-0", "10-0-0", "50-0-0", "5-75-1", "10-1-9")
ENDED = ("done", "failed", "cancelled", "dead")
EVERY = 31  # bytes, in CI
STAY = 0.3  # seconds a connection is left alone when its cut lies behind all it has to say


# ---- row 5


# A connection that is still being opened would end without a word: whoever has just been closed is
# waited for, 20 s at most.
CLOSE = """Running = fun() -> [Pid ||
    [{{pid, Pid}}, {{state, running}}, {{client_properties, Table}}] <-
        rabbit_networking:connection_info_all([pid, state, client_properties]),
    is_list(Table),
    {{_, _, Name}} <- [lists:keyfind(<<"connection_name">>, 1, Table)],
    binary:match(Name, <<"{mark}">>) =/= nomatch] end,
Close = fun Again(0) -> none;
            Again(Times) -> case Running() of
                [] -> timer:sleep(20), Again(Times - 1);
                Pids -> [rabbit_networking:close_connection(Pid, "a fault of the suite") ||
                         Pid <- Pids]
            end end,
lists:foreach(fun(Pause) -> timer:sleep(Pause), Close(1000) end, {pauses})."""


def recoveries(proxy, backoff, plain):
    """From each connection.close of the broker to rbit consuming again, as the wire tells it. A
    loss on the way to the next consumer is a new beginning."""
    intake = {one.number for one in proxy.connections if one.name.endswith(INTAKE)}
    monotonic = time.monotonic() - time.time()
    found, reachable = [], None
    for one in proxy.log.named("connection.close", "basic.consume-ok"):
        if one.connection not in intake or one.direction != DOWN:
            continue
        if one.name == "connection.close":
            reachable = one.wall + monotonic
        elif reachable is not None:
            consuming = one.wall + monotonic
            found.append(Recovery(reachable, consuming, backoff,
                                  plain.slowest(reachable, consuming)))
            reachable = None
    if reachable is not None:
        found.append(Recovery(reachable, None, backoff))
    return found


def closed_by_the_broker(context):
    """rabbitmqctl's close_all_connections and close_connection are these calls; made by it, sixty
    would cost a minute of Erlang's start. Half of them hit one connection, half both."""
    closings, batch = context.pick(36, 500), 6
    draw = context.schedule
    with Network(context, "closed") as net, Handshakes(context.node.port) as plain:
        def back():
            return recoveries(net.proxy, net.world.backoff, plain)
        net.start()
        net.wait_for_both()
        def closed():
            return [one for one in net.proxy.log.named("connection.close") if one.direction == DOWN]
        for _ in range(closings // batch):
            if len(closed()) >= closings:
                break
            mark = draw.one_of("which", (f"{net.world.name} {INTAKE}", f"{net.world.name} {PUBLISH}",
                                         net.world.name, net.world.name))
            pauses = [draw.number("pause", 200, 1500) for _ in range(batch)]
            net.world.publish([draw.one_of("work", QUICK) for _ in range(30)])
            context.node.ctl("eval", CLOSE.format(mark=mark, pauses=pauses))
            net.wait_for_both()
        wait_until(lambda: all(one.consuming for one in back()),
                   "rbit to consume after the last one")
        net.finish()
        net.world.found.recoveries = back()
        net.world.found.figures.update(
            closed=len(closed()), slowest_s=round(max(
                one.consuming - one.reachable for one in net.world.found.recoveries
                if one.consuming), 2))
        if len(closed()) < closings * 3 // 4:  # one that ends by itself cannot be closed
            net.problems.append(f"only {len(closed())} connections were closed")
        return net.world.found


# ---- row 6


class Cuts:
    """Cuts one rbit's connections of one role, one after the other, each where the plan says:
    (direction, bytes). The other role's connection stands and is left alone, so that whoever comes
    is ours."""

    def __init__(self, context, role):
        self.plan, self.victims, self.beyond = [], [], 0
        self.role = role
        self.net = Network(context, f"cut-{role}", slots=2, backoff=0.01, on_open=self._on_open)

    def _on_open(self, one):
        if not self.plan:
            return None
        self.victims.append(one)
        return [Mishap(*self.plan.pop(0))]

    def learn(self, context):
        """A session with a job, uncut: the plan is made from where its frames end."""
        self.net.start()
        self.net.wait_for_both()
        self.net.world.publish(["0-0-0"] * 2)
        self.net.world.wait_for_all()
        one = self.net.live(self.role)
        time.sleep(STAY)  # the last acknowledgement goes out after the end is told
        wanted = []
        for direction in (UP, DOWN):
            length = one.through[direction]
            if context.long:
                wanted += [(direction, at) for at in range(length + 1)]
                continue
            close = {border + by for border in one.borders[direction] for by in (-1, 0, 1)}
            step = set(range(0, length, EVERY))
            wanted += [(direction, at) for at in sorted(close | step)]
        self.first = one
        return wanted

    def run(self, wanted):
        """Cuts as planned, one after the other."""
        self.plan = list(wanted)
        self.net.proxy.reset(self.first)
        for number in range(len(wanted)):
            self._feed()
            wait_until(lambda n=number: len(self.victims) > n, "rbit to come back")
            self._watch(self.victims[number])

    def _feed(self):
        """Something to deliver, acknowledge and report in each session."""
        world = self.net.world
        if len(world.ended()) + 4 > world.jobs:
            world.publish(["0-0-0"] * 20)

    def _watch(self, victim):
        """Until it is cut, or has said all it has to say without coming so far."""
        since, last = time.monotonic(), -1
        while victim.gone is None:
            through = victim.through[UP] + victim.through[DOWN]
            if through != last:
                since, last = time.monotonic(), through
            elif time.monotonic() - since > STAY:
                self.beyond += 1
                self.net.proxy.reset(victim)
                return
            time.sleep(0.001)

    def finish(self):
        self.plan = []
        found = self.net.finish()
        found.figures.update(cuts=len(self.victims), beyond_the_end=self.beyond)
        return found


def cut_after_each_byte(context):
    """Both connections, both directions: at each frame's end, a byte before and behind it, and
    every so many bytes; in the long run after every byte."""
    found = []
    for role in (INTAKE, PUBLISH):
        cuts = Cuts(context, role)
        with cuts.net:
            cuts.run(cuts.learn(context))
            found.append((role, cuts.finish()))
    return found


# ---- row 23


def two_rbits(context):
    """One of two is cut off for two heartbeats while both work: the broker gives its messages to
    the other. What runs twice is counted, and is no more than what was delivered twice."""
    found = []
    for turn in range(context.pick(3, 50)):
        work = [context.schedule.one_of("work", ("100-0-0", "500-0-0", "3000-0-0", "9000-0-0"))
                for _ in range(16)]
        found.append((f"pair{turn}", lambda w=work, n=turn: pair(context, f"pair{n}", w)))
    return at_once(found, 3)


def pair(context, name, work):
    with Network(context, f"{name}-a", slots=4) as one, Network(context, f"{name}-b", slots=4) as two:
        for kind in ("queue", "status_queue", "run_log"):
            setattr(two.world, kind, getattr(one.world, kind))
        two.world.configure(slots=4)
        for net in (one, two):
            net.world.found.heartbeat_is_the_fault = True
            net.start()
            net.wait_for_both()
        one.world.publish(work)
        wait_until(lambda: len(one.world.runs()) >= 6, "both to work")
        both = [one.live(INTAKE), one.live(PUBLISH)]
        begun = time.monotonic()
        one.proxy.blackhole()
        one.found(both, begun, "the cut")
        time.sleep(max(0, begun + 3 * HEARTBEAT - time.monotonic()))  # the broker has noticed too
        one.proxy.clear()
        everything = one.world.found.confirmed
        wait_until(lambda: everything <= set(one.world.ended()) | set(two.world.ended()),
                   "all jobs", 120)
        return together(one, two)


def together(one, two):
    """The evidence of both, as of one world: a job is in the journal of the one that ended it."""
    second = two.finish(0)
    found = one.finish(0)
    given = [delivery.job for net in (one, two) for delivery in net.proxy.log.named("basic.deliver")
             if delivery.method.redelivered]
    for job in given:
        found.redeliveries[job] = found.redeliveries.get(job, 0) + 1
    found.journal = {**second.journal, **{
        job: row for job, row in found.journal.items()
        if job not in second.journal or row.state in ENDED}}
    found.reports = second.reports + found.reports  # as they came: they share their queue
    found.resent = found.resent + second.resent
    found.acks += second.acks
    found.notes += second.notes
    runs = [run.job for run in found.runs]
    found.figures.update(answers_again=2 * len(given), redelivered=len(given),
                         ran_twice=len(runs) - len(set(runs)))
    return found


MUST = ("I1", "I2", "I3", "I4", "I5", "I6")
ROWS = [
    Row(5, "connections closed by the broker", closed_by_the_broker, "cuts",
        must_cover=MUST + ("I8",)),
    Row(6, "cut after byte N", cut_after_each_byte, "cuts", must_cover=MUST),
    Row(23, "two rbits, one is cut off", two_rbits, "network", must_cover=MUST),
]
