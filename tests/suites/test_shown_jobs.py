"""Jobs of messages that have no number, package and version: every place that shows one has a name
for it; metrics and progress that jobs tell; and what `rbit try` shows of all that."""

import json
import os
import pty
import re
import select
import subprocess
import time
import urllib.request

import rbit_suite
from job_commands import JobCommands
from local_queue import LocalQueue
from rbit_suite import PATIENCE, Suite, free_port, wait_until

# What is left of a text where the name of a job was empty.
NAMELESS = re.compile(r"\b[Jj]ob( '')?( ?[:,;]|'s\b|  |$)|''|\(\)|: ,|, ,")


class Shown(Suite):
    def start_watched(self, runners, more=""):
        self.port = free_port()
        self.configure(runners, more=f"[monitor]\nlisten = 127.0.0.1:{self.port}\n{more}")
        self.start("--debug")

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}",
                                    timeout=PATIENCE) as answer:
            return answer.read().decode()

    def send(self, queue, key):
        """A message of that id, which holds it too."""
        answer = self.ask(do="submit", queue=queue, body=json.dumps(key), message_id=key)
        self.assertEqual(answer, {"ok": True, "key": key})

    def say(self, *arguments, expect=0):
        words = 2 if arguments[0] == "dead" else 1
        done = self.command(*arguments[:words], self.config, *arguments[words:])
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def event(self, **event):
        """Text for a shell line that tells it."""
        return f"echo '{json.dumps(event)}' >&3"


class Names(Shown, LocalQueue):
    def assert_named(self, text):
        for line in text.splitlines():
            self.assertIsNone(NAMELESS.search(line), line)

    def test_a_job_without_a_number_has_its_key_for_a_name_everywhere(self):
        gate = self.gate("gate")
        self.start_watched({"orders": f"""
            message = json
            retry-delay = 100ms
            artifacts = a.txt
            runner = shell!
                echo output
                case $(cat) in
                    *waits*) read -r _ < {gate.path};;
                    *fails*) [ $RBIT_ATTEMPT = 2 ] && exit 3; exit 75;;
                    *done*) echo a > a.txt;;
                esac
            """}, more="[log]\nformat = json\n")
        self.send("orders", "done")
        self.send("orders", "fails")
        self.assert_statuses("done", "Building", "Done")
        self.assert_statuses("fails", "Building", "Blocked", "Building", "Failed")
        self.send("orders", "waits")
        self.wait_for_status("waits", "Building")
        gate.wait_for_job()

        jobs = self.say("jobs")
        for key, status in (("done", "Done"), ("fails", "Failed"), ("waits", "Building")):
            self.assertRegex(jobs, rf"(?m)^[-\d]+ [:\d]+  {status} +{key} +orders  attempt \d")
            self.assertEqual(jobs.count(key), 1, jobs)
        listed = {one["name"]: one for one in map(json.loads, self.say("jobs", "--json").splitlines())}
        self.assertEqual(sorted(listed), ["done", "fails", "waits"])
        self.assertEqual({(one["job"], one["package"], one["version"]) for one in listed.values()},
                         {("", "", "")})
        stories = [self.say("explain", key) for key in listed]
        for key, story in zip(listed, stories):
            self.assertTrue(story.startswith(f"job {key}\nqueue orders, runner orders, "), story)
        for key in listed:
            wait_until(lambda: self.say("log", key).startswith("output\n"), "its output")
        page = self.get("/plain")
        for key in listed:
            self.assertIn(f"<td>{key}</td><td></td><td>orders</td>", page)
        wait_until(lambda: self.say("dead", "list"), "the dead letter")
        dead = self.say("dead", "list") + self.say("dead", "show", "fails")
        self.assertRegex(dead, r"^[-\d]+ [:\d]+  orders 1  attempts 2  \S+  fails  exit 3\n")
        self.assertNotIn("package", dead)

        self.say("explain", "", expect=1)  # no number is not an empty one
        self.say("cancel", "", expect=1)
        self.say("cancel", "waits")
        self.assert_statuses("waits", "Building", "Cancelled")
        gate.end.close()
        links = [name for name in os.listdir(self.path("state", "logs"))
                 if os.path.islink(self.path("state", "logs", name))]
        self.assertEqual(links, [])

        self.assert_named(jobs + dead + "".join(stories) + self.say("jobs"))
        self.assert_named(self.say("explain", "waits"))
        for line in map(json.loads, self.rbit.log.splitlines()):
            self.assert_named(line["message"])
            self.assertNotEqual(line.get("job"), "", line)

    def test_after_a_crash_it_is_called_the_same(self):
        gate = self.gate("gate")
        self.start_watched({"orders": f"message = json\nrunner = shell!read -r _ < {gate.path}"})
        self.send("orders", "order-17")
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        self.rbit.kill()
        self.assertRegex(self.say("jobs"), r"Building +order-17 +orders  attempt 1  \(no rbit runs\)")
        self.assert_named(self.say("explain", "order-17"))
        self.start("--debug")
        self.rbit.wait_for("job order-17, attempt 1, was under way when rbit ended")
        wait_until(lambda: self.say("jobs").count("attempt 2"), "the next attempt")
        self.say("cancel", "order-17")
        self.wait_for_status("order-17", "Cancelled")
        self.assert_named(self.rbit.log)

    def test_dead_letters_of_any_bytes_are_shown_and_move_no_cursor(self):
        self.configure({"bytes": "message = raw\nrunner = shell!exit 3"}, rbit="slots = 1")
        self.start()
        self.rbit.stop()
        self.put("bytes", [bytes(range(256)), b"a\x1b[2Jb\n\0c", b""])
        self.start()
        wait_until(lambda: len(self.say("dead", "list").splitlines()) == 3, "the dead letters")
        ids = [json.loads(line)["id"] for line in self.say("dead", "list", "--json").splitlines()]
        binary, text, empty = (self.say("dead", "show", one) for one in ids)
        self.assertIn("bytes in hexadecimal:\n" + bytes(range(32)).hex() + "\n", binary)
        self.assertTrue(binary.endswith(bytes(range(224, 256)).hex() + "\n"), binary)
        self.assertIn("\na\\x1b[2Jb\n\\x00c\n", text)
        self.assertRegex(empty, r"(?m)^size +0$")


class Metrics(Shown):
    def sample(self, name):
        found = re.search(rf"(?m)^{re.escape(name)} (.*)$", self.get("/metrics"))
        return float(found[1]) if found else None

    def test_of_a_done_job_at_its_end_of_a_failed_one_only_what_was_said_at_once(self):
        gate = self.gate("gate")
        books = self.event(metric={"name": "orders_total", "add": 2, "labels": {"kind": "book"}})
        now = self.event(metric={"name": "stock", "set": 7, "when": "now"})
        self.start_watched({"orders": f"""
            message = json
            metrics = orders_total(kind) stock
            runner = shell!
                {books}
                {now}
                case $(cat) in
                    *waits*) read -r _ < {gate.path};;
                    *fails*) exit 3;;
                esac
            """})
        self.send("orders", "fails")
        self.wait_for_status("fails", "Failed")
        self.send("orders", "waits")
        gate.wait_for_job()
        wait_until(lambda: self.sample("stock") == 7, "what is said at once")
        self.assertIsNone(self.sample('orders_total{kind="book"}'))
        gate.let_through()
        wait_until(lambda: self.sample('orders_total{kind="book"}') == 2, "the metric of the done job")
        self.assertEqual(self.sample("rbit_job_metrics_refused_total"), 0)

    def test_what_is_refused_is_counted_and_said_once(self):
        wrong = "\n".join("                " + self.event(metric=metric) for metric in (
            {"name": "visitors", "add": 1}, {"name": "orders_total", "add": 1},
            {"name": "orders_total", "add": -1, "labels": {"kind": "a"}}))
        self.start_watched({"orders": f"""
            message = json
            metrics = orders_total(kind)
            runner = shell!
{wrong}
            """})
        for key in ("1", "2", "3"):
            self.send("orders", key)
            self.wait_for_status(key, "Done")
        wait_until(lambda: self.sample("rbit_job_metrics_refused_total") == 9, "nine refusals")
        for said in ("metric visitors is not declared (add it to metrics in [runner:orders])",
                     "metric orders_total has the labels kind (give it exactly these",
                     "metric orders_total is a counter, to which 0 or more can be added"):
            self.assertEqual(len(self.rbit.lines_with(said)), 1, said)
        self.assertIn("rbit: metric visitors is not declared", self.say("log", "1"))
        self.assertNotIn("orders_total{", self.get("/metrics"))

    def test_check_doubts_metrics_that_nobody_can_read(self):
        self.configure({"orders": "metrics = orders_total\nrunner = shell!true"})
        self.assertIn("nobody can read them (set [monitor] listen)",
                      self.say("check", "--strict", expect=1))


class Progress(Shown, JobCommands):
    def start_job(self, text="pages"):
        self.one, self.two = self.gate("one"), self.gate("two")
        third, sixth = (self.event(progress={"done": n, "total": 9, "text": text}) for n in (3, 6))
        self.start_watched({"orders": f"""
            message = json
            runner = shell!
                {third}
                read -r _ < {self.one.path}
                {sixth}
                read -r _ < {self.two.path}
            """})

    def test_jobs_explain_and_the_page_show_it_while_the_job_runs(self):
        self.start_job("<pages>\x1b[2J")
        self.send("orders", "order-17")
        wait_until(lambda: "3/9 <pages>\\x1b[2J" in self.say("jobs"), "its progress")
        [one] = map(json.loads, self.say("jobs", "--json").splitlines())
        one["progress"].pop("due", None)  # known once it runs for two seconds
        self.assertEqual(one["progress"], {"done": 3, "total": 9, "text": "<pages>\\x1b[2J"})
        self.assertIn(", running, 3/9 <pages>\\x1b[2J\n", self.say("explain", "order-17"))
        self.assertIn('<progress value="3.0" max="9.0"></progress> 3/9 &lt;pages&gt;\\x1b[2J</td>',
                      self.get("/plain"))
        self.one.let_through()
        wait_until(lambda: "6/9" in self.say("jobs"), "more progress")
        self.two.let_through()
        self.wait_for_status("order-17", "Done")
        wait_until(lambda: "<progress" not in self.get("/plain"), "the end of the bar")
        self.assertNotIn("/9", self.say("jobs"))
        self.assertNotIn("progress", self.say("jobs", "--json"))
        self.assertEqual(self.statuses("order-17"), ["Building", "Done"])  # it is no status

    def follow(self, error):
        return subprocess.Popen([self.program, "submit", self.config, "--queue", "orders", "--wait",
                                 self.write("order", "{}")], cwd=self.directory, text=True,
                                env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=error)

    def test_who_follows_gets_lines_on_standard_error(self):
        self.start_job()
        with open(self.path("errors"), "w") as errors, self.follow(errors) as client:
            wait_until(lambda: "3/9 pages" in self.read("errors"), "the first line")
            self.one.let_through()
            wait_until(lambda: "6/9" in self.say("jobs"), "more progress")
            self.two.let_through()
            self.assertEqual(client.communicate(timeout=PATIENCE)[0], "Building\nDone\n")
        self.assertEqual(client.returncode, 0)

    def test_who_follows_on_a_terminal_gets_a_bar_in_one_line(self):
        self.start_job()
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        shown = b""

        def screen():
            nonlocal shown
            if select.select([ours], [], [], 0)[0]:
                try:
                    shown += os.read(ours, 65536)
                except OSError:
                    pass  # nobody has the other end
            return shown.decode()

        with self.follow(theirs) as client:
            os.close(theirs)
            wait_until(lambda: "\r\x1b[K[######..............] 33% 3/9 pages" in screen(), "a bar")
            self.one.let_through()
            wait_until(lambda: "\r\x1b[K[#############.......] 66% 6/9 pages" in screen(), "a longer one")
            self.two.let_through()
            self.assertEqual(client.communicate(timeout=PATIENCE)[0], "Building\nDone\n")
        # On a slow machine with what is left.
        wait_until(lambda: re.search(r"6/9 pages(, about \d+ \w+ left)?\r\x1b\[K$", screen()), "its end")
        self.assertEqual(screen().count("\n"), 1)  # behind "submitted ..."

    def test_who_watches_hears_about_when_it_will_be_done(self):
        self.end = self.path("end")
        self.start_watched({"orders": f"""
            message = json
            runner = shell!
                until [ -e {self.end} ]; do
                    {self.event(progress={"done": 4, "total": 10, "text": "pages"})}
                    sleep 0.2
                done
            """})
        left = r"4/10 pages, about \d+ \w+ left"
        with open(self.path("errors"), "w") as errors, self.follow(errors) as client:
            wait_until(lambda: re.search(left, self.read("errors")), "the estimate of who follows")
            self.assertRegex(self.say("jobs"), left)
            self.assertIn(", running, 4/10 pages, about ", self.say("explain", "last"))
            due = json.loads(self.say("jobs", "--json"))["progress"]["due"]
            self.assertGreater(due, time.time() * 1e6)
            watch, screen = self.terminal("jobs", self.config, "--watch")
            wait_until(lambda: re.search(r"\[########\.{12}\] 40% " + left, screen()), "a bar")
            watch.kill()
            follow, bar = self.terminal("submit", self.config, "--queue", "orders", "--wait", "order")
            wait_until(lambda: re.search(r"\[########\.{12}\] 40% " + left, bar()), "another")
            self.write("end", "")
            self.assertEqual(client.communicate(timeout=PATIENCE)[0], "Building\nDone\n")
            self.assertEqual(follow.wait(PATIENCE), 0)


class Try(Shown):
    def try_(self, runner, body, *options, expect=0):
        # It has exchanges, and nobody asks it.
        self.configure({"orders": runner}, amqp="url = amqp://nowhere.invalid/")
        done = self.command("try", self.config, "orders", self.write("message", body), *options)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def runner(self, end="exit 0"):
        events = "\n".join("                " + self.event(**event) for event in (
            {"status": "Building", "message": "half way"},
            {"progress": {"done": 3, "total": 9, "text": "pages"}},
            {"publish": {"exchange": "shop", "key": "order.done", "body": {"order": 17},
                         "headers": {"kind": "book"}, "delay": "30s"}},
            {"publish": {"exchange": "", "key": "other", "body": "at once", "when": "now"}},
            {"metric": {"name": "orders_total", "add": 2, "labels": {"kind": "book"}}},
            {"metric": {"name": "stock", "set": 7, "when": "now"}},
            {"metric": {"name": "visitors", "add": 1}},
            {"result": {"total": 3}}))
        return f"""
            message = json
            may-publish = shop:order.* :other
            metrics = orders_total(kind) stock
            runner = shell!
                echo output
{events}
                {end}
            """

    def test_what_would_be_sent(self):
        done = self.try_(self.runner(), '{"order": 17}')
        lines = done.stdout.splitlines()
        for line in ("Building", "Building: half way", "output", 'result {"total":3}',
                     "publish at once to :other", 'metric stock: set 7.0 at once',
                     'metric orders_total {"kind":"book"}: add 2.0', "Done"):
            self.assertTrue(any(one.startswith(line) for one in lines), (line, done.stdout))
        self.assertRegex(done.stdout, r'(?m)^publish to shop:order.done \{.*"headers":\{"kind":"book"\}'
                                      r'.*\} after 30000 ms: \{"order": ?17\}$')
        self.assertIn("metric visitors is not declared (add it to metrics in [runner:orders])",
                      done.stdout)
        self.assertEqual(done.stderr, "3/9 pages\n")
        self.assertFalse(os.path.exists(self.path("state")))

    def test_as_json(self):
        done = self.try_(self.runner(), '{"order": 17}', "--json")
        said = json.loads(done.stdout)
        self.assertEqual((said["status"], said["result"], said["artifacts"]),
                         ("Done", {"total": 3}, []))
        self.assertEqual([(one["status"], one["message"]) for one in said["statuses"]],
                         [("Building", ""), ("Building", "half way"), ("Done", "")])
        self.assertEqual(said["progress"], {"done": 3, "total": 9, "text": "pages"})
        at_once, at_end = said["publishes"]
        self.assertEqual((at_once["exchange"], at_once["key"], at_once["now"], at_once["body"]),
                         ("", "other", True, "at once"))
        self.assertEqual((at_end["exchange"], at_end["key"], at_end["now"], at_end["delay_ms"],
                          json.loads(at_end["body"]), at_end["properties"]["headers"]),
                         ("shop", "order.done", False, 30000, {"order": 17}, {"kind": "book"}))
        self.assertEqual(said["metrics"],
                         [{"name": "stock", "set": 7, "labels": {}, "now": True},
                          {"name": "orders_total", "add": 2, "labels": {"kind": "book"}, "now": False}])
        self.assertEqual([one["name"] for one in said["refused_metrics"]], ["visitors"])
        self.assertIn("output\n", done.stderr)

    def test_a_failed_job_sends_only_what_it_sent_at_once(self):
        said = json.loads(self.try_(self.runner("exit 3"), "{}", "--json", expect=1).stdout)
        self.assertEqual((said["status"], said["reason"]), ("Failed", "exit 3"))
        self.assertEqual([one["now"] for one in said["publishes"] + said["metrics"]], [True, True])

    def test_the_answer_and_the_result_that_its_end_publishes(self):
        runner = f"""
            message = json
            reply = yes
            on-done-publish = shop order.done
            runner = shell!{self.event(result={"total": 3})}
            """
        options = ("--property", "reply_to=answers", "--property", "correlation_id=17")
        said = json.loads(self.try_(runner, "{}", "--json", *options).stdout)
        answer, event = sorted(said["publishes"], key=lambda one: not one["is_reply"])
        self.assertEqual((answer["exchange"], answer["key"], answer["properties"]["correlation_id"]),
                         ("", "answers", "17"))
        self.assertEqual(json.loads(answer["body"])["result"], {"total": 3})
        self.assertEqual((event["exchange"], event["key"], json.loads(event["body"])),
                         ("shop", "order.done", {"total": 3}))
        text = self.try_(runner, "{}", *options).stdout
        self.assertIn("reply to :answers ", text)
        self.assertIn("publish to shop:order.done ", text)
        self.assertNotIn("reply to", self.try_(runner, "{}").stdout)  # nobody waits for it

    def test_what_may_not_be_published_says_why(self):
        runner = f"""
            message = json
            runner = shell!{self.event(publish={"exchange": "shop", "key": "a", "body": 1})}
            """
        said = json.loads(self.try_(runner, "{}", "--json", expect=1).stdout)
        self.assertEqual((said["status"], said["reason"], said["publishes"]), ("Failed", "publish", []))
        self.assertIn("publish to shop:a is not allowed (add shop:a to may-publish in [runner:orders])",
                      said["message"])

    def test_headers_and_properties_are_given(self):
        runner = "message = raw\nmetadata-fd = 4\nrunner = shell!cat <&4"
        done = self.try_(runner, b"\0\xff", "--property", "reply_to=answers", "--property",
                         "message_id=order-17", "--header", "kind=a=b")
        said = json.JSONDecoder().raw_decode(done.stdout, done.stdout.index("{"))[0]["properties"]
        self.assertEqual((said["message_id"], said["reply_to"], said["application_headers"]),
                         ("order-17", "answers", {"kind": "a=b"}))
        for wrong, words in ((("--property", "colour=red"), "'colour' is none (there are message_id, "),
                             (("--property", "reply_to"), "has no name (write NAME=VALUE)"),
                             (("--header", "=x"), "has no name")):
            self.assertIn(words, self.try_(runner, b"", *wrong, expect=2).stderr)

    def test_when_it_will_be_done(self):
        done = self.try_(f"""
            message = json
            runner = shell!
                for _ in $(seq 30); do
                    {self.event(progress={"done": 4, "total": 10, "text": "pages"})}
                    sleep 0.1
                done
            """, "{}", "--json")
        self.assertRegex(done.stderr, r"4/10 pages, about \d+ \w+ left\n")
        self.assertGreater(json.loads(done.stdout)["progress"]["due"], (time.time() - 60) * 1e6)

    def test_a_message_that_its_runner_does_not_take(self):
        done = self.try_("message = json\nrunner = shell!true", "{no json", expect=1)
        self.assertIn("message: undecodable: ", done.stderr)


if __name__ == "__main__":
    rbit_suite.main()
