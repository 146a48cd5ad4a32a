"""`rbit status`: the rbit that runs, at a glance; what the state directory knows without one; and
`rbit pause`, `rbit resume`."""

import json
import os
import re
import signal
import threading
import time

import rbit_suite
from rbit_suite import Suite, free_port, wait_until


class Steered(Suite):
    def say(self, *arguments, expect=0):
        done = self.command(arguments[0], self.config, *arguments[1:])
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def status(self, expect=0):
        return json.loads(self.say("status", "--json", expect=expect))

    def queue(self, name, expect=0):
        [found] = [one for one in self.status(expect)["queues"] if one["queue"] == name]
        return found

    def numbers(self, name, expect=0):
        one = self.queue(name, expect)
        return one["waiting"], one["running"], one["due"], one["dead"]


class Status(Steered):
    def test_what_waits_runs_comes_again_and_is_dead(self):
        gate = self.gate("gate")
        self.configure({"build": f"retry-delay = 1h\nslots = 1\nrunner = shell!\n"
                                 f" case $RBIT_PACKAGE in\n"
                                 f"  waits) read -r _ < {gate.path};;\n"
                                 f"  fails) exit 3;;\n"
                                 f"  blocked) exit 75;;\n"
                                 f" esac"}, rbit="slots = 2\nname = first")
        before = time.time() * 1e6
        self.start()
        for number, package in enumerate(("fails", "blocked", "done", "waits", "later", "last"), 1):
            self.submit("build", package, job=number)
        gate.wait_for_job()
        wait_until(lambda: self.numbers("build") == (2, 1, 1, 1), "all of them")
        status = self.status()
        self.assertEqual((status["rbit_runs"], status["well"], status["troubles"]), (True, True, []))
        self.assertEqual((status["name"], status["pid"]), ("first", self.rbit.pid))
        self.assertRegex(status["version"], r"^\d+\.\d+\.\d+$")
        self.assertTrue(before < status["started"] < time.time() * 1e6, status)
        self.assertEqual(status["state_dir"], self.path("state"))
        self.assertEqual((status["broker"]["address"], status["broker"]["connected"],
                          status["broker"]["blocked"]), ("local:", True, None))
        self.assertEqual(status["slots"], {"total": 2, "used": 1, "ahead": 0})
        [queue] = status["queues"]
        self.assertEqual((queue["runner"], queue["state"], queue["why"], queue["paused_since"]),
                         ("build", "consuming", "", 0))
        self.assertTrue(3000e6 < queue["again"] - time.time() * 1e6 < 3600e6, queue)
        self.assertGreater(queue["per_minute"], 0)  # one failed, one done
        self.assertEqual((status["reports"]["waiting"], status["reports"]["oldest"]), (0, 0))
        for disk in status["disks"]:
            self.assertGreaterEqual(disk["total"], disk["free"])
        self.assertEqual([one["name"] for one in status["disks"]], ["state-dir", "work-dir"])

        text = self.say("status")
        self.assertRegex(text, r"^rbit 'first' \S+ runs since 20\d\d-\S+ \S+ \(\d+\w+\), process "
                               rf"{self.rbit.pid}, state in {re.escape(self.path('state'))}\n")
        self.assertRegex(text, r"(?m)^broker   local:, the embedded queue$")
        self.assertRegex(text, r"(?m)^slots    1 of 2 in use$")
        self.assertRegex(text, r"(?m)^reports  0 waiting$")
        self.assertRegex(text, r"(?m)^QUEUE  RUNNER  STATE      WAITING  RUNNING  DUE  NEXT +DEAD  JOBS/MIN$")
        self.assertRegex(text, r"(?m)^build  build   consuming        2        1    1  (?:20\S+ )?\d\d:\d\d:\d\d +1 +\d+\.\d$")
        self.assertNotIn("\x1b", text)
        self.assertNotIn("not well", text)

        # Killed, it has left what its state directory knows.
        self.rbit.kill()
        gate.end.close()
        left = self.status(expect=69)
        self.assertEqual((left["rbit_runs"], left["well"], left["name"]), (False, False, "first"))
        self.assertNotIn("pid", left)
        waiting, running, due, dead = self.numbers("build", expect=69)
        self.assertEqual((running, due, dead), (1, 1, 1))
        self.assertGreaterEqual(waiting, 2)
        self.assertRegex(self.say("status", expect=69), r"^no rbit runs as 'first', state in .*\n")

    def test_where_none_ever_ran(self):
        self.configure({"build": "runner = shell!true"})
        self.assertEqual(self.numbers("build", expect=69), (None, 0, 0, None))
        self.assertIn("no rbit runs", self.say("status", expect=69))
        self.assertFalse(os.path.exists(self.path("state")))  # asking makes nothing

    def test_a_runner_that_cannot_work_is_not_well(self):
        self.configure({"build": "runner = plugin!nothing.so:nothing", "other": "runner = shell!true"})
        self.start(until="cannot work")
        queue = wait_until(lambda: self.queue("build", expect=1), "its queue")
        self.assertEqual(queue["state"], "paused")
        self.assertIn("nothing.so", queue["why"])
        self.assertEqual(self.queue("other", expect=1)["state"], "consuming")
        status = self.status(expect=1)
        self.assertFalse(status["well"])
        [trouble] = status["troubles"]
        self.assertRegex(trouble, r"^queue build is paused: .*nothing\.so")
        text = self.say("status", expect=1)
        self.assertRegex(text, r"(?m)^not well: queue build is paused: .*nothing\.so")

    def test_a_broker_that_is_away_is_not_well(self):
        port = free_port()
        self.configure({"build": "runner = shell!true"}, amqp=f"host = 127.0.0.1\nport = {port}")
        self.start(until="127.0.0.1")
        status = self.status(expect=1)
        self.assertEqual((status["broker"]["address"], status["broker"]["connected"]),
                         (f"amqp://127.0.0.1:{port}", False))
        [trouble] = status["troubles"]
        self.assertRegex(trouble, r"^the broker is away: .*Connection refused \(start the broker")
        self.assertEqual(self.queue("build", expect=1)["state"], "not read")
        self.assertEqual(self.numbers("build", expect=1), (None, 0, 0, None))
        text = self.say("status", expect=1)
        self.assertRegex(text, rf"(?m)^broker   amqp://127.0.0.1:{port}, the broker is away: .*refused")
        self.assertRegex(text, r"(?m)^build  build .* \? +0 +0 +\? +0\.0")

    def test_one_that_hangs_is_not_waited_for_for_ever(self):
        self.configure({"build": "runner = shell!true"})
        self.start()
        self.rbit.signal(signal.SIGSTOP)
        done = self.command("status", self.config)
        self.rbit.signal(signal.SIGCONT)
        self.assertEqual((done.returncode, done.stdout), (75, ""))
        self.assertIn("state: the rbit that runs here does not answer (look at its log", done.stderr)
        self.say("status")

    def test_times_in_utc(self):
        self.configure({"build": "runner = shell!true"})
        self.start()
        os.environ["TZ"] = "Asia/Kathmandu"
        self.addCleanup(os.environ.pop, "TZ")
        started = self.status()["started"] / 1e6
        shown = re.search(r"since (\S+ \S+) ", self.say("status", "--utc"))[1]
        self.assertEqual(shown, time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(started)))
        local = re.search(r"since (\S+ \S+) ", self.say("status"))[1]
        self.assertEqual(local, time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(started + 20700)))

    def test_no_text_of_a_file_moves_the_cursor(self):
        self.configure({"build": "runner = shell!true"}, rbit="name = a\x1b[2Jb")
        done = self.command("status", self.config)
        self.assertNotIn("\x1b", done.stdout)


class Pause(Steered):
    def start_two(self):
        self.one, self.two = self.gate("one"), self.gate("two")
        self.configure({"held": f"runner = shell!read -r _ < {self.one.path}",
                        "free": "runner = shell!true"}, rbit="slots = 4")
        self.start()

    def test_what_runs_goes_on_and_nothing_new_begins(self):
        self.start_two()
        self.submit("held", "first", job=1)
        self.one.wait_for_job()
        self.assertEqual(self.say("pause", "held"), "paused held\n")
        self.assertEqual(self.say("pause", "held"), "paused already\n")
        self.submit("held", "second", job=2)
        self.submit("free", "other", job=3, wait=True)  # by then the second would have begun
        queue = self.queue("held")
        self.assertEqual((queue["state"], queue["waiting"], queue["running"]), ("paused", 1, 1))
        self.assertGreater(queue["paused_since"], 0)
        self.assertEqual(queue["why"], "by hand")
        self.assertRegex(self.say("status"), r"(?m)^held +held +paused +1 +1 .* by hand since \d\d:\d\d:\d\d$")
        self.one.let_through()
        self.assert_statuses(1, "Building", "Done")
        self.submit("free", "other", job=4, wait=True)
        self.assertEqual(self.statuses(2), [])
        self.assertEqual(self.say("resume", "held"), "resumed held\n")
        self.one.let_through()
        self.assert_statuses(2, "Building", "Done")
        self.assertEqual(self.say("resume", "held"), "nothing was paused\n")
        self.assertEqual(self.queue("held")["state"], "consuming")

    def test_it_outlives_a_stop_and_a_crash(self):
        self.start_two()
        self.say("pause", "held")
        self.submit("held", "first", job=1)
        for end in (self.rbit.stop, lambda: self.rbit.kill()):
            end()
            left = self.queue("held", expect=69)
            self.assertEqual((left["state"], left["why"], left["waiting"]), ("paused", "by hand", 1))
            self.start()
            self.rbit.wait_for("queue held is paused since ")
            self.submit("free", "other", job=7, wait=True)
            self.assertEqual(self.statuses(1), [])
            self.assertEqual(self.queue("held")["state"], "paused")
        self.say("resume")
        self.one.let_through()
        self.assert_statuses(1, "Building", "Done")

    def test_a_retry_that_is_due_waits_too(self):
        flag = self.path("flag")
        self.configure({"held": f"retry-delay = 100ms\nrunner = shell!test -e {flag} || exit 75",
                        "free": "runner = shell!true"})
        self.start()
        self.say("pause", "held")
        self.submit("held", "first", job=1)
        self.say("resume", "held")
        self.wait_for_status(1, "Blocked")
        self.say("pause", "held")
        wait_until(lambda: self.numbers("held")[0:3] == (1, 0, 0), "its time")
        self.submit("free", "other", job=3, wait=True)
        begun = self.statuses(1).count("Building")
        self.write("flag", "")
        self.submit("free", "other", job=4, wait=True)
        self.assertEqual(self.statuses(1).count("Building"), begun)
        self.say("resume")
        self.wait_for_status(1, "Done")

    def test_all_at_once_and_what_is_wrong(self):
        self.start_two()
        self.assertEqual(json.loads(self.say("pause", "--json")), {"paused": ["held", "free"]})
        self.submit("free", "a", job=1)
        self.assertEqual(self.numbers("free")[0], 1)
        self.assertEqual(self.status()["troubles"], [])  # somebody wants it so
        self.assertEqual(sorted(self.say("resume").splitlines()), ["resumed free", "resumed held"])
        self.wait_for_status(1, "Done")
        for command in ("pause", "resume"):
            done = self.command(command, self.config, "hled")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"queue hled: no runner of this configuration takes from it "
                                          r"\(its queues: held, free\)")
        self.rbit.stop()
        for command in ("pause", "resume"):
            done = self.command(command, self.config)
            self.assertEqual(done.returncode, 69)
            self.assertRegex(done.stderr, r"state: no rbit runs here \(start it: rbit .*rbit.ini\)")

    def test_who_waits_hears_why(self):
        self.start_two()
        self.say("pause", "held")
        done = []
        thread = threading.Thread(target=lambda: done.append(
            self.submit("held", "first", job=1, wait=True)))
        thread.start()
        wait_until(lambda: self.numbers("held")[0] == 1, "its message")
        self.say("resume")
        self.one.let_through()
        thread.join()
        self.assertIn("queue held waits: somebody has paused it", done[0].stderr)


if __name__ == "__main__":
    rbit_suite.main()
