"""A changed configuration while rbit runs: what is taken, what is not, and what goes on as it began."""

import json
import os
import re
import shutil
import signal
import time

from job_commands import JobCommands
from rbit_suite import SOURCE_DIR, main, unindented, wait_until


class Reload(JobCommands):
    def rewrite(self, runners, rbit="", more=""):
        """The file anew; the rbit that runs has not looked yet."""
        self.configure({name: f"message = json\n{unindented(text)}"
                        for name, text in runners.items()}, rbit=rbit, more=more)

    def begin(self, runners, **more):
        self.rewrite(runners, **more)
        self.start()

    def reload(self):
        return json.loads(self.say("reload", "--json"))

    def changed(self):
        return {f"[{one['section']}] {one['key']}": (one["from"], one["to"], one["waits"])
                for one in self.reload()["changed"]}

    def refused(self):
        return self.wrong("reload", expect=78)

    def output(self, key):
        return self.say("log", key)

    def done(self, queue, key):
        self.send(queue, key, "--wait")
        return self.output(key)

    def state(self, key):
        return {one["key"]: one["state"] for one in self.listed()}.get(key)


class Whole(Reload):
    def test_nothing_has_changed(self):
        self.begin({"orders": "runner = shell!true"})
        self.assertEqual(self.say("reload"), f"reloaded {self.config}: nothing has changed\n")

    def test_a_running_job_ends_as_it_began_and_the_next_is_done_anew(self):
        gate = self.gate("gate")
        self.begin({"orders": f"runner = shell!read -r _ < {self.path('gate')}; echo old"})
        self.send("orders", "a")
        gate.wait_for_job()
        self.rewrite({"orders": "runner = shell!echo new\ntimeout = 1h"})
        said = self.say("reload")
        self.assertIn("  [runner:orders] timeout: (default) -> 1h\n", said)
        self.assertIn("  [runner:orders] runner: shell!read -r _ < %s; echo old -> shell!echo new\n"
                      % self.path("gate"), said)
        self.assertEqual(self.done("orders", "b"), "new\n")
        gate.let_through()
        wait_until(lambda: self.state("a") == "done", "its end")
        self.assertEqual(self.output("a"), "old\n")

    def test_a_mistake_leaves_all_as_it_is(self):
        self.begin({"orders": "runner = shell!echo old"})
        self.rewrite({"orders": "runner = shell!echo new\ntimeuot = 1h"}, rbit="slots = many")
        text = self.wrong("reload", expect=78)
        self.assertIn("slots: 'many' is not a number", text)
        self.rbit.signal(signal.SIGHUP)
        self.rbit.wait_for("is not taken, the one before stays in force (mend it and reload)")
        self.assertEqual(len(self.rbit.lines_with("'many' is not a number")), 1)
        self.rewrite({"orders": "runner = shell!echo old"})
        self.assertEqual(self.done("orders", "a"), "old\n")

    def test_a_runner_that_cannot_work_is_not_taken(self):
        self.begin({"orders": "runner = shell!echo old"})
        self.rewrite({"orders": "runner = python!no_such_module:do", "more": "runner = shell!true"})
        text = self.refused()
        self.assertIn("[runner:orders] ", text)
        self.assertIn("no_such_module", text)
        self.assertIn("nothing was taken: the configuration before stays in force", text)
        self.rewrite({"orders": "runner = shell!echo old"})
        self.assertEqual(self.done("orders", "a"), "old\n")
        self.assertEqual(len(json.loads(self.say("status", "--json"))["queues"]), 1)

    def test_one_that_could_not_work_before_hinders_no_other(self):
        self.rewrite({"orders": "runner = python!no_such_module:do", "more": "runner = shell!true"})
        self.start(until="cannot work")
        self.rewrite({"orders": "runner = python!no_such_module:do", "more": "runner = shell!echo new"})
        self.assertIn("[runner:more] runner", self.changed())
        self.assertEqual(self.done("more", "a"), "new\n")
        self.rewrite({"orders": "runner = shell!echo mended", "more": "runner = shell!echo new"})
        self.reload()
        self.assertEqual(self.done("orders", "b"), "mended\n")

    def test_what_waits_for_a_restart_is_said_until_then(self):
        self.begin({"orders": "runner = shell!true"})
        self.rewrite({"orders": "runner = shell!true"}, rbit="min-free-disk = 1%",
                     more="[hook:h]\non = failed\nrun = shell!true\n[amqp2]\n")
        self.wrong("reload", expect=78)
        self.rewrite({"orders": "runner = shell!true"}, rbit="min-free-disk = 1%",
                     more="[hook:h]\non = failed\nrun = shell!true\n")
        expected = {"[rbit] min-free-disk": ("(default)", "1%", True),
                    "[hook:h] on": ("(default)", "failed", True),
                    "[hook:h] run": ("(default)", "shell!true", True)}
        for _ in range(2):
            self.assertEqual(self.changed(), expected)
        self.assertIn("[rbit] min-free-disk: (default) -> 1% (after a restart)", self.say("reload"))
        self.rbit.stop()
        self.start()
        self.assertEqual(self.changed(), {})

    def test_a_secret_is_not_shown(self):
        self.begin({"orders": "runner = shell!true"}, more="[status]\nusername = u\n"
                   "password = first-secret\n")
        self.rewrite({"orders": "runner = shell!true"}, more="[status]\nusername = u\n"
                     "password = second-secret\n")
        self.assertEqual(self.changed(), {"[status] password": ("***", "***", True)})

    def test_hooks_live_through_it(self):
        """They wait for a restart themselves, and outlive what they were configured by."""
        hook = f"[hook:{{}}]\non = {{}}\nrun = shell!echo {{}} >> {self.path('told')}\n"
        hooks = hook.format("first", "before", "before") + hook.format("last", "done", "after")
        self.begin({"orders": "runner = shell!true"}, more=hooks)
        for delay in range(1, 6):
            self.rewrite({"orders": f"runner = shell!echo job >> {self.path('told')}\n"
                          f"retry-delay = {delay}s"}, more=hooks)
            self.assertEqual(self.command("reload", self.config).returncode, 0)
        self.send("orders", "a", "--wait")
        wait_until(lambda: self.read("told").split() == ["before", "job", "after"], "its story")

    def test_a_secret_of_the_environment_is_no_change(self):
        self.rewrite({"orders": "runner = shell!true"}, more="[status]\nusername = u\n")
        self.start(environment=self.environment(RBIT_STATUS_PASSWORD="secret"))
        self.assertEqual(self.changed(), {})

    def test_another_content_of_a_file_is_a_change(self):
        names = "password-file", "webhook-secret-file"
        for name in names:
            os.chmod(self.write(name, "first\n"), 0o600)
        self.begin({"orders": "runner = shell!true"}, more="[status]\nusername = u\n"
                   "webhook-url = http://localhost/\n" + "".join(f"{one} = {one}\n" for one in names))
        self.assertEqual(self.changed(), {})
        for name in names:
            self.write(name, "second\n")
        expected = {f"[status] {name}": (name, "the same file, with another content", True)
                    for name in names}
        for _ in range(2):
            self.assertEqual(self.changed(), expected)
        self.assertIn("0 changed values in force, 2 more after a restart", self.rbit.log)

    def test_each_key_is_taken_or_told_as_one_that_waits(self):
        """Of conf/rbit.ini, which has them all, one after the other."""
        begun = {"rbit": "state-dir = state\nqueue-mappings = hello:hello\nslots = 3",
                 "amqp": "host = 127.0.0.1\nport = 9", "runner:hello": "runner = shell!true",
                 "status": "", "hook:hello": "on = done\nrun = shell!true", "monitor": "", "log": "",
                 "route:by-key": "by = event\nrunners = a: hello", "events": ""}
        at_once = {"[rbit] slots", "[rbit] drain-timeout", "[log] level", "[log] format",
                   "[log] redact", "[log] file"}

        def text(section="", key="", line=""):
            return "".join(f"[{name}]\n" + "".join(
                f"{one}\n" for one in lines.splitlines() if (name, one.split(" =")[0]) !=
                (section, key)) + (line if name == section else "") for name, lines in begun.items())
        self.configure_text(text())
        self.start(until="starts:")
        section, told = "", 0
        with open(os.path.join(SOURCE_DIR, "conf", "rbit.ini")) as file:
            lines = file.read().splitlines()
        for line in lines:
            if line.startswith("["):
                section = line.strip("[]")
            found = re.match(r"#?([a-z][a-z_-]*) =", line)
            if not found:
                continue
            self.configure_text(text(section, found[1], line.lstrip("#") + "\n"))
            done = self.command("reload", self.config, "--json")
            if not done.stdout or not json.loads(done.stdout)["ok"]:
                continue  # it does not go with the others
            changes = {f"[{one['section']}] {one['key']}": one["waits"]
                       for one in json.loads(done.stdout)["changed"]}
            name = f"[{section}] {found[1]}"
            with self.subTest(line):
                if name in changes or section not in ("runner:hello", "hook:hello",
                                                           "route:by-key"):
                    taken = name in at_once or section in ("runner:hello", "route:by-key", "events")
                    self.assertEqual(changes.get(name), not taken, changes)
                    told += 1
        self.assertGreater(told, 60)

    def test_a_secret_of_a_runner_counts_at_once(self):
        runner = 'runner = shell!echo "${{#TOKEN}}"\nenv.TOKEN = {}'
        self.begin({"orders": runner.format("12345")})
        self.assertEqual(self.done("orders", "a"), "5\n")
        self.rewrite({"orders": runner.format("1234567")})
        self.assertEqual(self.changed(), {"[runner:orders] env.TOKEN": ("***", "***", False)})
        self.assertEqual(self.done("orders", "b"), "7\n")

    def test_a_level_of_the_log_counts_at_once(self):
        self.begin({"orders": "runner = shell!true"})
        self.rewrite({"orders": "runner = shell!true"}, more="[log]\nformat = json\n")
        self.assertEqual(self.changed(), {"[log] format": ("(default)", "json", False)})
        wait_until(lambda: [line for line in self.rbit.lines_with("reloaded ")
                            if line.startswith("{")], "a line in JSON")

    def test_who_drains_takes_none(self):
        gate = self.gate("gate")
        self.begin({"orders": f"runner = shell!read -r _ < {self.path('gate')}"})
        self.send("orders", "a")
        gate.wait_for_job()
        self.rbit.signal(signal.SIGTERM)
        self.rbit.wait_for("draining")
        self.assertIn("was told to stop and takes no new configuration", self.refused())
        gate.let_through()
        self.assertEqual(self.rbit.wait(), 0)

    def test_without_an_rbit_it_says_so(self):
        self.rewrite({"orders": "runner = shell!true"})
        self.assertIn("no rbit runs here", self.wrong("reload", expect=69))


class Parts(Reload):
    def test_queues_come_and_go(self):
        gate = self.gate("gate")
        both = {"orders": "runner = shell!echo orders", "slow": f"runner = shell!read -r _ < {self.path('gate')}; echo slow\nslots = 1"}
        self.begin(both)
        self.send("slow", "a")
        gate.wait_for_job()
        self.send("slow", "b")
        self.rewrite({"orders": "runner = shell!echo orders", "fresh": "runner = shell!echo fresh"})
        self.assertEqual(self.changed()["[rbit] queue-mappings"][2], False)
        self.assertEqual(self.done("fresh", "c"), "fresh\n")
        self.assertIn("no runner of this configuration takes from it",
                      self.command("submit", self.config, "--queue", "slow", "--json", "{}").stderr)
        gate.let_through()
        wait_until(lambda: self.state("a") == "done", "the end of a job of a queue that left")
        self.assertEqual(self.output("a"), "slow\n")
        self.rewrite({"orders": "runner = shell!echo orders", "slow": "runner = shell!echo again"})
        self.reload()
        wait_until(lambda: self.state("b") == "done", "the message that waited")
        self.assertIn(self.output("b"), ("again\n", "slow\n"))

    def test_more_slots_and_fewer(self):
        gates = [self.gate(f"gate{number}") for number in range(4)]
        runners = {"orders": f"runner = shell!read -r _ < {self.path('gate')}$(cat)"}
        self.begin(runners, rbit="slots = 1")
        for number in range(4):
            self.send("orders", str(number), text=str(number))
        gates[0].wait_for_job()
        self.rewrite(runners, rbit="slots = 3")
        self.reload()
        gates[1].wait_for_job()
        gates[2].wait_for_job()
        self.rewrite(runners, rbit="slots = 1")
        self.reload()
        gates[0].let_through()
        gates[1].let_through()
        wait_until(lambda: self.state("1") == self.state("0") == "done", "two jobs")
        self.assertEqual(json.loads(self.say("status", "--json"))["slots"]["used"], 1)
        gates[2].let_through()
        gates[3].wait_for_job()
        gates[3].let_through()

    def test_a_pause_stays(self):
        runners = {"orders": "runner = shell!true", "other": "runner = shell!true"}
        self.begin(runners)
        self.say("pause", "other")
        self.rewrite({"orders": "runner = shell!true"})
        self.reload()
        self.rewrite(runners)
        self.reload()
        states = {one["queue"]: one["state"] for one in
                  json.loads(self.say("status", "--json"))["queues"]}
        self.assertEqual(states, {"orders": "consuming", "other": "paused"})

    def test_an_edited_schema_counts(self):
        self.write("orders.schema", '{"type": "object"}')
        self.begin({"orders": "runner = shell!true\nschema = orders.schema"})
        self.done("orders", "a")
        self.write("orders.schema", '{"type": "array"}')
        self.assertEqual(self.changed(), {})
        self.send("orders", "b", text="[]")
        wait_until(lambda: self.state("b") == "done", "an array")

    def test_a_host_stays_warm_until_its_code_changes(self):
        code = "import os\nMADE = os.urandom(8).hex()\ndef do(body, context):\n    print('{}', MADE)\n"
        self.write("work.py", code.format("first"))
        runners = {"orders": "runner = python!work:do\nkeep-warm = 10",
                   "other": "runner = shell!true"}
        self.begin(runners)
        first = self.done("orders", "a")
        runners["other"] = "runner = shell!false"
        self.rewrite(runners)
        self.reload()
        self.assertEqual(self.done("orders", "b"), first)
        self.write("work.py", code.format("second"))
        self.reload()
        self.assertTrue(self.done("orders", "c").startswith("second "))

    def test_code_that_was_edited_wrongly_costs_no_job_and_is_looked_at_by_a_reload(self):
        self.write("work.py", "def do(body, context):\n    print('first')\n")
        self.begin({"orders": "runner = python!work:do\nkeep-warm = 10"})
        self.assertEqual(self.done("orders", "a"), "first\n")
        self.write("work.py", "def do(body, context)\n    print('broken')\n")
        self.send("orders", "b")
        self.rbit.wait_for("work.py:1: SyntaxError")
        wait_until(lambda: self.state("b") == "waiting", "its message to go back")
        self.reload()
        self.rbit.wait_for("[runner:orders] cannot work", times=2)  # said anew
        self.write("work.py", "def do(body, context):\n    print('mended')\n")
        self.reload()
        wait_until(lambda: self.state("b") == "done", "its end", patience=30)  # a look takes a minute
        self.assertEqual(self.output("b"), "mended\n")
        self.assertEqual(self.state("a"), "done")

    def test_a_library_that_was_replaced_is_taken_by_the_next_job(self):
        good = self.library("examples", "libhello.so")
        mine = shutil.copy(good, self.path("libmine.so"))
        self.configure({"orders": f"runner = plugin!{mine}:hello\nkeep-warm = 10\nname = world"})
        self.start()
        self.submit("orders", "p", job=1, wait=True)
        os.rename(self.write("bad.so", "no library"), mine)
        self.submit("orders", "p", job=2)
        self.rbit.wait_for("[runner:orders] cannot work")
        os.rename(shutil.copy(good, self.path("good.so")), mine)
        self.reload()
        self.wait_for_status(2, "Done")
        self.assertEqual(len(self.rbit.lines_with("its host was replaced")), 1)

    def test_an_answer_is_sent_as_the_job_began(self):
        gate = self.gate("gate")
        self.begin({"orders": f"runner = shell!read -r _ < {self.path('gate')}\non-done-publish = ends",
                    "ends": "runner = shell!true"})
        self.send("orders", "a")
        gate.wait_for_job()
        self.rewrite({"orders": "runner = shell!true", "ends": "runner = shell!true"})
        self.reload()
        gate.let_through()
        self.rbit.wait_for("queue ends: a message of 0 bytes")  # what its end publishes


class Storm(Reload):
    JOBS = 2000

    def test_ten_reloads_a_second_drop_nothing(self):
        done = self.path("done")
        self.write("work.py", f"""import json
def do(body, context):
    with open({done!r}, "a") as out:
        out.write(json.dumps(body) + "\\n")
""")
        shell = f'runner = shell!line=$(cat); echo "$line" >> {done}'
        files = [({"orders": "runner = python!work:do\ntimeout = 1h", "other": shell}, "slots = 4"),
                 ({"orders": "runner = python!work:do", "fresh": "runner = shell!true",
                   "other": shell + "\nprefetch-ahead = 4"}, "slots = 2"),
                 ({"orders": "runner = python!work:do"}, "slots = 3")]
        self.begin(files[0][0], rbit=files[0][1])
        for queue in ("orders", "other"):
            body = "".join(f'{{"n": "{queue}{number}"}}\n' for number in range(self.JOBS // 2))
            self.say("submit", "--queue", queue, "--from", self.write("bodies", body))

        def all_done():
            return len(self.read("done").splitlines()) >= self.JOBS if os.path.exists(done) else False
        rounds = 0
        while not all_done():
            rounds += 1
            self.rewrite(files[rounds % 3][0], rbit=files[rounds % 3][1])
            self.reload()
            time.sleep(0.1)  # the pace that the promise names, no wait for anything
        self.rewrite(files[0][0], rbit=files[0][1])
        self.reload()
        keys = self.read("done").splitlines()
        self.assertEqual((len(keys), len(set(keys))), (self.JOBS, self.JOBS))
        wait_until(lambda: not [one for one in json.loads(self.say("status", "--json"))["queues"]
                                if one["waiting"] or one["running"]], "nothing left")
        self.assertEqual({one["state"] for one in self.listed("--limit", "5000")}, {"done"})
        self.assertGreater(rounds, 10)


if __name__ == "__main__":
    main()
