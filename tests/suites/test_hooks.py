"""[hook:NAME]: programs of the operator's around the jobs. They are told all, run once, and harm
nobody, whatever they do. test_hooks_before.py and test_hooks_ends.py have the rest."""

import json
import os
import re
import textwrap

import rbit_suite
from hook_suite import HookSuite
from pybit_messages import build_request
from rbit_suite import wait_until


class After(HookSuite):
    def test_each_end_has_its_event(self):
        self.hook({"ok": "runner = shell!true", "no": "runner = shell!exit 3",
                   "later": "runner = shell![ $RBIT_ATTEMPT = 2 ] || exit 75\nretry-delay = 50ms",
                   "long": "runner = shell!sleep 1000"},
                  {"note": f"run = shell!{self.tell}\non = done failed blocked cancelled"})
        self.start()
        self.run_job(1, "ok")
        self.wait_for_told("note done Done 1 1")
        self.run_job(2, "no")
        self.wait_for_told("note done Done 1 1", "note failed Failed 2 1 exit 3")
        self.run_job(3, "later")
        wait_until(lambda: len(self.told()) == 4, "both of job 3")
        self.assertEqual([line.rstrip() for line in self.told()[2:]],
                         ["note blocked Blocked 3 1 exit 75", "note done Done 3 2"])
        self.run_job(4, "long")
        self.wait_for_status(4, "Building")
        self.command("cancel", self.config, "4")
        wait_until(lambda: len(self.told()) == 5, "the cancelled one")
        self.assertEqual(self.told()[4].rstrip(), "note cancelled Cancelled 4 1 cancelled")

    def test_it_hears_of_what_it_names_alone(self):
        self.hook({"ok": "runner = shell!true", "other": "runner = shell!true",
                   "no": "runner = shell!exit 3"},
                  {"done-of-ok": f"run = shell!{self.tell}\non = done\nrunners = ok",
                   "failed": f"run = shell!{self.tell}\non = failed"})
        self.start()
        for job, queue in enumerate(("other", "no", "ok"), 1):
            self.run_job(job, queue)
            self.wait_for_status(job, "Failed" if queue == "no" else "Done")
        wait_until(lambda: len(self.told()) == 2, "two hooks")
        self.assertEqual(sorted(line.rstrip() for line in self.told()),
                         ["done-of-ok done Done 3 1", "failed failed Failed 2 1 exit 3"])

    def test_it_has_the_message_and_what_the_job_left(self):
        self.hook("runner = shell!echo said; echo '{\"result\": {\"pages\": 3}}' >&3; "
                  "echo x > a.deb\nartifacts = *.deb",
                  {"look": f"""
                      run = shell!cat > {self.path('body')}; cat "$RBIT_MESSAGE_FILE" | cmp - {self.path('body')} &&
                          env > {self.path('new')} && mv {self.path('new')} {self.path('env')}
                      on = done
                      env.CHANNEL = ops
                      """})
        self.start()
        body = build_request(job=36)
        self.submit("build", file=self.write("message", body))
        self.wait_for_file("env")
        with open(self.path("body"), "rb") as file:
            self.assertEqual(json.loads(file.read()), json.loads(body))
        variables = dict(line.split("=", 1) for line in self.read("env").splitlines()
                         if "=" in line)
        self.assertEqual(variables["RBIT_QUEUE"], "build")
        self.assertEqual(variables["RBIT_RUNNER"], "build")
        self.assertEqual(variables["RBIT_EVENT"], "done")
        self.assertEqual(variables["CHANNEL"], "ops")
        self.assertEqual(json.loads(variables["RBIT_RESULT"]), {"pages": 3})
        [artifact] = json.loads(variables["RBIT_ARTIFACTS"])
        self.assertTrue(os.path.exists(artifact["path"]))
        self.assertNotIn("RBIT_SETTING_RUN", variables)

    def test_a_long_result_lies_in_a_file(self):
        self.hook("runner = shell!(printf '{\"result\": \"'; head -c 60000 /dev/zero | tr '\\0' x; "
                  "echo '\"}') >&3",
                  {"look": f"run = shell!echo \"$RBIT_RESULT\" > {self.path('none')}; "
                           f"cp $RBIT_RESULT_FILE {self.path('new')} && "
                           f"mv {self.path('new')} {self.path('result')}\non = done"})
        self.start()
        self.run_job()
        self.wait_for_file("result")
        self.assertEqual(json.loads(self.read("result")), "x" * 60000)
        self.assertEqual(self.read("none"), "\n")

    def test_in_order_for_its_job_and_beside_the_next(self):
        gate = self.gate("gate")
        self.hook("runner = shell![ $RBIT_ATTEMPT = 2 ] || exit 75\nretry-delay = 50ms",
                  {"slow": f"""
                      run = shell!if [ $RBIT_JOB_ID$RBIT_EVENT = 1blocked ]; then read -r _ < {gate.path}; fi
                          {self.tell}
                      on = blocked done
                      timeout = 1h
                      """}, rbit="slots = 1")
        self.start()
        self.run_job(1)
        gate.wait_for_job()
        self.run_job(2)
        self.wait_for_told("slow blocked Blocked 2 1 exit 75", "slow done Done 2 2")
        self.wait_for_status(1, "Done")
        gate.let_through()
        wait_until(lambda: len(self.told()) == 4, "those of job 1")
        self.assertEqual([line.rstrip() for line in self.told()[2:]],
                         ["slow blocked Blocked 1 1 exit 75", "slow done Done 1 2"])

    def test_its_failure_is_a_line_and_changes_nothing(self):
        self.hook("runner = shell!true", {"bad": "run = shell!echo so bad; exit 3\non = done"})
        self.start()
        self.run_job()
        [line] = self.rbit.wait_for("[rbit] [hook:bad]")
        self.assertIn("[hook:bad] exit 3: so bad (failed on done of job 36, its output is in ", line)
        log = re.search(r"its output is in (\S+)\)", line)[1]
        self.assertEqual(self.read(log), "so bad\n")
        self.assertTrue(log.startswith(self.path("state", "logs", "hook+bad") + "/"))
        self.assert_statuses(36, "Building", "Done")
        wait_until(lambda: self.reports_of(36, "hook:bad") == ["sent"], "the row to be sent")
        self.assertEqual(self.command("jobs", self.config).returncode, 0)

    def test_75_is_once_more_later_and_holds_no_other_up(self):
        self.hook("runner = shell!true",
                  {"later": f"run = shell!if [ $RBIT_JOB_ID = 1 ]; then [ -e {self.path('now')} ] "
                            f"|| exit 75; fi; {self.tell}\non = done"})
        self.start()
        self.run_job(1)
        self.rbit.wait_for("(asks to be run later for job 1)")
        for job in (2, 3, 4, 5, 6):
            self.run_job(job)
        wait_until(lambda: len(self.told()) == 5, "the others")
        self.assertEqual(self.reports_of(1, "hook:later"), ["waiting"])
        self.write("now", "")
        wait_until(lambda: len(self.told()) == 6, "the one that waited")
        self.assertIn("later done Done 1 1", self.told()[5])
        self.assertEqual(len(self.rbit.lines_with("asks to be run later")), 1)

    def test_one_that_cannot_begin_is_found_and_waits(self):
        self.hook("runner = shell!true", {"gone": "run = shell!/nowhere/program\non = done"})
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("FAIL [hook:gone]", done.stdout)
        self.start()
        self.rbit.wait_for("[rbit] [hook:gone] cannot work")
        self.run_job()
        self.wait_for_status(36, "Done")
        wait_until(lambda: self.reports_of(36, "hook:gone") == ["waiting"], "its row")
        self.assertEqual(self.rbit.stop(), 0)

    def test_it_holds_no_slot(self):
        gate = self.gate("gate")
        self.hook("runner = shell!true",
                  {"slow": f"run = shell!read -r _ < {gate.path}\non = done\ntimeout = 1h"},
                  rbit="slots = 1")
        self.start()
        self.run_job(1)
        gate.wait_for_job()
        self.run_job(2)
        self.wait_for_status(2, "Done")
        gate.let_through()


class Languages(HookSuite):
    def test_python(self):
        self.write("mine.py", textwrap.dedent(f"""
            def note(build_request, settings):
                with open({self.path('told')!r}, 'a') as file:
                    file.write(' '.join([settings['hook'], settings['event'], settings['status'],
                                         build_request.get_package(), settings['result']]) + '\\n')
            """))
        self.hook("runner = shell!echo '{\"result\": [1, 2]}' >&3",
                  {"py": "run = python!mine:note\non = done"})
        done = self.command("check", self.config)
        self.assertIn("ok   [hook:py] can work", done.stdout)
        self.start()
        self.run_job()
        self.wait_for_told("py done Done col10642 [1,2]")
        for job in range(2, 6):
            self.run_job(job)
        wait_until(lambda: len(self.told()) == 5, "five of them")

    def test_a_plugin(self):
        library = self.library("examples", "libhello.so")
        self.hook("runner = shell!exit 3",
                  {"so": f"run = plugin!{library}:hello\non = failed\nname = hooks"})
        self.start("--debug")
        self.run_job()
        wait_until(lambda: self.reports_of(36, "hook:so") == ["sent"], "the plugin")
        self.rbit.wait_for("Greeting hooks")
        self.assertEqual(self.rbit.lines_with("[rbit] [hook:so]"), [])


class Harm(HookSuite):
    """What a hook does is its own affair."""

    def harm(self, line, wanted, more=""):
        self.hook("runner = shell!true", {"bad": f"run = shell!{line}\non = done\n{more}"})
        self.start()
        self.run_job(1)
        [said] = self.rbit.wait_for("[rbit] [hook:bad]")
        self.assertIn(wanted, said)
        self.assert_statuses(1, "Building", "Done")
        wait_until(lambda: self.reports_of(1, "hook:bad") == ["sent"], "its row")
        self.run_job(2)
        self.wait_for_status(2, "Done")
        return said

    def test_it_hangs(self):
        self.harm("sleep 1000", "[hook:bad] timeout", "timeout = 300ms")

    def test_it_hangs_and_hears_nothing(self):
        self.harm("trap '' TERM INT HUP; while :; do sleep 1000; done", "[hook:bad] timeout",
                  "timeout = 300ms")

    def test_it_crashes(self):
        self.harm("kill -SEGV $$", "[hook:bad] signal SEGV")

    def test_it_leaves_processes_behind(self):
        self.harm("setsid sleep 1000 & sleep 1000 & (sleep 1000 &) ; exit 1", "[hook:bad] exit 1")
        mark = os.path.basename(self.directory)
        self.rbit.stop()
        self.assertEqual(rbit_suite.processes_of(mark), [])

    def test_it_floods_its_output(self):
        self.hook("runner = shell!true",
                  {"bad": "run = shell!yes\non = done\ntimeout = 1h"})
        self.start()
        before = self.rbit.resident_kib()
        self.run_job(1)
        self.rbit.wait_for("[hook:bad] output")
        self.assertLess(self.rbit.resident_kib() - before, 30_000)
        [log] = os.listdir(self.path("state", "logs", "hook+bad"))
        self.assertLess(os.path.getsize(self.path("state", "logs", "hook+bad", log)), 2 << 20)

    def test_it_floods_descriptor_3(self):
        self.harm("yes '{\"status\": \"Failed\", \"message\": \"no\"}' >&3", "[hook:bad] output",
                  "timeout = 1h")

    def test_what_it_says_on_descriptor_3_changes_nothing(self):
        said = self.harm(
            "echo '{\"status\": \"Failed\"}' >&3; echo '{\"artifact\": \"/etc/passwd\"}' >&3; "
            "echo '{\"result\": 7}' >&3; "
            "echo '{\"publish\": {\"key\": \"build\", \"body\": 1}}' >&3",
            "a hook publishes nothing")
        self.assertIn("[hook:bad] publish", said)
        self.assertEqual(os.listdir(self.path("state", "output")), [])

    def test_hostile_texts_are_no_code(self):
        self.hook("runner = shell!echo '$(touch pwned); `touch pwned`; %s %n'; "
                  "echo '{\"result\": \"$(touch pwned)\"}' >&3; exit 1",
                  {"note": f"run = shell!printf '%s|%s' \"$RBIT_MESSAGE\" \"$RBIT_RESULT\" > "
                           f"{self.path('told')}; test ! -e pwned\non = failed"})
        self.start()
        self.run_job()
        self.wait_for_file("told")
        wait_until(lambda: self.reports_of(36, "hook:note") == ["sent"], "its row")
        self.assertIn("$(touch pwned); `touch pwned`; %s %n", self.read("told"))
        self.assertEqual(self.rbit.lines_with("[rbit] [hook:note]"), [])


class Shown(HookSuite):
    def test_config_and_check_show_them(self):
        self.hook("runner = shell!true",
                  {"note": "run = shell!true\non = done, failed\nruners = build"})
        shown = self.command("config", self.config).stdout
        self.assertIn("[hook:note]", shown)
        self.assertIn("run = shell!true", shown)
        self.assertIn("(default) timeout = 10s", shown)
        done = self.command("check", self.config)
        self.assertIn("ok   [hook:note] can work", done.stdout)
        self.assertIn("did you mean 'runners'?", done.stdout)

    def test_mistakes_are_found_before_the_start(self):
        self.hook("runner = shell!true",
                  {"a": "run = shel!true\non = done", "b": "run = shell!echo %(nothing)s\non = don",
                   "c": "run = plugin!x.so\non = done\nrequired = yes", "d": "on = done\n"
                   "runners = bild"})
        self.start(until=None)
        self.assertEqual(self.rbit.wait(), 78)
        for text in ("[hook:a] run: ", "[hook:b] run: ",
                     "[hook:b] on: 'don' is no event of hooks (did you mean 'done'?)",
                     "[hook:c] required: is for before alone",
                     "[hook:d] 'run' is missing",
                     "[hook:d] runners: 'bild' is the name of no runner (did you mean 'build'?)"):
            self.assertIn(text, self.rbit.log)


if __name__ == "__main__":
    rbit_suite.main()
