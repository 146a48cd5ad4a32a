"""rbit dead on the embedded queue: seen, brought back, deleted; by the rbit that runs or without."""

import json
import sqlite3

import rbit_suite
from pybit_messages import build_request
from rbit_suite import Suite, wait_until


class DeadLetters(Suite):
    FAILS_ONCE = """
        runner = shell!
            echo $RBIT_ATTEMPT >> {runs}
            [ -e {good} ] || {{ echo no tree; exit 3; }}
        """

    def configure_failing(self, **more):
        self.configure({queue: self.FAILS_ONCE.format(runs=self.path("runs"),
                                                      good=self.path("good"))
                        for queue in ("build", "other")}, **more)

    def dead(self, verb, *arguments, expect=0):
        done = self.command("dead", verb, self.config, *arguments)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def letters(self, *arguments):
        return [json.loads(line) for line in self.dead("list", "--json", *arguments).splitlines()]

    def fail(self, *jobs, queue="build"):
        for job in jobs:
            self.submit(queue, f"package{job}", job=job)
            self.wait_for_status(job, "Failed")
        wait_until(lambda: {str(job) for job in jobs} <= {one["job"] for one in self.letters()},
                   "the dead letters")


class WithARunningRbit(DeadLetters):
    def test_list_tells_what_and_why_and_takes_nothing_away(self):
        self.configure_failing(rbit="name = saw-horse")
        self.start()
        self.fail(1, 2)
        self.fail(3, queue="other")
        for _ in range(2):
            letters = self.letters()
            self.assertEqual([(one["queue"], one["n"], one["job"]) for one in letters],
                             [("build", 1, "1"), ("build", 2, "2"), ("other", 1, "3")])
        first = letters[0]
        self.assertEqual((first["package"], first["version"], first["reason"], first["attempts"],
                          first["worker"]), ("package1", "1.0", "exit 3", 1, "saw-horse"))
        self.assertGreaterEqual(first["died"], first["first"])
        self.assertEqual([one["job"] for one in self.letters("--queue", "other")], ["3"])
        self.assertEqual(self.letters("--reason", "exit 33"), [])
        self.assertEqual(len(self.letters("--reason", "exit")), 3)
        self.assertEqual(len(self.letters("--limit", "1")), 1)
        text = self.dead("list")
        self.assertIn("package1 1.0", text)
        self.assertIn(first["id"], text)

    def test_show_prints_headers_and_the_body_escaped(self):
        self.configure_failing()
        self.start()
        body = build_request(job=7)
        self.submit("build", file=self.write("message", body))
        self.wait_for_status(7, "Failed")
        wait_until(self.letters, "the letter")
        text = self.dead("show", "7")
        self.assertIn("x-rbit-reason: exit 3", text)
        self.assertIn(body.decode(), text)
        whole = json.loads(self.dead("show", "7", "--json"))
        self.assertEqual(whole["body"], body.decode())
        self.assertEqual(whole["properties"]["headers"]["x-rbit-queue"], "build")
        self.dead("show", "8", expect=1)

    def test_replay_runs_it_anew_without_rbits_headers(self):
        self.configure_failing()
        self.start()
        self.fail(1, 2)
        self.write("good", "")
        done = self.dead("replay", "1")
        self.assertRegex(done, r"^replayed \S+ to build\n$")
        self.wait_for_status(1, "Done")
        self.assertEqual([one["job"] for one in self.letters()], ["2"])
        self.assertEqual(self.read("runs").split(), ["1", "1", "1"])
        self.dead("replay", "--queue", "build")
        self.wait_for_status(2, "Done")
        self.assertEqual(self.letters(), [])

    def test_replay_of_all_by_reason(self):
        self.configure_failing()
        self.start()
        self.fail(1, 2)
        self.write("good", "")
        self.assertEqual(self.dead("replay", "--reason", "timeout"), "")
        self.assertEqual(self.dead("replay", "--reason", "exit 3").count("replayed"), 2)
        self.wait_for_status(2, "Done")

    def test_what_cannot_be_replayed_stays(self):
        # Of a message above the limit only the start was kept: half a body is no job.
        self.configure_failing()
        self.submit("build", "first", job=1)  # makes the journal
        self.start()
        self.wait_for_status(1, "Failed")
        self.rbit.stop()
        database = sqlite3.connect(self.path("state", "rbit.db"))
        database.execute("UPDATE dead SET properties = json_insert(properties, '$.headers[#]', "
                         "json('[\"x-rbit-size\", 5000000]'))")
        database.commit()
        database.close()
        done = self.command("dead", "replay", self.config, "--all")
        self.assertEqual(done.returncode, 1)
        self.assertIn("5000000 bytes", done.stderr)
        self.assertEqual(len(self.letters()), 1)


class Misuse(DeadLetters):
    def test_drop_wants_ids_or_all(self):
        self.configure_failing()
        self.start()
        self.fail(1, 2, 3)
        self.dead("drop", expect=2)
        self.dead("drop", "--queue", "build", expect=2)
        self.dead("replay", expect=2)
        self.dead("drop", "1", "--all", expect=2)
        self.assertEqual(self.command("dead").returncode, 2)
        self.assertEqual(self.command("dead", "bury", self.config).returncode, 2)
        self.assertEqual(len(self.letters()), 3)
        self.assertRegex(self.dead("drop", "1", "2"), r"^dropped \S+ of build\ndropped ")
        self.assertEqual([one["job"] for one in self.letters()], ["3"])
        self.dead("drop", "3", "nonsense", expect=1)
        self.assertEqual(self.letters(), [])

    def test_short_ids_and_last(self):
        self.configure({"raw": "message = raw\nrunner = shell!exit 3"})
        self.start()
        for key in ("abc-1", "abd-2", "ab", "zz-3", "last-but-one"):
            self.command("submit", self.config, "--queue", "raw", "--body", "x", "--message-id", key)
            wait_until(lambda: key in [one["id"] for one in self.letters()], "the dead letter")
        self.assertIn("id         abc-1\n", self.dead("show", "abc"))
        self.assertIn("id         ab\n", self.dead("show", "ab"))  # a whole one first
        shown = json.loads(self.dead("show", "last", "--json"))
        self.assertIn(shown["id"], ("last-but-one", "zz-3"))  # of one second perhaps
        wrong = self.command("dead", "drop", self.config, "a", "nobody", "")
        self.assertEqual((wrong.returncode, wrong.stdout), (1, ""))
        self.assertIn("job a: may be several: ab, abc-1, abd-2 (give more of its key)\n", wrong.stderr)
        self.assertIn("nobody: no such dead letter", wrong.stderr)
        self.assertEqual(wrong.stderr.count("\n"), 3)
        self.assertEqual(self.dead("drop", "abd", "zz-3"), "dropped zz-3 of raw\ndropped abd-2 of raw\n")
        self.assertEqual(self.dead("replay", "abc"), "replayed abc-1 to raw\n")
        self.rbit.stop()
        self.dead("drop", "ab", "last-but")
        self.assertLessEqual({one["id"] for one in self.letters()}, {"abc-1"})

    def test_without_a_journal(self):
        self.configure_failing()
        self.assertIn("no journal yet", self.command("dead", "list", self.config).stderr)


class WithoutARunningRbit(DeadLetters):
    def test_its_file_is_read_and_written(self):
        self.configure_failing()
        self.start()
        self.fail(1, 2)
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual([one["job"] for one in self.letters()], ["1", "2"])
        self.write("good", "")
        self.dead("replay", "1")
        self.dead("drop", "2")
        self.assertEqual(self.letters(), [])
        self.start()
        self.wait_for_status(1, "Done")
        self.assertEqual(self.statuses(2)[-1], "Failed")

    def test_a_queue_that_nobody_reads_gets_nothing_back(self):
        self.configure_failing()
        self.start()
        self.fail(1, queue="other")
        self.assertEqual(self.rbit.stop(), 0)
        self.configure({"build": "runner = shell!true"})
        self.assertEqual(len(self.letters()), 1)
        done = self.command("dead", "replay", self.config, "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("queue-mappings", done.stderr)
        self.assertEqual(len(self.letters()), 1)


if __name__ == "__main__":
    rbit_suite.main()
