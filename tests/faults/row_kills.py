"""Rows in which somebody is killed: rbit itself, its leaders, its hosts, its jobs."""

import os
import shutil
import signal
import time

from evidence import Kill
from rbit_suite import SOURCE_DIR, wait_until
from row import Row
from world import BINARY_DIR, PATIENCE

# 130 ms in the mean: four slots and the lives of 60 rbits are enough for 1,500 of them.
MIXED = ("0-0-0", "20-0-0", "40-0-0", "80-0-0", "150-0-0", "250-0-0", "400-0-0", "20-1-9",
         "20-75-1")


def rbit_killed(context):
    """SIGKILL at a random moment of each life, while jobs of all kinds go through."""
    kills, jobs = context.pick(60, 2000), context.pick(1500, 50000)
    draw = context.schedule
    world = context.world()
    world.configure(slots=4)
    world.publish([draw.one_of("work", MIXED) for _ in range(jobs)])
    for number in range(kills):
        world.start()
        time.sleep(draw.between("until the kill", 0.2, 1.5))
        world.kill()
        if jobs - len(world.ended()) < 20 and number + 1 < kills:
            jobs += len(world.publish(["100-0-0"] * 50))  # the last kills shall hit something too
    world.start()
    world.wait_for_all()
    found = world.evidence()
    found.figures.update(kills=kills, jobs=jobs, runs=len(found.runs),
                         ran_again=len(found.runs) - len({one.job for one in found.runs}))
    return found


def stat_of(pid):
    """Its state, and its parent's pid."""
    with open(f"/proc/{pid}/stat") as file:
        state, parent = file.read().rpartition(")")[2].split()[:2]
    return state, int(parent)


def parent_of(pid):
    return stat_of(pid)[1]


def kill_one(world, of, draw):
    """SIGKILL to the leader of a running job, or to the job or host itself. False: none runs."""
    running = [one for one in world.runs() if one.end is None and one.pid not in world.gone]
    if not running:
        return False
    victim = running[draw.number("victim", 0, 99) % len(running)]
    try:
        # A handle first: the number may be another's by the time that we send.
        pid = parent_of(victim.pid) if of == "leader" else victim.pid
        handle = os.pidfd_open(pid)
    except OSError:
        return False  # it has just ended
    try:
        leader = pid if of == "leader" else parent_of(pid)
        if parent_of(leader) != world.rbit.pid:
            return False
        # Leaders and hosts go on to the next job: who stands still has the one that is hit.
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
        wait_until(lambda: stat_of(pid)[0] in "TZX", f"process {pid} to stand still")
        hit = last_run_of(world, leader)
        if hit is None:
            go_on(handle)
            return False
        first = time.monotonic()
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except (OSError, IndexError, ValueError):
        go_on(handle)
        return False
    finally:
        os.close(handle)
    world.gone.add(hit.pid)
    world.found.kills.append(Kill(first, time.monotonic(), of=of, job=hit.job))
    return True


def last_run_of(world, leader):
    for one in reversed(world.runs()):
        try:
            if parent_of(one.pid) == leader:
                return one
        except OSError:
            pass
    return None


def go_on(handle):
    try:
        signal.pidfd_send_signal(handle, signal.SIGCONT)
    except OSError:
        pass  # it has ended


def warm(world):
    """A leader for each slot, and nothing to do: what it has then is what it may have at the end."""
    def all_there():
        world.publish(["200-0-0"] * 16)
        world.wait_for_all()
        world.quiet()
        return world.children() == 8
    wait_until(all_there, "a leader for each slot", PATIENCE)
    return world.resources()


def helpers_killed(context):
    """Leaders, jobs and hosts are killed by pid under an rbit that goes on; those jobs are tried
    again, nobody else's are."""
    found = []
    for of, runner in (("leader", "shell"), ("job", "shell"), ("leader", "host"),
                       ("host", "host")):
        kills = context.pick(60, 500)
        kills = kills // 2 if of == "leader" else kills  # of both kinds together
        world = context.world("local", name=f"{runner}-{of}-")
        world.gone = set()
        if runner == "shell":
            world.configure(slots=8)
        else:
            # Found beside the INI file.
            shutil.copy(os.path.join(SOURCE_DIR, "tests", "faults", "fault_host.py"),
                        world.directory)
            world.configure(slots=8, command="python!fault_host:work")
        world.publish(["200-0-0"] * 40)
        world.start()
        wait_until(lambda: len(world.ended()) >= 8, "the first jobs")
        done, end = 0, time.monotonic() + PATIENCE
        while done < kills:
            if time.monotonic() > end:
                world.found.notes.append(f"only {done} of {kills} could be killed in {PATIENCE} s")
                break
            time.sleep(context.schedule.between("until the next", 0.0, 0.05))
            if kill_one(world, of, context.schedule):
                done += 1
                if done == kills // 3:  # buffers have seen what there is to see
                    world.found.before = warm(world)
            if world.jobs - len(world.ended()) < 10:
                world.publish(["200-0-0"] * 20)
        world.wait_for_all()
        wait_until(lambda: world.children() <= 8, "the end of the last leader")
        world.quiet()
        world.found.after = world.resources()
        evidence = world.evidence()
        evidence.figures.update(kills=kills, jobs=world.jobs, runs=len(evidence.runs))
        found.append((f"{of} of a {runner}", evidence))
    return found


SIGNALS_MORE = {"drain": 0, "interrupt": 1, "three TERMs": 2}


def stopped_under_load(context):
    """Restarts, drains, interrupts (TERM twice), kills (three TERMs, KILL) while jobs run."""
    draw = context.schedule
    world = context.world()
    world.configure(slots=4, rbit="drain-timeout = 20")
    stops = context.pick(15, 100)
    for _ in range(stops):
        world.publish([draw.one_of("work", MIXED) for _ in range(25)])
        world.start()
        how = draw.one_of("how", ("drain", "interrupt", "three TERMs", "kill"))
        time.sleep(draw.between("until the stop", 0.1, 0.6))
        if how == "kill":
            world.kill()
            continue
        world.rbit.signal(signal.SIGTERM)
        first = time.monotonic()
        for said in ("draining", "interrupting the jobs")[:SIGNALS_MORE[how]]:
            wait_until(lambda text=said: world.rbit.lines_with(text)
                       or world.rbit.process.poll() is not None, said)  # the jobs were quicker
            world.rbit.signal(signal.SIGTERM)
        code = world.rbit.wait()
        if code != 0:
            world.found.notes.append(f"{how}: rbit ended with {code}")
        if how != "drain":  # what was interrupted runs again, and only that
            world.found.kills.append(Kill(first, time.monotonic()))
    world.start()
    world.wait_for_all()
    found = world.evidence()
    found.figures.update(stops=stops, jobs=world.jobs, runs=len(found.runs))
    return found


# The leader's parent is rbit, or whoever inherits it when rbit is dead.
KILLER = ('shell!{job} {log}; [ "$RBIT_PACKAGE" != killer ] || '
          '{{ rbit=$(cut -d" " -f4 /proc/$PPID/stat); '
          '[ "$(cat /proc/$rbit/comm)" != rbit ] || kill -9 $rbit; sleep 60; }}')


def job_kills_rbit(context):
    """A job that takes rbit down is dead after three times; the others go on."""
    world = context.world("local")
    world.configure(slots=2, command=KILLER.format(job=os.path.join(BINARY_DIR, "fault_job"),
                                                   log=world.run_log))
    killers, lives = [], 0
    for _ in range(context.pick(3, 20)):  # one after the other: each death has one cause
        killers += world.publish(["0-0-0"], package="killer")
        world.publish(["10-0-0"] * 5)
        end = time.monotonic() + PATIENCE
        one = None
        while not world.found.confirmed <= set(world.ended()) and time.monotonic() < end:
            if one is None:
                one = world.start(until=None)  # it may not live so long
                lives += 1
            lived = time.monotonic()
            time.sleep(0.02)
            if one.process.poll() is not None:
                world.note_kill(Kill(lived, time.monotonic()), one)
                one = None
        if one is not None:
            world.stop(one)
    found = world.evidence()
    for job in killers:
        runs = sum(1 for one in found.runs if one.job == job)
        told = [one.status for one in found.reports if one.job == job]
        if runs != 3 or told[-1:] != ["Failed"]:
            found.notes.append(f"job {job} took rbit down {runs} times and was told {told}")
    found.figures.update(lives=lives, killers=len(killers))
    return found


ROWS = [
    Row(1, "rbit SIGKILLed at random", rbit_killed, "kills"),
    Row(3, "leader, host, job killed", helpers_killed, "helpers", needs_broker=False,
        must_cover=("I1", "I2", "I3", "I4", "I6", "I7")),
    Row(24, "restart, drain, TERM twice, KILL under load", stopped_under_load, "broker"),
    Row(25, "a job that kills rbit", job_kills_rbit, "helpers", needs_broker=False),
]
