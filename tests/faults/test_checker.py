#!/usr/bin/python3
"""The checker must be able to fail: each invariant on evidence that was doctored to break it alone.
An invariant that accepts everything would make every fault look survived."""

import os
import re
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import checker
import run
import schedule
from amqp_codec import Method
from evidence import Ack, Call, Evidence, Kill, Recovery, Report, Resources, Row, Run, Sent
from wire_log import DOWN, UP, Seen, WireLog


def sound():
    """Two jobs, one killed once with its rbit, and nothing wrong."""
    return Evidence(
        confirmed={"1", "2"},
        runs=[Run("1", 1, 100, 10.0, 10.5, 0), Run("2", 1, 101, 10.1, None),
              Run("2", 2, 110, 12.0, 12.5, 0)],
        kills=[Kill(10.8, 10.9)],
        reports=[Report("1", "Building", 1, 1), Report("2", "Building", 1, 1),
                 Report("1", "Done", 1, 2), Report("2", "Building", 2, 2),
                 Report("2", "Done", 2, 3)],
        acks=[Ack("1", 1000.6), Ack("2", 1003.0)],
        journal={"1": Row("1", "done", ended=1000.5), "2": Row("2", "done", ended=1002.9)},
        before=Resources(12, 3, 10000), after=Resources(12, 3, 10400),
        recoveries=[Recovery(20.0, 21.5)],
        calls=[Call("publish", 2.0)])


class CheckerTest(unittest.TestCase):
    def setUp(self):
        self.evidence = sound()

    def broken(self, invariant, words):
        """Exactly this invariant complains, and says so."""
        found = checker.check(self.evidence)
        self.assertTrue(found, f"{invariant} accepted it")
        self.assertEqual({one.partition(":")[0] for one in found}, {invariant}, found)
        self.assertIn(words, " ".join(found))

    def test_sound_evidence_passes_and_covers_all(self):
        self.assertEqual(checker.check(self.evidence), [])
        self.assertEqual(checker.covered(self.evidence), [f"I{n}" for n in range(1, 11)])

    def test_i1_a_job_that_nobody_ended(self):
        self.evidence.reports.pop()
        self.broken("I1", "job 2 was lost")

    def test_i1_a_job_of_which_nothing_was_heard(self):
        self.evidence.confirmed.add("3")
        self.evidence.journal["3"] = Row("3", "done", ended=1.0)
        self.broken("I1", "told nothing")

    def test_i1_two_ends(self):
        self.evidence.reports.append(Report("1", "Failed", 1, 3))
        self.assertTrue(any("I1: job 1 has 2 ends" in one for one in checker.check(self.evidence)))

    def test_i1_a_journal_that_says_it_still_runs(self):
        self.evidence.journal["2"].state = "running"
        self.broken("I1", "is 'running' in the journal")

    def test_i1_a_journal_without_the_job(self):
        del self.evidence.journal["2"]
        self.evidence.acks.pop()
        self.broken("I1", "not in the journal")

    def test_i2_a_run_of_nothing(self):
        self.evidence.runs.append(Run("9", 1, 120, 13.0, 13.1, 0))
        self.broken("I2", "job 9 ran")

    def test_i2_what_was_sent_but_not_confirmed_may_run(self):
        self.evidence.unconfirmed.add("9")
        self.evidence.runs.append(Run("9", 1, 120, 13.0, 13.1, 0))
        self.assertEqual(checker.check(self.evidence), [])

    def test_i3_a_second_run_without_a_kill(self):
        self.evidence.runs.append(Run("1", 1, 120, 13.0, 13.1, 0))
        self.broken("I3", "job 1 ran 2 times")

    def test_i3_more_runs_than_kills(self):
        self.evidence.runs.append(Run("2", 3, 120, 13.0, 13.1, 0))
        self.broken("I3", "job 2 ran 3 times with 1 reasons")

    def test_i3_a_kill_at_another_time_is_no_reason(self):
        self.evidence.kills = [Kill(50.0, 50.1)]
        self.evidence.runs[1].end = 10.2
        self.broken("I3", "job 2 ran 2 times with 0 reasons")

    def test_i3_the_kill_of_another_jobs_leader_is_no_reason(self):
        self.evidence.kills = [Kill(10.2, 10.3, of="leader", job="1")]
        self.evidence.reports[3:4] = []  # and no crash of rbit allows a repeat
        self.broken("I3", "job 2")

    def test_i3_a_kill_after_the_verdict_is_no_reason(self):
        self.evidence.runs[1].end = 10.7
        self.assertEqual(checker.check(self.evidence), [])
        self.evidence.kills[0].dying = 0
        self.evidence.kills[0].interrupted = frozenset("1")
        self.broken("I3", "job 2 ran 2 times with 0 reasons")
        self.evidence.kills[0].interrupted = frozenset("2")  # it had not ended for its leader
        self.assertEqual(checker.check(self.evidence), [])

    def test_i3_planned_runs_are_no_double_runs(self):
        self.evidence.runs.append(Run("1", 2, 120, 13.0, 13.1, 0))
        self.evidence.planned_runs["1"] = 2
        self.assertEqual(checker.check(self.evidence), [])

    def test_i3_two_at_once(self):
        self.evidence.runs[1].end = 12.2
        self.evidence.kills = [Kill(10.7, 10.8)]
        self.broken("I3", "twice at once")

    def test_i4_a_status_after_the_end(self):
        self.evidence.reports.insert(3, Report("1", "Building", 1, 3))
        found = checker.check(self.evidence)
        self.assertIn("I4: job 1 was told 'Building' after its end 'Done'", found)

    def test_i4_two_rbits_tell_in_their_own_time_and_no_more_than_two_times(self):
        self.evidence.reports.insert(3, Report("1", "Building", 1, 1))
        self.evidence.reports.append(Report("1", "Done", 1, 2))
        self.evidence.redeliveries["1"] = 1
        self.assertEqual(checker.check(self.evidence), [])
        self.evidence.reports.append(Report("1", "Done", 1, 2))
        self.broken("I4", "job 1 was told (1, 2, 'Done') 3 times by 2 at most")
        self.evidence.resent["2"] = 1
        self.broken("I4", "job 1 was told (1, 2, 'Done') 3 times by 2 at most")
        self.evidence.resent["1"] = 1
        self.assertEqual(checker.check(self.evidence), [])

    def test_i4_an_older_status_after_a_newer_one(self):
        self.evidence.reports[1], self.evidence.reports[3] = (self.evidence.reports[3],
                                                              self.evidence.reports[1])
        self.broken("I4", "(1, 1) was told after (2, 2)")

    def test_i4_what_a_killed_rbit_said_may_come_late(self):
        late = Report("1", "Building", 1, 1)
        self.evidence.reports.append(late)
        self.assertEqual(checker.check(self.evidence), [])
        self.evidence.reports += [late, late]
        self.broken("I4", "job 1 was told {(1, 1): 3} again, with 1 reasons")
        self.evidence.reports[-3:] = [Report("1", "Building", 1, 3)]  # no repeat of anything
        self.assertIn("I4: job 1 was told 'Building' after its end 'Done'",
                      checker.check(self.evidence))
        self.evidence.reports[-1] = late
        self.evidence.kills = [Kill(13.0, 13.1)]  # long after
        self.evidence.runs[2:3] = []
        self.assertIn("I4: job 1 was told 'Building' after its end 'Done'",
                      checker.check(self.evidence))

    def test_i4_one_crash_is_two_repeats(self):
        self.evidence.reports.append(Report("2", "Done", 2, 3))
        self.assertEqual(checker.check(self.evidence), [])
        self.evidence.reports.append(Report("1", "Done", 1, 2))
        self.assertEqual(checker.check(self.evidence), [])  # it was of another job, and sent then
        self.evidence.reports.append(Report("2", "Done", 2, 3))  # under way, and its message came
        self.assertEqual(checker.check(self.evidence), [])
        self.evidence.reports.append(Report("2", "Done", 2, 3))
        self.broken("I4", "job 2 was told {(2, 3): 3} again, with 1 reasons")

    def test_i4_what_one_job_may_repeat_another_may_not(self):
        self.evidence.kills = []
        self.evidence.runs[2:3] = []
        self.evidence.reports.append(Report("2", "Done", 2, 3))
        self.evidence.resent["1"] = self.evidence.answered["1"] = 1
        self.broken("I4", "job 2 was told {(2, 3): 1} again, with 0 reasons")
        for reason in (self.evidence.resent, self.evidence.answered):
            reason["2"] = 1
            self.assertEqual(checker.check(self.evidence), [])
            del reason["2"]

    def test_i5_an_ack_before_its_commit(self):
        self.evidence.acks[0].wall = 1000.4
        self.broken("I5", "before its row was committed")

    def test_i5_an_ack_without_a_verdict_or_a_claim(self):
        self.evidence.journal["1"].ended = None
        self.broken("I5", "was acknowledged and is only")

    def test_i5_a_claim_is_enough(self):
        self.evidence.acks[1].wall = 1001.0
        self.evidence.journal["2"].owned = 1000.9
        self.assertEqual(checker.check(self.evidence), [])

    def test_i5_an_ack_without_a_row(self):
        self.evidence.unconfirmed.add("9")
        self.evidence.acks.append(Ack("9", 1004.0))
        self.broken("I5", "in no journal")

    def test_i6_a_process_that_stays(self):
        self.evidence.leftovers.append("4711 sleep 1000")
        self.broken("I6", "4711 sleep")

    def test_i7_a_descriptor(self):
        self.evidence.after.descriptors += 1
        self.broken("I7", "descriptors grew")

    def test_i7_a_thread(self):
        self.evidence.after.threads += 1
        self.broken("I7", "threads grew")

    def test_i7_memory(self):
        self.evidence.after.rss_kib = 10500
        self.broken("I7", "RSS grew")

    def test_i8_too_late(self):
        self.evidence.recoveries[0].consuming = 22.1
        self.broken("I8", "after 2.10 s")

    def test_i8_a_plain_client_had_to_wait_too(self):
        self.evidence.recoveries = [Recovery(20.0, 22.4, plain=0.5)]
        self.assertEqual(checker.check(self.evidence), [])
        self.evidence.recoveries = [Recovery(20.0, 22.6, plain=0.5)]
        self.broken("I8", "after 2.60 s, 2.5 s are allowed")

    def test_i8_never(self):
        self.evidence.recoveries[0].consuming = None
        self.broken("I8", "never consumed again")

    def test_i8_a_longer_backoff_may_take_longer(self):
        self.evidence.recoveries = [Recovery(20.0, 31.9, backoff=10)]
        self.assertEqual(checker.check(self.evidence), [])
        self.evidence.recoveries = [Recovery(20.0, 32.1, backoff=10)]
        self.broken("I8", "12.0 s are allowed")

    def test_i9_a_missed_heartbeat(self):
        self.evidence.missed_heartbeats.append("missed heartbeats from client, timeout: 3s")
        self.broken("I9", "missed heartbeats")
        self.evidence.heartbeat_is_the_fault = True
        self.assertEqual(checker.check(self.evidence), [])

    def test_i10_a_call_that_hangs(self):
        self.evidence.calls.append(Call("rbit submit", 16.5))
        self.broken("I10", "rbit submit took 16.5 s")

    def test_i11_what_was_sent(self):
        one = self.evidence
        one.journal["2"].attempt = 2
        good = [Sent("1", 1, "m1:1:3"), Sent("2", 2, "m2:2:4")]
        one.sent = good + good[:1]  # once more, under its id: rbit was killed
        self.assertEqual(checker.check(one), [])
        self.assertIn("I11", checker.covered(one))
        one.sent = good[:1]
        self.broken("I11", "job 2 is 'done' and sent 0 messages")
        one.sent = [*good, Sent("1", 1, "m1:1:4")]
        self.broken("I11", "job 1 is 'done' and sent 2 messages")
        one.sent = [good[0], Sent("2", 1, "m2:1:2")]
        self.broken("I11", "job 2 was done in attempt 2 and sent [1]")
        one.sent = [*good, Sent("3", 1, "m3:1:2")]
        self.broken("I11", "job 3 is 'None' and sent 1 messages")
        one.sent = good + good[:1] * 2
        self.broken("I11", "job 1 sent 3 times with 1 kills")
        one.sent = good
        one.journal["2"].state = "failed"
        self.broken("I11", "job 2 is 'failed' and sent 1 messages")

    def test_the_summary_counts_what_was_lost_and_what_ran_twice(self):
        one = self.evidence
        self.assertEqual(checker.summary([one, one]),
                         "faults: kills 2, cuts 0, jobs 4, lost 0, twice 0")
        one.cuts, one.kills, one.reports = 3, [], one.reports[:3]
        self.assertEqual(checker.summary([one]), "faults: kills 0, cuts 3, jobs 2, lost 1, twice 1")

    def test_what_was_not_collected_is_not_covered(self):
        self.assertEqual(checker.covered(Evidence()), ["I6", "I9"])


class ScheduleTest(unittest.TestCase):
    def test_a_seed_repeats_and_a_file_replays(self):
        def decide(one):
            return [one.between("pause", 0, 1), one.number("jobs", 1, 1000),
                    one.one_of("way", ["left", "right"])]
        with tempfile.TemporaryFile("w+") as file:
            first = decide(schedule.Schedule(1, 42, file))
            file.seek(0)
            lines = [schedule.json.loads(line) for line in file]
        self.assertEqual(decide(schedule.Schedule(1, 42)), first)
        self.assertNotEqual(decide(schedule.Schedule(2, 42)), first)
        self.assertNotEqual(decide(schedule.Schedule(1, 43)), first)
        self.assertEqual(decide(schedule.Schedule(1, 7, lines=lines)), first)

    def test_another_way_than_the_recorded_one_is_said(self):
        lines = [{"row": 1, "what": "pause", "value": 3}]
        one = schedule.Schedule(1, 7, lines=lines)
        with self.assertRaises(schedule.ReplayEnded):
            one.number("jobs", 1, 2)


class WireLogTest(unittest.TestCase):
    """What a client published and may not have heard the confirm of."""

    def setUp(self):
        self.log = WireLog()
        for wall in (1.0, 1.1, 1.2):
            self.see(UP, wall, "basic.publish")

    def see(self, direction, wall, name, **arguments):
        self.log.seen.append(Seen(wall, 7, direction, 1, Method(name, arguments)))

    def unconfirmed(self, heard_until):
        return [one.wall for one in self.log.unconfirmed(heard_until)]

    def test_a_confirm_counts_for_its_own_publishes(self):
        self.see(DOWN, 2.0, "basic.ack", tag=1, multiple=False)
        self.assertEqual(self.unconfirmed({}), [1.1, 1.2])
        self.see(DOWN, 2.1, "basic.ack", tag=3, multiple=True)
        self.assertEqual(self.unconfirmed({}), [])

    def test_a_confirm_that_passed_a_stalled_proxy_after_its_client_had_gone_was_heard_by_nobody(self):
        """Seed 6412927260377011712, row 7: the proxy saw its client go only after it let them through."""
        self.see(DOWN, 2.0, "basic.ack", tag=1, multiple=False)
        self.see(DOWN, 9.0, "basic.ack", tag=3, multiple=True)
        self.assertEqual(self.unconfirmed({7: 8.9}), [1.1, 1.2])
        self.assertEqual(self.unconfirmed({8: 8.9}), [])


class RowsTest(unittest.TestCase):
    def test_every_part_is_a_ctest_test(self):
        rows = run.all_rows()
        with open(os.path.join(run.HERE, "faults.cmake")) as file:
            named = set(re.findall(r"(?m)^  rbit_faults\((\w+) \w+(?: sanitized)?\)$", file.read()))
        self.assertEqual({one.part for one in rows if not one.long_only}, named)

    def test_no_two_rows_share_a_directory(self):
        slugs = [(one.number, one.slug) for one in run.all_rows()]
        self.assertEqual(len(set(slugs)), len(slugs))


if __name__ == "__main__":
    unittest.main()
