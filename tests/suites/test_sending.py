"""What jobs send, on the embedded queue: with their verdict, once, or not at all."""

import json
import os

import rbit_suite
from local_queue import LocalQueue
from pybit_messages import build_request
from rbit_suite import BINARY_DIR, wait_until

TAKES = """
    runner = shell!(cat; sed 's/.*"message_id":"\\([^"]*\\)".*/ \\1/' <&4; echo) > line; cat line >> {file}
    message = raw
    metadata-fd = 4
    slots = 1
    """


class Sending(LocalQueue):
    def lines(self, name):
        """Those that are whole."""
        text = self.read(name) if os.path.exists(self.path(name)) else ""
        return text.rpartition("\n")[0].splitlines()

    def wait_for_lines(self, name, count):
        wait_until(lambda: len(self.lines(name)) >= count, f"{count} lines of {name}")
        return self.lines(name)

    def configure_chain(self, line, more="", **others):
        """Jobs of `first` do `line`; what comes to `next` is written to the file of that name, body
        and key in a line."""
        self.configure({"first": f"runner = shell!{line}\nmay-publish = :next\n{more}",
                        "next": TAKES.format(file=self.path("next")), **others})

    def story(self, job):
        return json.loads(self.command("explain", self.config, str(job), "--json").stdout)

    def test_a_done_job_sends_to_the_next_and_a_failed_one_does_not(self):
        self.configure_chain(
            """echo '{"publish": {"key": "next", "body": "'$RBIT_VERSION'"}}' >&3; """
            """echo '{"publish": {"key": "next", "body": "now", "when": "now"}}' >&3; """
            """echo '{"result": {"pages": [3, "x"]}}' >&3; test $RBIT_VERSION != 2""")
        self.start()
        self.submit("first", "a", "1", job=36)
        self.submit("first", "a", "2", job=37)
        self.assert_statuses(36, "Building", "Done")
        self.assert_statuses(37, "Building", "Failed")
        got = [line.split()[0] for line in self.wait_for_lines("next", 3)]
        self.assertEqual(sorted(got), ["1", "now", "now"])
        self.assertEqual(self.story(36)["result"], {"pages": [3, "x"]})
        self.assertEqual(self.story(36)["publications"], [])
        self.assertIn('result: {"pages":[3,"x"]}', self.command("explain", self.config, "36").stdout)
        # By the id a repeat would be known: the job's key, its attempt, a number.
        self.assertEqual(len({line.split()[1] for line in self.lines("next")}), 3)
        self.assertRegex(self.lines("next")[0].split()[1], r":1:\d+$")
        self.rbit.stop()

    def test_what_is_refused_fails_the_job_and_names_the_key(self):
        self.configure_chain("""echo '{"publish": {"key": "'$RBIT_VERSION'"}}' >&3""",
                             "may-publish = :next :far.#\n")
        self.configure_text(self.read("rbit.ini").replace("may-publish = :next\n", "", 1))
        self.start()
        self.submit("first", "a", "other", job=36)
        self.assert_statuses(36, "Building", "Failed")
        self.assertIn("publish to :other is not allowed (add :other to may-publish in "
                      "[runner:first])", self.rbit.log)
        self.submit("first", "a", "far.away", job=37)
        self.assert_statuses(37, "Building", "Failed")
        self.assertIn("publish to :far.away: no runner of this configuration takes from it",
                      self.rbit.log)
        self.assertEqual(self.story(37)["reason"], "publish")
        self.submit("first", "a", "next", job=38)
        self.assert_statuses(38, "Building", "Done")
        self.rbit.stop()

    def test_a_delayed_message_and_a_file_of_any_bytes(self):
        self.configure_chain(
            r"""printf 'a\000\377' > out; """
            """echo '{"publish": {"key": "next", "file": "out", "delay": "300ms"}}' >&3; """
            """echo '{"publish": {"key": "next", "body": "first"}}' >&3""")
        self.start()
        self.submit("first", "a", job=36)
        wait_until(lambda: self.read("next").count("\n") == 2 if self.lines("next") else False,
                   "both messages")
        with open(self.path("next"), "rb") as file:
            first, late = file.read().splitlines()
        self.assertTrue(first.startswith(b"first "))
        self.assertTrue(late.startswith(b"a\0\xff "), late)
        self.rbit.stop()

    def test_the_end_is_answered_and_the_result_passed_on(self):
        """Two attempts are blocked; of 37 the last one, too, and nobody waits for 38."""
        self.configure_chain("""echo '{"result": 7}' >&3; exit $(( RBIT_ATTEMPT < RBIT_VERSION ))""",
                             "reply = yes\nblocked-exit-codes = 1\nretry-delay = 50ms\nattempts = 2\n"
                             "on-done-publish = next\n",
                             answers=TAKES.format(file=self.path("answers")))
        self.start()
        self.rbit.stop()
        for job, version, reply_to in ((36, "2", "answers"), (37, "9", "answers"), (38, "1", "gone")):
            self.put_messages([("first", json.dumps({"message_id": f"m{job}", "reply_to": reply_to,
                                                     "correlation_id": f"c{job}"}),
                                build_request(job=job, package="a", version=version))])
        self.start()
        self.assert_statuses(36, "Building", "Blocked", "Building", "Done")
        self.assert_statuses(37, "Building", "Blocked", "Building", "Failed")
        self.assert_statuses(38, "Building", "Done")
        answers = {}
        for line in self.wait_for_lines("answers", 2):
            body, key = line.rsplit(" ", 1)
            answers[key.split(":")[0]] = json.loads(body)
        self.assertEqual(answers, {
            "m36": {"job": 36, "status": "Done", "message": "", "result": 7},
            "m37": {"job": 37, "status": "Failed", "message": "exit 1", "result": 7}})
        self.assertEqual([line.split()[0] for line in self.wait_for_lines("next", 2)], ["7", "7"])
        self.assertEqual(len(self.rbit.lines_with("to :gone is dropped: no runner")), 1)
        self.rbit.stop()

    def test_killed_between_verdict_and_record_it_is_sent_once(self):
        """(failpoint, how often the job runs): before its outcome is noted it runs again."""
        faulty = os.path.join(BINARY_DIR, "rbit-faulty")
        if not os.access(faulty, os.X_OK):
            self.skipTest(f"no {faulty}")
        self.configure_chain(
            f"""echo run >> {self.path('runs')}-$RBIT_VERSION; """
            """echo '{"publish": {"key": "next", "body": "'$RBIT_VERSION'"}}' >&3""")
        sound = self.program
        for number, (point, runs) in enumerate((("V", 2), ("V.noted", 1), ("J3.before", 1),
                                                ("J3.after", 1), ("A.before", 1))):
            self.program = faulty
            one = self.start(environment=self.environment(RBIT_FAIL=f"{point}:abort@1"))
            self.program = sound
            self.command("submit", self.config, "--queue", "first", "--package", "a", "--version",
                         str(number), "--job", str(100 + number))
            wait_until(lambda: one.process.poll() is not None, f"the end at {point}")
            self.start()
            self.wait_for_lines("next", number + 1)
            self.rbit.stop()
            self.assertEqual(len(self.lines(f"runs-{number}")), runs, point)
            got = self.lines("next")
            if self.rbit.lines_with("was under way when rbit ended"):
                got = list(dict.fromkeys(got))  # so was the job of what was sent: it ran again
            self.assertEqual([line.split()[0] for line in got],
                             [str(one) for one in range(number + 1)], point)


if __name__ == "__main__":
    rbit_suite.main()
