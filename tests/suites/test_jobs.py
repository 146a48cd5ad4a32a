"""`rbit jobs`: what is listed, and how; which job is meant, by every command that takes one; `cancel`."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import rbit_suite
from job_commands import JobCommands
from rbit_suite import PATIENCE, SOURCE_DIR, unindented, wait_until


class Names(JobCommands):
    def start_orders(self):
        self.orders("runner = shell!echo $RBIT_KEY")
        for key in ("abc-1", "abd-2", "b-3"):
            self.send("orders", key)
            self.wait_for_status(key, "Done")

    def test_any_beginning_that_no_other_has_and_last(self):
        self.start_orders()
        for name, key in (("abc", "abc-1"), ("abd-", "abd-2"), ("b", "b-3"), ("last", "b-3"),
                          ("abc-1", "abc-1")):
            for command in ("log", "explain"):
                wait_until(lambda: key in self.say(command, name), f"{command} of {name}")
        for command in ("log", "explain", "cancel", "retry"):
            self.assertIn("job ab: may be several: abd-2, abc-1 (give more of its key)",
                          self.wrong(command, "ab"))
            for nobody in ("x", "", "abc-1x", "%", "_bc", "ABC"):
                self.assertIn("is not in the journal", self.wrong(command, nobody))
        # The same where no rbit runs.
        self.rbit.stop()
        self.assertIn("abc-1", self.say("explain", "abc"))
        self.assertIn("b-3", self.say("explain", "last"))
        self.assertIn("may be several", self.wrong("explain", "ab"))

    def test_without_an_rbit_it_says_so(self):
        self.orders("runner = shell!true")
        self.send("orders", "order-17")
        self.wait_for_status("order-17", "Done")
        self.assertEqual(self.command("jobs", self.config).stderr, "")
        self.rbit.stop()
        done = self.command("jobs", self.config)
        self.assertIn("Done       order-17", done.stdout)
        self.assertIn("no rbit runs with this configuration", done.stderr)

    def test_a_whole_name_is_no_beginning(self):
        self.orders("runner = shell!true")
        for key in ("1", "12", "last"):
            self.send("orders", key)
            self.wait_for_status(key, "Done")
        self.send("orders", "zz")
        self.wait_for_status("zz", "Done")
        self.assertIn("job 1\n", self.say("explain", "1"))
        self.assertIn("job last\n", self.say("explain", "last"))

    def test_what_waits_has_names_too(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!read -r _ < {gate.path}", rbit="slots = 1")
        self.send("orders", "order-12")
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        for key in ("order-1", "other-1", "other-2"):
            self.send("orders", key)
        # It waits, and is not the one that runs, whose key begins so.
        self.assertIn("job order-1: has not begun", self.wrong("explain", "order-1"))
        for command in ("cancel", "log", "explain"):
            self.assertIn("may be several: order-12, order-1 (", self.wrong(command, "order"))
            self.assertIn("may be several: other-1, other-2 (", self.wrong(command, "oth"))
        self.assertEqual(self.say("cancel", "order-1"), "order-1\n")
        self.assertEqual(json.loads(self.say("cancel", "--json", "other-1")), {"key": "other-1"})
        self.assertEqual(self.names("--state", "running"), ["order-12"])
        self.assertEqual(self.say("cancel", "order-12"), "order-12\n")
        self.wait_for_status("order-1", "Cancelled")
        self.wait_for_status("other-1", "Cancelled")
        self.wait_for_status("other-2", "Building")
        self.rbit.kill()
        self.send("orders", "other-23")
        self.assertIn("has not begun", self.wrong("explain", "other-23"))
        self.assertIn("may be several: other-2", self.wrong("explain", "other-"))

    def test_where_nothing_began_there_is_no_last(self):
        self.orders("runner = shell!true")
        self.assertIn("job last: is none: no job has begun yet", self.wrong("log", "last"))

    def test_cancel_by_a_short_name(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!read -r _ < {gate.path}")
        self.send("orders", "order-17")
        gate.wait_for_job()
        self.say("cancel", "ord")
        self.wait_for_status("order-17", "Cancelled")
        gate.end.close()
        wait_until(lambda: self.listed()[0]["state"] == "cancelled", "its end")
        self.assertIn("job order-17: is over: Cancelled", self.wrong("cancel", "last"))
        self.rbit.stop()
        self.assertIn("state: no rbit runs here (start it: rbit ", self.wrong("cancel", "ord", expect=69))


    def test_cancel_of_a_build_that_comes_again(self):
        self.configure({"build": "retry-delay = 1s\nattempts = 2\nrunner = shell!exit 75"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_status(36, "Blocked")
        self.say("cancel", "36")
        self.assert_statuses(36, "Building", "Blocked", "Cancelled")
        self.submit("build", "other", job=37)
        self.wait_for_status(37, "Failed")  # after its pause: the first has come meanwhile
        self.assertEqual(self.statuses(36), ["Building", "Blocked", "Cancelled"])
        self.assertIn("is over: Cancelled", self.wrong("cancel", "36"))

    def test_cancel_of_any_other_that_comes_again(self):
        self.orders("retry-delay = 1s\nrunner = shell!exit 75")
        self.send("orders", "order-17")
        self.wait_for_status("order-17", "Blocked")
        self.say("cancel", "last")
        self.assert_statuses("order-17", "Building", "Blocked", "Cancelled")
        wait_until(lambda: self.waiting() == (0, 0), "that its message is answered")
        self.assertEqual(self.statuses("order-17"), ["Building", "Blocked", "Cancelled"])
        self.send("orders", "order-17", text='{"again": 1}')  # another one, which is not cancelled
        wait_until(lambda: "Blocked" in self.rbit.log.split("Cancelled")[-1], "the new one")

    def test_cancel_of_what_waits(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!test $RBIT_KEY != first || read -r _ < {gate.path}", rbit="slots = 1")
        self.send("orders", "first")
        gate.wait_for_job()
        for key in ("second-1", "third-2", "fourth-3"):
            self.send("orders", key)
        self.send("orders", "late-4", "--delay", "2s")
        self.say("cancel", "sec")
        self.say("cancel", "late-4")
        self.rbit.kill()  # it is on record
        gate.end.close()
        gate.end = None
        self.start()
        gate.let_through()
        self.wait_for_status("fourth-3", "Done")
        wait_until(lambda: "late-4" in self.names("--state", "cancelled"), "the late one")
        self.assertEqual(self.statuses("second-1"), ["Cancelled"])
        self.assert_statuses("late-4", "Cancelled")  # the log comes behind the record
        self.assertEqual(self.statuses("third-2"), ["Building", "Done"])
        # It was of that message.
        self.send("orders", "second-1", text='{"again": 1}')
        wait_until(lambda: self.names("--state", "done").count("second-1") or
                   "Done" in self.rbit.log.split("second-1")[-1], "another message of its id")


class Members(JobCommands):
    def test_the_manual_has_every_member_of_what_commands_print(self):
        with open(os.path.join(SOURCE_DIR, "man", "rbit.1")) as file:
            section = re.search(r"(?ms)^\.SH JSON\n(.*?)^\.SH ", file.read())[1]
        known = set(re.findall(r"\w+", section.replace("\\-", "-")))
        self.orders("attempts = 1\nrunner = shell!echo '{\"progress\": {\"done\": 1, \"total\": 2}}' "
                    ">&3; echo text; exit 3")
        self.send("orders", "order-17")
        wait_until(lambda: self.waiting() == (0, 0) and self.listed()[0]["state"] == "failed", "its end")
        self.send("orders", "late", "--delay", "1h")
        letter = self.command("dead", "show", self.config, "last", "--json").stdout
        printed = [self.say("jobs", "--json"), self.say("status", "--json"), letter,
                   self.say("explain", "last", "--json"), self.say("pause", "--json"),
                   self.say("resume", "--json"), self.say("cancel", "late", "--json"),
                   self.say("reload", "--json"), self.say("retry", "order-17", "--json")]
        self.rbit.stop()
        printed += [self.say("jobs", "--json"), self.wrong_json("status", "--json")]

        def members(value):
            if isinstance(value, list):
                return set().union(*map(members, value))
            if not isinstance(value, dict):
                return set()
            # What a message brought is its own affair.
            return {*value}.union(*(members(part) for name, part in value.items()
                                    if name not in ("properties", "result")))
        for text in printed:
            for line in text.splitlines():
                self.assertEqual(members(json.loads(line)) - known, set(), line)

    def test_what_cannot_be_printed_is_no_success(self):
        self.orders("runner = shell!true")
        self.send("orders", "order-17")
        self.wait_for_status("order-17", "Done")
        for arguments in (("jobs", "--json"), ("status",), ("config",)):
            with open("/dev/full", "w") as full:
                done = subprocess.run([self.program, arguments[0], self.config, *arguments[1:]],
                                      stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                                      env=self.environment(), timeout=PATIENCE, text=True)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("standard output: could not be written to its end", done.stderr)

    def test_an_answer_without_an_end_is_not_taken_in(self):
        self.configure({"orders": "message = json\nrunner = shell!true"})
        os.makedirs(self.path("state"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path("state", "control.sock"))
            listener.listen()
            client = subprocess.Popen([self.program, "jobs", self.config], text=True, cwd=self.directory,
                                      stderr=subprocess.PIPE, env=self.environment())
            peer, _ = listener.accept()
            with peer, self.assertRaises(OSError):  # it hangs up
                for _ in range(300):
                    peer.sendall(bytes([ord("x")]) * (1 << 20))
            self.assertIn("answers more than 256 MiB at once", client.communicate(timeout=PATIENCE)[1])
        self.assertEqual(client.returncode, 1)

    def wrong_json(self, *arguments):
        done = self.command(arguments[0], self.config, *arguments[1:])
        self.assertEqual(done.returncode, 69, done.stderr)
        return done.stdout


class Listing(JobCommands):
    def fill(self):
        gate = self.gate("gate")
        self.configure({
            "one": unindented(f"""
                message = json
                slots = 1
                retry-delay = 1h
                runner = shell!
                    case $RBIT_KEY in
                        fails) exit 3;;
                        blocks) exit 75;;
                        runs) read -r _ < {gate.path};;
                    esac"""),
            "two": "message = json\nrunner = shell!true"}, rbit="slots = 2")
        self.start()
        for key in ("done", "fails", "blocks"):
            self.send("one", key)
            self.wait_for_status(key, {"done": "Done", "fails": "Failed", "blocks": "Blocked"}[key])
        self.send("two", "other")
        self.wait_for_status("other", "Done")
        self.send("one", "runs")
        gate.wait_for_job()
        for key in ("next", "second"):
            self.send("one", key)
        self.send("two", "delayed", "--delay", "1h")
        wait_until(lambda: len(self.listed()) == 8, "all of them")
        self.addCleanup(gate.end.close)

    def test_what_waits_and_is_due_stands_before_what_runs_and_ran(self):
        self.fill()
        jobs = {one["key"]: one for one in self.listed()}
        self.assertEqual(list(jobs)[:4], ["delayed", "second", "next", "runs"])
        self.assertEqual(sorted(jobs)[:3], ["blocks", "delayed", "done"])
        waits, late, blocked = jobs["next"], jobs["delayed"], jobs["blocks"]
        self.assertEqual({one: waits[one] for one in ("state", "status", "queue", "runner", "attempt",
                                                      "begun", "ended", "again")},
                         {"state": "waiting", "status": "Waiting", "queue": "one", "runner": "one",
                          "attempt": 0, "begun": 0, "ended": 0, "again": 0})
        now = time.time() * 1e6
        self.assertTrue(now - 600e6 < waits["queued"] <= now, waits)
        for one in (late, blocked):
            self.assertTrue(3000e6 < one["again"] - now < 3600e6, one)
        self.assertEqual((blocked["state"], blocked["queued"], late["state"]), ("blocked", 0, "waiting"))
        self.assertEqual(len({tuple(sorted(one)) for one in jobs.values()}), 1)  # one shape
        lines = {line.split()[3]: line for line in self.say("jobs").splitlines()}
        self.assertRegex(lines["next"], r"^20\S+ \S+  Waiting    next  +one  attempt 0$")
        self.assertRegex(lines["delayed"], r"  Waiting    delayed  +two  attempt 0  comes at \S+")
        self.assertRegex(lines["blocks"], r"  Blocked    blocks  +one  attempt 1  exit 75  again at \S+")
        # The same without an rbit, but that the one that ran was left.
        self.rbit.kill()
        left = {one["key"]: one for one in self.listed()}
        self.assertLessEqual({"next", "second", "delayed", "runs", "blocks"}, set(left))
        self.assertEqual(left["runs"]["rbit_runs"], False)
        self.assertEqual(left["delayed"]["rbit_runs"], False)

    def test_filters(self):
        self.fill()
        for options, names in (
                (("--state", "waiting"), ["second", "next"]),
                (("--state", "due"), ["delayed", "blocks"]),
                (("--state", "blocked"), ["blocks"]),
                (("--state", "running"), ["runs"]),
                (("--state", "Building"), ["runs"]),
                (("--state", "failed,done"), ["other", "fails", "done"]),
                (("--state", "failed", "--state", " running"), ["runs", "fails"]),
                (("--queue", "two"), ["delayed", "other"]),
                (("--runner", "two", "--state", "done"), ["other"]),
                (("--queue", "one", "--runner", "two"), []),
                (("--state", "dead"), []),
                (("--since", "1h", "--state", "done"), ["other", "done"]),
                (("--since", "2001-01-01", "--state", "done"), ["other", "done"]),
                (("--since", "2099-01-01"), []),
                (("--state", "waiting", "--limit", "1"), ["next"]),
                (("--state", "done", "--limit", "1"), ["other"]),
                (("--limit", "4"), ["second", "next", "runs", "blocks"]),
        ):
            with self.subTest(options):
                found = self.names(*options)
                if options == ("--limit", "4"):
                    self.assertEqual(found[:2], ["second", "next"])
                    self.assertEqual(len(found), 4)
                else:
                    self.assertEqual(found, names)
        self.assertEqual(len(self.names("--limit", "0")), 8)
        done = self.command("jobs", self.config, "--queue", "onne")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("--queue: onne is not in this configuration", done.stderr)

    def test_options_that_say_nothing_are_refused(self):
        self.configure({"one": "runner = shell!true"})
        for options, words in ((("--state", "runing"), "--state: 'runing' is no state (did you mean running?"),
                               (("--state", ""), "--state: '' is no state"),
                               (("--since", "yesterday"), "--since: 'yesterday' is no time (write 90m, "),
                               (("--since", "2026-02-31"), "is no time"),
                               (("--since", "17"), "is no time"),
                               (("--limit", "-1"), "--limit: must not be negative"),
                               (("--watch",), "--watch: writes on a terminal"),
                               (("--limit", "x"), "usage: rbit jobs")):
            self.assertIn(words, self.wrong("jobs", *options, expect=2))

    def test_a_long_queue_leaves_room_for_what_ran(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!test $RBIT_KEY = done || read -r _ < {gate.path}", rbit="slots = 1")
        self.send("orders", "done")
        self.wait_for_status("done", "Done")
        for i in range(30):
            self.send("orders", f"w{i:02}")
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        wait_until(lambda: len(self.names("--limit", "0")) == 31, "all of them")
        names = self.names()
        self.assertEqual(len(names), 20)
        self.assertEqual(names[-2:], ["w00", "done"])
        self.assertEqual(names[-3], "w01")

    def test_a_build_request_that_waits_has_its_package(self):
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {gate.path}"}, rbit="slots = 1")
        self.start()
        self.submit("build", "first", job=1)
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        self.submit("build", "second", "2.0", job=2)
        one = self.listed()[0]
        self.assertEqual((one["name"], one["package"], one["version"]), ("2", "second", "2.0"))

    def test_one_that_waits_is_said_to(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!read -r _ < {gate.path}", rbit="slots = 1")
        self.send("orders", "first")
        gate.wait_for_job()
        self.send("orders", "second")
        self.send("orders", "third", "--delay", "1h")
        for stop in (False, True):
            if stop:
                self.say("pause")
                gate.let_through()
                self.rbit.stop()
            for command in ("log", "explain", "retry"):
                for name in ("second", "sec"):
                    self.assertRegex(self.wrong(command, name), r"job second: has not begun: it waits in "
                                                                r"queue orders since 20\S+ \S+\n")
                self.assertRegex(self.wrong(command, "th"), r"job third: .* since 20\S+ \S+, until 20\S+ \S+\n")
                self.assertIn("is not in the journal", self.wrong(command, "x"))

    def test_old_requests_of_the_control_socket_work(self):
        self.fill()
        answer = self.ask(do="jobs", limit=3, states="x", queues=7, since=[])
        self.assertEqual(len(answer["jobs"]), 3)


class Terminal(JobCommands):
    def test_a_table_with_titles_short_names_and_colours(self):
        self.orders("runner = shell!case $RBIT_KEY in f*) exit 3;; esac")
        long = "0123456789abcdef0123456789abcdef"
        for key in (long, "01234567" + "x" * 24, "fails"):
            self.send("orders", key)
            self.wait_for_status(key, "Failed" if key == "fails" else "Done")
        shown = self.on_terminal("jobs", self.config)
        self.assertRegex(shown, r"^\x1b\[2mWHEN\x1b\[0m +\x1b\[2mJOB\x1b\[0m")
        plain = re.sub(r"\x1b\[\d*m", "", shown)
        self.assertNotIn("\x1b", plain)
        self.assertRegex(plain, r"(?m)^WHEN      JOB +STATUS  QUEUE   TRY  TOOK")
        self.assertRegex(plain, r"(?m)^\d\d:\d\d:\d\d  012345678  +Done    orders    1    0s$")
        self.assertRegex(plain, r"(?m)^\d\d:\d\d:\d\d  01234567x  +Done ")
        self.assertRegex(plain, r"(?m)^\d\d:\d\d:\d\d  fails +Failed  orders    1    0s  exit 3$")
        self.assertIn("\x1b[31mFailed\x1b[0m", shown)
        self.assertIn("job 01234567", self.wrong("log", "01234567"))
        self.assertIn(long, self.say("explain", "012345678"))
        for environment in (self.environment(TERM="dumb"), self.environment(TERM="xterm", NO_COLOR="1")):
            self.assertNotIn("\x1b", self.on_terminal("jobs", self.config, environment=environment))
        self.assertNotIn("\x1b", self.say("jobs"))

    def test_narrow_ones_cut_what_may_be_cut(self):
        queue = "a_queue_with_a_very_long_name_that_nobody_can_read"
        self.configure({queue: "message = json\nrunner = shell!echo why it failed is a long story; exit 3"})
        self.start()
        self.send(queue, "one")
        self.wait_for_status("one", "Failed")
        for columns in (60, 80, 200):
            plain = re.sub(r"\x1b\[\d*m", "", self.on_terminal("jobs", self.config, columns=columns))
            self.assertTrue(all(len(line) <= columns for line in plain.splitlines()), plain)
            self.assertEqual(queue in plain, columns == 200)
            plain = re.sub(r"\x1b\[\d*m", "", self.on_terminal("status", self.config, columns=columns))
            self.assertIn("QUEUE", plain)

    def test_watch_shows_what_changes_in_place(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!read -r _ < {gate.path}")
        process, screen = self.terminal("jobs", self.config, "--watch")
        wait_until(lambda: "no such job" in screen(), "the first picture")
        self.send("orders", "order-17")
        wait_until(lambda: "Building" in screen(), "the running job")
        gate.let_through()
        wait_until(lambda: "Done" in screen(), "its end")
        self.assertEqual(screen().count("\x1b[2J"), 1)
        self.rbit.stop()
        wait_until(lambda: "no rbit runs" in screen(), "that none runs")
        self.start()  # it does not stand in its way
        self.send("orders", "order-18")
        gate.let_through()
        wait_until(lambda: "order-18" in screen(), "the next job")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)

    def test_utc(self):
        self.orders("runner = shell!true")
        self.send("orders", "one")
        self.wait_for_status("one", "Done")
        begun = self.listed()[0]["begun"] / 1e6
        os.environ["TZ"] = "Asia/Kathmandu"
        self.addCleanup(os.environ.pop, "TZ")
        for options, shift in ((("--utc",), 0), ((), 20700)):
            self.assertTrue(self.say("jobs", *options).startswith(
                time.strftime("%Y-%m-%d %H:%M:%S ", time.gmtime(begun + shift))))


if __name__ == "__main__":
    rbit_suite.main()
