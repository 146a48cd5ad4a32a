"""How many jobs a second: rbit beside what its users would take instead."""

import os
import time

import contest
import peers
from rbit_suite import wait_until
from table import at_least, at_most, note

PLUGIN_US, SHELL_US = 100, 250  # rbit's own time a job


def beside(scores, other):
    return f"{other}: {scores.say(other)}"


def processor(figure, scores, name, goal):
    """rbit's own time, beside that of its leaders and of the jobs."""
    spent = scores.spent_by(name)
    if spent:
        own, leaders, jobs = spent
        yield at_most(figure, own, goal, "us", f"leaders {leaders:.0f} us, jobs {jobs:.0f} us",
                      digits=0)


def shell(bench):
    """A process a message, from the broker."""
    if bench.node is None:
        return
    mine = "rbit shell"
    scores = contest.on_the_broker(bench, bench.take_part(peers.shell_peers()))
    yield note(mine, scores.say(mine), bench.settings[mine], **scores.details())
    for other, goal in (("bare loop", 0.9), ("amqp-consume", 1.4), ("Celery command", 1.8)):
        if other in scores:
            yield at_least(f"shell / {other}", scores.ratio(mine, other), goal,
                           beside(scores, other))
    for other in ("bare loop, synced", "Celery command, late", "pika command"):
        if other in scores:
            yield note(f"shell / {other}", f"{scores.ratio(mine, other):.2f}",
                       beside(scores, other))
    yield from processor("rbit's own time, a shell job", scores, mine, SHELL_US)


def call(bench):
    """A call in a process that lives on, from the broker."""
    if bench.node is None:
        return
    plugin, told, python = "rbit plugin", "rbit plugin, statuses", "rbit Python"
    scores = contest.on_the_broker(bench, bench.take_part(peers.call_peers()))
    yield note(plugin, scores.say(plugin), bench.settings[plugin], **scores.details())
    yield note(told, scores.say(told), bench.settings[told])
    yield note(python, scores.say(python), bench.settings[python])
    for mine, word, other, goal in (
            (plugin, "plugin", "Celery prefork", 3), (plugin, "plugin", "Celery solo", 1.5),
            (told, "plugin, statuses", "Celery prefork", 1.5),
            (told, "plugin, statuses", "Celery solo", 0.75),
            (python, "Python", "Celery prefork", 1.5)):
        if other in scores:
            yield at_least(f"{word} / {other}", scores.ratio(mine, other), goal,
                           beside(scores, other))
    for other in ("Celery prefork, late", "Celery solo, late", "pika", "pika, late",
                  "bare warm children", "bare warm children, synced"):
        if other in scores:
            yield note(f"plugin / {other}", f"{scores.ratio(plugin, other):.2f}",
                       beside(scores, other))
    yield from processor("rbit's own time, a plugin job", scores, plugin, PLUGIN_US)
    yield from processor("rbit's own time, a Python job", scores, python, PLUGIN_US)


def on_embedded_queue(bench, runner, slots, jobs):
    """(jobs a second, microseconds a job of rbit, its leaders and the jobs): all is submitted
    before any of it begins; until rbit says the last Done."""
    with bench.home() as home:
        gate = os.path.join(home.directory, "gate")
        os.mkfifo(gate)
        home.configure({"q": runner, "gate": f"shell!read -r _ < {gate}"}, slots)
        opener = os.open(gate, os.O_RDWR)
        home.start()
        home.submit("gate", range(1, slots + 1))
        wait_until(lambda: home.tail.look() == 0 and home.tail.begun == slots, "the gate")
        home.submit("q", range(1001, 1001 + jobs))
        before = home.cpu()
        begun = time.time()
        os.write(opener, b"\n" * slots)
        home.wait_for_done(slots + jobs)
        after = home.cpu()
        seconds = home.tail.last_done() - begun
        os.close(opener)
    return jobs / seconds, [(b - a) / jobs * 1e6 for a, b in zip(before, after)]


def embedded(bench):
    """The embedded queue, beside the broker and beside a queue in SQLite with the same syncs."""
    def mine(runner):
        return lambda jobs: on_embedded_queue(bench, runner, peers.SLOTS, jobs)

    def loop(kind):
        def run(jobs):
            folder = bench.new_folder("sqlite")
            return jobs / bench.bare("sqlite_loop", os.path.join(folder, "queue.db"), jobs,
                                     peers.SLOTS, folder, kind), None
        return run

    plugin = peers.plugin_runner(bench)
    entrants = [("embedded shell", 400, mine("shell!true")), ("embedded plugin", 800, mine(plugin)),
                ("SQLite loop, processes", 500, loop("spawn")),
                ("SQLite loop, nothing", 1500, loop("call"))]
    if bench.node is not None:
        others = {**peers.shell_peers(), **peers.call_peers()}
        for peer in (others["rbit shell"], others["rbit plugin"]):
            entrants.append((peer.name, peer.guess, contest.consuming(bench, peer)))
    scores = contest.hold(bench, entrants)
    for kind, other, bare in (("shell", "rbit shell", "SQLite loop, processes"),
                              ("plugin", "rbit plugin", "SQLite loop, nothing")):
        name = f"embedded {kind}"
        yield note(name, scores.say(name), f"slots = {peers.SLOTS}", **scores.details())
        if other in scores:
            yield at_least(f"{name} / on AMQP", scores.ratio(name, other), 1,
                           beside(scores, other))
        yield note(f"{name} / {bare}", f"{scores.ratio(name, bare):.2f}", beside(scores, bare))


def slots(bench):
    """rbit by itself with more slots."""
    plugin = peers.plugin_runner(bench)
    for count in (1, 2, 4, 8):
        entrants = []
        for kind, runner in (("shell", "shell!true"), ("plugin", plugin)):
            entrants.append((f"embedded {kind}, slots {count}", 500,
                             lambda jobs, runner=runner: on_embedded_queue(bench, runner, count,
                                                                           jobs)))
        scores = contest.hold(bench, entrants)
        for name, _, _ in entrants:
            own, leaders, jobs = scores.spent_by(name)
            yield note(name, scores.say(name), f"us a job: rbit {own:.0f}, leaders {leaders:.0f}, "
                       f"jobs {jobs:.0f}", **scores.details())
