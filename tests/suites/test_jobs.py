"""`rbit jobs`, `log`, `cancel`, `retry`: which job is meant, what is listed and shown, live."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import rbit_suite
from local_queue import LocalQueue
from rbit_suite import PATIENCE, unindented, wait_until


class Jobs(LocalQueue):
    def say(self, *arguments, expect=0):
        done = self.command(arguments[0], self.config, *arguments[1:])
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def wrong(self, *arguments, expect=1):
        done = self.command(arguments[0], self.config, *arguments[1:])
        self.assertEqual((done.returncode, done.stdout), (expect, ""), done.stderr)
        return done.stderr

    def waiting(self):
        """Of queue orders: what waits, and what is to come at its time."""
        [one] = json.loads(self.say("status", "--json"))["queues"]
        return one["waiting"], one["due"]

    def listed(self, *options):
        return [json.loads(line) for line in self.say("jobs", "--json", *options).splitlines()]

    def names(self, *options):
        return [one["name"] for one in self.listed(*options)]

    def send(self, queue, key, *options, text="{}"):
        self.say("submit", "--queue", queue, "--message-id", key, "--json", text, *options)

    def orders(self, text, rbit="", more=""):
        self.configure({"orders": f"message = json\n{unindented(text)}"}, rbit=rbit, more=more)
        self.start()

    def terminal(self, *arguments, columns=120, environment=None):
        """The command with a terminal for its output; a function that gives what is there so far."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        subprocess.run(["stty", "cols", str(columns), "rows", "30", "-opost"], stdin=theirs, check=True)
        process = subprocess.Popen([self.program, *arguments], cwd=self.directory,
                                   env=environment or self.environment(TERM="xterm"),
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        shown = b""

        def screen():
            nonlocal shown
            if select.select([ours], [], [], 0)[0]:
                try:
                    shown += os.read(ours, 1 << 16)
                except OSError:
                    pass  # nobody has the other end
            return shown.decode()
        return process, screen

    def on_terminal(self, *arguments, **options):
        process, screen = self.terminal(*arguments, **options)

        def is_over():
            screen()
            return process.poll() is not None
        wait_until(is_over, "its end")
        screen()
        return screen()


class Names(Jobs):
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

    def test_a_whole_name_is_no_beginning(self):
        self.orders("runner = shell!true")
        for key in ("1", "12", "last"):
            self.send("orders", key)
            self.wait_for_status(key, "Done")
        self.send("orders", "zz")
        self.wait_for_status("zz", "Done")
        self.assertIn("job 1\n", self.say("explain", "1"))
        self.assertIn("job last\n", self.say("explain", "last"))

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
        self.assertEqual(self.statuses("late-4"), ["Cancelled"])
        self.assertEqual(self.statuses("third-2"), ["Building", "Done"])
        # It was of that message.
        self.send("orders", "second-1", text='{"again": 1}')
        wait_until(lambda: self.names("--state", "done").count("second-1") or
                   "Done" in self.rbit.log.split("second-1")[-1], "another message of its id")


class Listing(Jobs):
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
        for options, words in ((("--state", "runing"), "--state: 'runing' is none (did you mean running?"),
                               (("--state", ""), "--state: '' is none"),
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


class Terminal(Jobs):
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


class Log(Jobs):
    def follow(self, *arguments):
        output = self.path("output")
        with open(output, "w") as file, open(self.path("errors"), "w") as errors:
            process = subprocess.Popen([self.program, *arguments], cwd=self.directory,
                                       env=self.environment(), stdin=subprocess.DEVNULL, stdout=file,
                                       stderr=errors)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_it_is_followed_while_the_job_writes(self):
        one, two = self.gate("one"), self.gate("two")
        self.orders(f"runner = shell!echo first; read -r _ < {one.path}; echo second; "
                    f"read -r _ < {two.path}; printf third")
        self.send("orders", "order-17")
        one.wait_for_job()
        process = self.follow("log", self.config, "order", "-f")
        wait_until(lambda: self.read("output") == "first\n", "the first line")
        one.let_through()
        wait_until(lambda: self.read("output") == "first\nsecond\n", "the second")
        self.assertEqual(self.say("log", "order"), "first\nsecond\n")
        self.assertIsNone(process.poll())
        two.let_through()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(self.read("output"), "first\nsecond\nthird")
        # Of one that is over it prints what there is.
        self.assertEqual(self.say("log", "-f", "order"), "first\nsecond\nthird")

    def test_a_next_attempt_is_waited_for(self):
        flag = self.path("flag")
        self.orders(f"retry-delay = 1s\nrunner = shell!echo attempt $RBIT_ATTEMPT; test -e {flag} || exit 75")
        self.send("orders", "order-17")
        self.wait_for_status("order-17", "Blocked")
        process = self.follow("log", self.config, "last", "-f")
        wait_until(lambda: "attempt 2 has not begun: the job comes again at 20" in self.read("errors")
                   or "attempt 2" in self.read("output"), "the pause")
        self.write("flag", "")
        self.assertEqual(process.wait(PATIENCE), 0)
        lines = self.read("output").splitlines()
        self.assertEqual(lines[0], "attempt 1")
        self.assertEqual(lines, [f"attempt {n + 1}" for n in range(len(lines))])
        self.assertGreaterEqual(len(lines), 2)
        self.assertEqual(self.say("log", "last", "--attempt", "1"), "attempt 1\n")
        self.assertEqual(self.say("log", "last", "--attempt", "1", "-f"), "attempt 1\n")
        self.assertIn(f"has no attempt {len(lines) + 1} (the last one is {len(lines)})",
                      self.wrong("log", "last", "--attempt", str(len(lines) + 1)))
        self.assertIn("--attempt: there is none before the first",
                      self.wrong("log", "last", "--attempt", "0", expect=2))

    def test_its_path(self):
        self.orders("runner = shell!test $RBIT_KEY = quiet || echo some")
        for key in ("loud", "quiet"):
            self.send("orders", key)
            self.wait_for_status(key, "Done")
        path = wait_until(lambda: self.command("log", self.config, "loud", "--path").stdout.strip(),
                          "its log")
        with open(path) as file:
            self.assertEqual(file.read(), "some\n")
        self.assertIn("job quiet: wrote nothing", self.wrong("log", "quiet", "--path"))
        self.assertEqual(self.say("log", "quiet"), "")
        self.assertIn("job quiet, attempt 1: wrote nothing, or its log was removed",
                      self.wrong("log", "quiet", "--attempt", "1"))
        self.wrong("log", "loud", "--path", "-f", expect=2)
        self.rbit.stop()
        self.assertEqual(self.say("log", "loud", "--path").strip(), path)
        self.assertEqual(self.say("log", "loud", "-f"), "some\n")

    def test_followed_on_a_terminal_nothing_moves_the_cursor(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!printf 'a\\033[2Jb\\nrest\\033[H'; read -r _ < {gate.path}")
        self.send("orders", "one")
        gate.wait_for_job()
        process, screen = self.terminal("log", self.config, "one", "-f")
        wait_until(lambda: "a\\x1b[2Jb\n" in screen(), "a line")
        gate.let_through()
        wait_until(lambda: "rest\\x1b[H\n" in screen(), "the rest")
        process.wait(PATIENCE)
        self.assertNotIn("\x1b", screen())

    def test_one_that_outgrows_its_limit_is_followed_to_its_end(self):
        gate = self.gate("gate")
        self.orders(f"log-limit = 8KiB\nrunner = shell!i=0; while [ $i -lt 4000 ]; do echo line $i; "
                    f"i=$((i+1)); done; read -r _ < {gate.path}; echo the end")
        self.send("orders", "one")
        gate.wait_for_job()
        process = self.follow("log", self.config, "one", "-f")
        wait_until(lambda: "line 3999\n" in self.read("output"), "the last line")
        gate.let_through()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertTrue(self.read("output").endswith("line 3999\nthe end\n"), self.read("output")[-300:])

    def test_left_by_a_crash_it_ends(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!echo so far; read -r _ < {gate.path}")
        self.send("orders", "one")
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        wait_until(lambda: self.say("log", "one") == "so far\n", "its output")
        process = self.follow("log", self.config, "one", "-f")
        wait_until(lambda: self.read("output") == "so far\n", "what there is")
        self.rbit.kill()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertIn("no rbit runs: the job goes on when one is started", self.read("errors"))


class Output(Jobs):
    def test_submit_shows_it_between_the_statuses(self):
        self.orders("retry-delay = 100ms\nrunner = shell!echo attempt $RBIT_ATTEMPT; "
                    "test $RBIT_ATTEMPT = 2 || exit 75")
        said = self.say("submit", "--queue", "orders", "--json", "{}", "--wait", "--output")
        self.assertEqual(said, "Building\nattempt 1\nBlocked exit 75: attempt 1\nBuilding\n"
                               "attempt 2\nDone\n")
        self.assertIn("--output: is about --wait (give both)",
                      self.wrong("submit", "--queue", "orders", "--json", "{}", "--output", expect=2))

    def test_submit_shows_it_as_it_comes(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!echo first; read -r _ < {gate.path}; echo second")
        with open(self.path("output"), "w") as file:
            client = subprocess.Popen([self.program, "submit", self.config, "--queue", "orders", "--json",
                                       "{}", "--wait", "--output"], cwd=self.directory,
                                      env=self.environment(), stdin=subprocess.DEVNULL, stdout=file,
                                      stderr=subprocess.DEVNULL)
        wait_until(lambda: self.read("output") == "Building\nfirst\n", "the first line")
        gate.let_through()
        self.assertEqual(client.wait(PATIENCE), 0)
        self.assertEqual(self.read("output"), "Building\nfirst\nsecond\nDone\n")

    def test_try_shows_it_as_it_comes(self):
        gate = self.gate("gate")
        self.configure({"orders": f"message = json\nrunner = shell!echo first; read -r _ < {gate.path}; "
                                  f"echo second"})
        message = self.write("message", "{}")
        with open(self.path("output"), "w") as file:
            client = subprocess.Popen([self.program, "try", self.config, "orders", message, "--output"],
                                      cwd=self.directory, env=self.environment(),
                                      stdin=subprocess.DEVNULL, stdout=file)
        wait_until(lambda: self.read("output") == "Building\nfirst\n", "the first line")
        gate.let_through()
        self.assertEqual(client.wait(PATIENCE), 0)
        self.assertEqual(self.read("output"), "Building\nfirst\nsecond\nDone\n")
        self.configure({"orders": "message = json\nrunner = shell!echo first"})
        done = self.command("try", self.config, "orders", message, "--output", "--json")
        self.assertEqual(json.loads(done.stdout)["status"], "Done")
        self.assertEqual(done.stderr, "first\n")


class Retry(Jobs):
    def test_a_done_job_runs_again_as_a_new_one(self):
        self.orders("runner = shell!cat; echo $RBIT_KEY")
        self.send("orders", "order-17", "--header", "kind=book", text='{"order": 17}')
        self.wait_for_status("order-17", "Done")
        again = self.say("retry", "order").strip()
        self.assertRegex(again, r"^[0-9a-f-]{36}$")
        self.wait_for_status(again, "Done")
        wait_until(lambda: self.command("log", self.config, again).stdout == f'{{"order": 17}}{again}\n',
                   "its output")
        self.assertEqual(self.statuses("order-17"), ["Building", "Done"])
        said = json.loads(self.say("retry", "order-17", "--json"))
        self.assertEqual((said["queue"], said["retry_of"]), ("orders", "order-17"))
        self.wait_for_status(said["key"], "Done")

    def test_a_failed_job_takes_its_dead_letter_along(self):
        flag = self.path("flag")
        self.orders(f"runner = shell!test -e {flag}")
        self.send("orders", "order-17")
        self.wait_for_status("order-17", "Failed")
        wait_until(lambda: self.command("dead", "list", self.config).stdout, "the dead letter")
        self.write("flag", "")
        again = self.say("retry", "last").strip()
        self.wait_for_status(again, "Done")
        self.assertEqual(self.command("dead", "list", self.config).stdout, "")
        # Its letter is gone, and its message is held all the same.
        more = self.say("retry", "order-17").strip()
        self.assertNotIn(more, ("order-17", again))
        self.wait_for_status(more, "Done")

    def test_after_a_restart_of_a_done_job_nothing_is_held(self):
        self.orders("runner = shell!test $RBIT_KEY != fails")
        for key, status in (("done", "Done"), ("fails", "Failed")):
            self.send("orders", key)
            self.wait_for_status(key, status)
        wait_until(lambda: self.command("dead", "list", self.config).stdout, "the dead letter")
        self.rbit.stop()
        self.assertIn("job done: its message is not held any more (submit it again from where it came: "
                      "rbit holds those of the last 1000 jobs", self.wrong("retry", "done"))
        done = self.command("retry", self.config, "fails")
        self.assertEqual(done.returncode, 0)
        self.assertIn("no rbit runs with this configuration: the job runs when one is started", done.stderr)
        self.start()
        self.wait_for_status(done.stdout.strip(), "Done")
        self.assertIn("is not held any more", self.wrong("retry", "done"))

    def test_what_is_not_over_is_not_retried(self):
        gate = self.gate("gate")
        self.orders(f"retry-delay = 1h\nrunner = shell!test $RBIT_KEY = blocks && exit 75; "
                    f"read -r _ < {gate.path}")
        self.send("orders", "blocks")
        self.wait_for_status("blocks", "Blocked")
        self.send("orders", "runs")
        gate.wait_for_job()
        self.assertIn("job runs: runs (rbit cancel stops it)", self.wrong("retry", "runs"))
        self.assertIn("job blocks: comes again by itself (rbit explain tells when)",
                      self.wrong("retry", "blocks"))
        self.say("cancel", "runs")
        self.wait_for_status("runs", "Cancelled")
        gate.end.close()
        gate.end = None
        again = wait_until(lambda: self.command("retry", self.config, "runs").stdout.strip(), "its retry")
        gate.let_through()
        self.wait_for_status(again, "Done")


if __name__ == "__main__":
    rbit_suite.main()
