"""`rbit explain`: the whole story of a job, from the running rbit and from its journal."""

import json
import os
import re
import unittest.mock

import rbit_suite
from rbit_suite import Suite, wait_until


class Explain(Suite):
    def story(self, job):
        done = self.command("explain", self.config, str(job), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def text(self, job):
        done = self.command("explain", self.config, str(job))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_two_attempts_with_what_they_used(self):
        self.configure({"build": f"""
            runner = shell!echo so far; test -e {self.path('flag')} && exit 3; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; touch {self.path('flag')}; exit 75
            retry-delay = 100ms
            """})
        self.start()
        self.submit("build", "col10642", job=36)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Failed")
        self.wait_until_on_record(36)
        story = self.story(36)
        self.assertEqual(story["state"], "failed")
        self.assertEqual(story["settlement"]["wanted"], "dead-letter")
        first, second = story["attempts"]
        self.assertEqual((first["outcome"], first["reason"], first["exit"]),
                         ("blocked", "exit 75", "exit 75"))
        self.assertEqual((second["attempt"], second["outcome"], second["reason"]),
                         (2, "failed", "exit 3"))
        for attempt in story["attempts"]:
            self.assertGreater(attempt["wall_us"], 0)
            self.assertLessEqual(attempt["begun"], attempt["ended"])
            self.assertEqual(attempt["output_bytes"], 7)
            self.assertGreater(attempt["memory_kib"], 100)
            self.assertTrue(attempt["log_kept"])
        self.assertGreater(first["cpu_us"], second["cpu_us"])
        self.assertEqual(story["reports"], [])  # the log is told at once, and needs no row
        self.assertEqual(len(story["dead"]), 1)
        self.assertEqual(story["resources"], {name: second[name] for name in (
            "wall_us", "cpu_us", "memory_kib", "output_bytes")})

        text = self.text(36)
        for part in (r"^job 36: col10642 1\.0, key ", r"^queue build, runner build, failed$",
                     r"  delivered, attempt 1 begins on ", r"  attempt 2 ends: failed \(exit 3\)",
                     r"  attempt 1 used \d+\.\d{3} s, processor \d+\.\d{3} s, memory .*, output 7 ",
                     r"  attempt 2's output: .*-2\.log$",
                     r"  dead letter \d+: ", r"^its message: dead-letter .*, done$"):
            self.assertRegex(text, re.compile(part, re.MULTILINE))
        # The same without an rbit.
        self.rbit.stop()
        self.assertEqual(self.text(36), text)
        self.assertEqual(self.story(36), story)

    def test_what_a_running_job_says_and_that_no_rbit_runs(self):
        gate = self.gate("gate")
        self.configure({"build": f"""
            runner = shell!echo so far; echo '{{"status": "Building", "message": "half way"}}' >&3; read -r _ < {gate.path}
            """})
        self.start()
        self.submit("build", "col10642", job=36)
        wait_until(lambda: "half way" in self.command("jobs", self.config).stdout, "its status")
        self.assertNotIn("no rbit", self.command("jobs", self.config).stdout)
        wait_until(lambda: self.command("log", self.config, "36").stdout == "so far\n", "its output")
        self.rbit.kill()
        jobs = self.command("jobs", self.config)
        self.assertRegex(jobs.stdout, r"Building .*half way  \(no rbit runs\)")
        self.assertIn("no rbit runs with this configuration", jobs.stderr)
        self.assertIn("no rbit runs: it goes on when one is started", self.text(36))
        self.assertEqual(self.command("log", self.config, "36").stdout, "so far\n")

    def test_a_sibling_with_unfinished_jobs(self):
        self.configure_text("[rbit]\nqueue-mappings = build:build\n[amqp]\nurl = local:\n"
                            "[runner:build]\nrunner = shell!exit 75\nretry-delay = 1h\n")
        def start(name):
            self.start(environment=self.environment(STATE_DIRECTORY=self.path("states", name)))
        start("old")
        with unittest.mock.patch.dict(os.environ, STATE_DIRECTORY=self.path("states", "old")):
            self.submit("build", "col10642", job=36)
        self.rbit.wait_for("state is now 'Blocked'")
        said = "states/old has 1 unfinished jobs and no rbit"
        start("other")  # the old one runs
        self.assertEqual(self.rbit.stop(), 0)
        self.assertNotIn("unfinished jobs", self.rbit.log)
        self.assertEqual(self.rbits[0].stop(), 0)
        start("new")
        self.rbit.wait_for(said)

    def test_when_a_blocked_job_comes_again(self):
        self.configure({"build": "runner = shell!exit 75\nretry-delay = 1h"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.assert_statuses(36, "Building", "Blocked")
        self.wait_until_on_record(36)
        again = r"again at (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"
        self.assertRegex(self.command("jobs", self.config).stdout, "Blocked .*  " + again)
        self.assertRegex(self.text(36), "its message waits in the embedded queue until .*, for attempt 2")
        story = self.story(36)
        self.assertAlmostEqual(story["again"] - story["ended"], 3600e6, delta=1)

    def test_reports_that_wait(self):
        self.configure({"build": "runner = shell!true"},
                       more="[status]\nreport = pybit\nurl = http://127.0.0.1:1\n")
        self.start()
        self.submit("build", "col10642", job=36)
        self.assert_statuses(36, "Building", "Done")
        wait_until(lambda: any(report["tries"] > 0 for report in self.story(36)["reports"]),
                   "a report that was not taken")
        waiting = [report for report in self.story(36)["reports"] if report["target"] == "pybit"]
        self.assertEqual([report["state"] for report in waiting], ["waiting", "waiting"])
        self.assertGreater(waiting[0]["due"], 0)
        self.assertEqual(waiting[1]["due"], 0)  # it stands behind the first
        self.assertRegex(self.text(36), r"to pybit: Building; waiting after \d+ tries in vain, next")

    def test_a_job_that_runs_and_one_that_is_not_there(self):
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {gate.path}"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_status(36, "Building")
        self.assertIsNone(self.story(36)["settlement"])
        self.assertIn("its message: not answered yet", self.text(36))
        done = self.command("explain", self.config, "37")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not in the journal", done.stderr)
        gate.let_through()
        self.wait_for_status(36, "Done")

    def test_text_of_a_job_cannot_move_the_cursor(self):
        self.configure({"build": "runner = shell!printf 'a\\033[2J\\nlast\\033[1A\\n'; exit 3"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_status(36, "Failed")
        for line in self.text(36).splitlines():
            self.assertTrue(line.isprintable(), line)
        self.assertIn("last\\x1b[1A", self.text(36))


class OldLogs(Suite):
    def test_they_go_by_age_and_explain_says_so(self):
        self.configure({"build": "runner = shell!echo hello"}, more="[log]\nkeep-days = 2\n")
        self.start()
        for job in (36, 37):
            self.submit("build", "col10642", "1.0", "--arch", "i386", job=job, wait=True)
        story = json.loads(self.command("explain", self.config, "36", "--json").stdout)
        log = story["attempts"][0]["log"]
        self.rbit.stop()
        long_ago = os.stat(log).st_mtime - 3 * 24 * 3600
        os.utime(log, (long_ago, long_ago))
        self.start()
        self.rbit.wait_for("1 old job logs were removed")
        self.assertFalse(os.path.exists(log))
        links = [name for name in os.listdir(self.path("state", "logs"))
                 if os.path.islink(self.path("state", "logs", name))]
        self.assertEqual(len(links), 1)
        self.assertIn("(removed since)", self.command("explain", self.config, "36").stdout)
        gone = self.command("log", self.config, "36")
        self.assertEqual(gone.returncode, 1)
        self.assertIn("keep-days", gone.stderr)
        self.assertEqual(self.command("log", self.config, "37").stdout, "hello\n")


if __name__ == "__main__":
    rbit_suite.main()
