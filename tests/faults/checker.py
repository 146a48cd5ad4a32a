"""The invariants I1 to I11 of README.rst: pure functions from Evidence to a list of
violations, each a line for people. An empty list everywhere is a fault survived.

What was not collected cannot be judged: each function says nothing then. `covered` names those
that had something to look at, so that a row cannot pass by collecting nothing.
"""

import collections

from evidence import TERMINAL

RSS_GROWTH = 1.05
RECOVERY = 2.0
CALL_SLACK = 10.0


def by_job(things):
    found = collections.defaultdict(list)
    for one in things:
        found[one.job].append(one)
    return found


# What a killed rbit had written to its connection the broker may still take so many seconds later.
LATE = 2.0


def late_repeats(evidence, job, reports):
    """Reports, by their place in the list, that a killed rbit had published just before and that the
    broker took after what the next life said: the same telling again, under its old number. Nobody
    can keep the order of two connections; the number tells."""
    begins = [one.begin for one in evidence.runs if one.job == job]
    if not any(kill.of == "rbit" and begin <= kill.last and kill.first <= begin + LATE
               for kill in evidence.kills for begin in begins):
        return set()
    told, highest, late = set(), None, set()
    for index, one in enumerate(reports):
        place = (one.attempt, one.seq)
        if one.seq is None:
            continue
        if highest is not None and place < highest and (place, one.status) in told:
            late.add(index)
        told.add((place, one.status))
        highest = max(highest or place, place)
    return late


def i1_nothing_is_lost(evidence):
    """Each confirmed message ends in exactly one terminal state, reported last."""
    problems = []
    reports = by_job(evidence.reports)
    for job in sorted(evidence.confirmed):
        heard = reports.get(job, ())
        late = late_repeats(evidence, job, heard)
        told = [one.status for index, one in enumerate(heard) if index not in late]
        final = {one for one in told if one in TERMINAL}
        if not final:
            problems.append(f"job {job} was lost: it was told {told or 'nothing'}")
        elif len(final) > 1:
            problems.append(f"job {job} has {len(final)} ends: {told}")
        elif told[-1] not in TERMINAL:
            problems.append(f"job {job} was not over when it was over: {told}")
        if evidence.journal is not None:
            row = evidence.journal.get(job)
            if row is None:
                problems.append(f"job {job} is not in the journal")
            elif row.state not in ("done", "failed", "cancelled", "dead"):
                problems.append(f"job {job} is '{row.state}' in the journal at the end")
    return problems


def i2_nothing_is_invented(evidence):
    """No run, no report of what nobody published."""
    known = evidence.confirmed | evidence.unconfirmed
    problems = [f"job {one.job} ran (pid {one.pid}), and nobody published it"
                for one in evidence.runs if one.job not in known]
    problems += [f"job {one.job} was reported '{one.status}', and nobody published it"
                 for one in evidence.reports if one.job not in known]
    return problems


def kills_during(runs, kills):
    """How many of the kills fell into one of the runs: of rbit, or of the job's own processes."""
    def hit(kill):
        if kill.of != "rbit":
            return kill.job is None or any(kill.job == one.job for one in runs)
        return any(one.begin <= kill.last and (one.end is None or one.end + kill.dying >= kill.first
                                               or one.job in kill.interrupted)
                   for one in runs)
    return sum(1 for kill in kills if hit(kill))


def i3_double_runs(evidence):
    """Runs beyond the planned ones <= kills while that job ran (+ redeliveries to another rbit).
    Whoever looks at network faults with one rbit gives no kills: then it is 0."""
    problems = []
    for job, runs in sorted(by_job(evidence.runs).items()):
        extra = len(runs) - evidence.planned_runs.get(job, 1)
        allowed = kills_during(runs, evidence.kills) + evidence.redeliveries.get(job, 0)
        if extra > allowed:
            problems.append(f"job {job} ran {len(runs)} times with {allowed} reasons to run again: "
                            f"{[(one.attempt, one.pid, one.begin, one.end) for one in runs]}")
    return problems


def two_at_once(evidence):
    """Part of I3 that no kill excuses on one machine: two runs of a job at the same time. What the
    broker gave to another rbit may."""
    problems = []
    for job, runs in sorted(by_job(evidence.runs).items()):
        if job in evidence.redeliveries:
            continue
        runs = sorted(runs, key=lambda one: one.begin)
        for one, following in zip(runs, runs[1:]):
            if one.end is not None and one.end > following.begin:
                problems.append(f"job {job} ran twice at once: pids {one.pid} and {following.pid}")
    return problems


def told_too_often(job, reports, tellers):
    """Each teller says each report once, but for those that the broker never confirmed to it."""
    times = collections.Counter((one.attempt, one.seq, one.status) for one in reports)
    return [f"job {job} was told {what} {count} times by {tellers} at most"
            for what, count in sorted(times.items()) if count > tellers]


def i4_order_of_reports(evidence):
    """(attempt, seq) strictly rises, nothing follows the terminal one. For each reason two reports of
    a job are told again at most, which may be the same one: what was under way and, if its message
    comes again, the last one, under the number of its first telling. A reason is a kill of rbit, a report whose confirm it may
    not have heard, a delivery that came again. A job that the
    broker gave to a second rbit too is told by each of them in its own time: there is no order of
    theirs, only a number."""
    problems = []
    crashes = sum(1 for one in evidence.kills if one.of == "rbit")
    of_all = crashes + evidence.figures.get("answers_again", 0)
    for job, reports in sorted(by_job(evidence.reports).items()):
        if job in evidence.redeliveries:
            problems += told_too_often(job, reports, 1 + evidence.redeliveries[job]
                                       + evidence.resent.get(job, 0)
                                       + evidence.answered.get(job, 0))
            continue
        allowed = of_all + evidence.resent.get(job, 0) + evidence.answered.get(job, 0)
        last, over, repeats = None, None, collections.Counter()
        late = late_repeats(evidence, job, reports)
        for index, one in enumerate(reports):
            place = (one.attempt, one.seq) if one.seq is not None else None
            if index in late:
                repeats[place] += 1
                continue
            if over is not None:
                if one.status != over:
                    problems.append(f"job {job} was told '{one.status}' after its end '{over}'")
                repeats[place] += 1
            elif last is not None and place is not None and place <= last:
                if place < last:
                    problems.append(f"job {job}: {place} was told after {last}")
                repeats[place] += 1
            last = place or last
            if one.status in TERMINAL:
                over = one.status
        if repeats.total() > 2 * allowed:
            problems.append(f"job {job} was told {dict(repeats)} again, with {allowed} reasons")
    return problems


def i5_ack_after_commit(evidence):
    """No acknowledgement on the wire without its committed row: a verdict, or a claim."""
    problems = []
    if evidence.journal is None:
        return problems
    for ack in evidence.acks:
        row = evidence.journal.get(ack.job)
        if row is None:
            problems.append(f"job {ack.job} was acknowledged and is in no journal")
            continue
        since = [one for one in (row.owned, row.ended) if one is not None]
        if not since:
            problems.append(f"job {ack.job} was acknowledged and is only '{row.state}', "
                            f"'{row.claim}'")
        elif min(since) > ack.wall:
            problems.append(f"job {ack.job} was acknowledged {min(since) - ack.wall:.6f} s before "
                            f"its row was committed")
    return problems


def i6_no_process_left(evidence):
    """No process of an ended job."""
    return [f"still there: {one}" for one in evidence.leftovers]


def i7_nothing_grows(evidence):
    """+0 descriptors, +0 threads, RSS less than 5 % up."""
    before, after = evidence.before, evidence.after
    if before is None or after is None:
        return []
    problems = []
    if after.descriptors > before.descriptors:
        problems.append(f"descriptors grew from {before.descriptors} to {after.descriptors}")
    if after.threads > before.threads:
        problems.append(f"threads grew from {before.threads} to {after.threads}")
    if after.rss_kib >= before.rss_kib * RSS_GROWTH:
        problems.append(f"RSS grew from {before.rss_kib} to {after.rss_kib} KiB")
    return problems


def i8_consuming_again(evidence):
    """Within 2 s of a reachable broker at backoff <= 1 s, always within cap + 2 s; and what a plain
    client needs to connect there at that time, for no more is asked of rbit than the machine can."""
    problems = []
    for one in evidence.recoveries:
        limit = (RECOVERY if one.backoff <= 1 else one.backoff + RECOVERY) + one.plain
        if one.consuming is None:
            problems.append("rbit never consumed again")
        elif one.consuming - one.reachable > limit:
            problems.append(f"rbit consumed again after {one.consuming - one.reachable:.2f} s, "
                            f"{limit:.1f} s are allowed")
    return problems


def i9_heartbeats(evidence):
    """No missed heartbeat in the broker's log but where the fault is one."""
    if evidence.heartbeat_is_the_fault:
        return []
    return [f"the broker missed heartbeats: {one}" for one in evidence.missed_heartbeats]


def i10_nothing_hangs(evidence):
    """Every call returns within 2 heartbeats + 10 s."""
    return [f"{one.name} took {one.seconds:.1f} s" for one in evidence.calls
            if one.seconds > 2 * one.heartbeat + CALL_SLACK]


def i11_sent_with_the_verdict(evidence):
    """Each done job publishes once, and that in its last attempt; any other one does not. The same
    message may arrive again, by its id, where rbit was killed before it had noted that it was
    taken, or did not hear of it."""
    if evidence.sent is None or evidence.journal is None:
        return []
    problems, sent = [], by_job(evidence.sent)
    kills = sum(1 for one in evidence.kills if one.of == "rbit")
    for job in sorted(evidence.confirmed | set(sent)):
        row, arrived = evidence.journal.get(job), sent.get(job, [])
        is_done = row is not None and row.state == "done"
        ids = {one.id for one in arrived}
        if len(ids) != (1 if is_done else 0):
            problems.append(f"job {job} is '{row and row.state}' and sent {len(ids)} messages: "
                            f"{sorted(ids)}")
        if is_done and any(one.attempt != row.attempt for one in arrived):
            problems.append(f"job {job} was done in attempt {row.attempt} and sent "
                            f"{[one.attempt for one in arrived]}")
        if len(arrived) - len(ids) > kills + evidence.resent.get(job, 0):
            problems.append(f"job {job} sent {len(arrived)} times with {kills} kills")
    return problems


INVARIANTS = (
    ("I1", i1_nothing_is_lost, lambda e: e.confirmed),
    ("I2", i2_nothing_is_invented, lambda e: e.runs or e.reports),
    ("I3", i3_double_runs, lambda e: e.runs),
    ("I3", two_at_once, lambda e: e.runs),
    ("I4", i4_order_of_reports, lambda e: e.reports),
    ("I5", i5_ack_after_commit, lambda e: e.acks),
    ("I6", i6_no_process_left, lambda e: True),
    ("I7", i7_nothing_grows, lambda e: e.before and e.after),
    ("I8", i8_consuming_again, lambda e: e.recoveries),
    ("I9", i9_heartbeats, lambda e: not e.heartbeat_is_the_fault),
    ("I10", i10_nothing_hangs, lambda e: e.calls),
    ("I11", i11_sent_with_the_verdict, lambda e: e.sent),
)


def summary(all_evidence):
    """What was done and what came of it, in one line that tests/run.sh adds up."""
    kills, cuts, jobs, lost, twice = 0, 0, 0, 0, 0
    for one in all_evidence:
        kills += len(one.kills)
        cuts += one.cuts
        jobs += len(one.confirmed)
        lost += len(i1_nothing_is_lost(one))
        twice += len(i3_double_runs(one)) + len(two_at_once(one))
    return f"faults: kills {kills}, cuts {cuts}, jobs {jobs}, lost {lost}, twice {twice}"


def check(evidence):
    """All violations, each with its invariant in front."""
    found = [f"{name}: {problem}" for name, function, _ in INVARIANTS
             for problem in function(evidence)]
    return found + list(evidence.notes)


def covered(evidence):
    """The names of the invariants that there was evidence for."""
    return sorted({name for name, _, has in INVARIANTS if has(evidence)}, key=lambda n: int(n[1:]))
