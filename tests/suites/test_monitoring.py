"""What rbit shows to machines: /live, /ready, /metrics, and the alert rules and the dashboard that
are shipped with it (rbit-monitor(7))."""

import json
import os
import re
import shutil
import subprocess
import unittest

import rbit_suite
from monitor_visitor import MonitorVisitor
from rbit_suite import SOURCE_DIR, Suite, free_port, wait_until

PROMETHEUS = os.path.join(SOURCE_DIR, "conf", "prometheus")
needs_promtool = unittest.skipUnless(
    shutil.which("promtool"), "promtool is not installed (apt-get install prometheus)")


def promtool(*arguments, text=None, cwd=PROMETHEUS):
    return subprocess.run(["promtool", *arguments], input=text, text=True, capture_output=True,
                          cwd=cwd, timeout=rbit_suite.PATIENCE)


class Watched(MonitorVisitor, Suite):
    def configure_watched(self, runners, more="", **others):
        self.port = free_port()
        self.configure(runners, more=f"[monitor]\nlisten = 127.0.0.1:{self.port}\n{more}\n",
                       **others)


class Health(Watched):
    def test_alive_and_ready(self):
        self.configure_watched({"build": "runner = shell!true"})
        self.start()
        self.assertEqual(self.get("/live"), (200, '{"status": "ok"}'))
        self.wait_until_ready()
        self.assertEqual(self.get("/ready"), (200, '{"journal": "ok", "broker": "ok", '
                                                   '"queues": "ok", "status": "ok"}'))
        self.assertEqual(self.sample("rbit_ready"), 1)

    def test_a_failed_job_makes_the_check_of_old_sick_and_rbit_no_less_ready(self):
        self.configure_watched({"build": "runner = shell!exit 1"})
        self.start()
        self.submit("build", "p", job=1)
        self.wait_for_status(1, "Failed")
        wait_until(lambda: self.get("/healthcheck") == (
            500, '{"outbox": "ok", "message": "Success rate: 0.0 (expected: 0.95)", '
                 '"fail": 1, "success": 0, "status": "fail"}'), "BarterDude's words")
        self.assertEqual(self.get("/ready")[0], 200)
        self.assertEqual(self.get("/live")[0], 200)

    def test_a_runner_that_cannot_work_is_named_with_the_reason(self):
        tool = self.path("tool")
        self.configure_watched({"build": f"runner = shell!{tool} %ID",
                                "other": "runner = shell!true"})
        self.start()
        self.rbit.wait_for("[runner:build] cannot work")
        code, body = self.wait_for_reason(tool)
        self.assertEqual(code, 503)
        said = json.loads(body)
        self.assertEqual(list(said["queues"]), ["build"])
        self.assertEqual((said["journal"], said["broker"], said["status"]), ("ok", "ok", "fail"))
        self.assertEqual(self.sample("rbit_ready"), 0)
        self.assertEqual(self.sample("rbit_queue_read", queue="build"), 0)
        self.assertEqual(self.sample("rbit_queue_read", queue="other"), 1)

    def test_while_it_drains_it_says_so(self):
        gate = self.gate("gate")
        self.configure_watched({"build": f"runner = shell!read -r _ < {self.path('gate')}"})
        self.start()
        self.submit("build", "p", job=1)
        gate.wait_for_job()
        self.rbit.process.terminate()
        self.rbit.wait_for("draining")
        code, body = self.get("/ready")
        self.assertEqual(code, 503)
        self.assertIn("told to stop", json.loads(body)["rbit"])
        self.assertEqual(self.get("/live")[0], 200)
        gate.let_through()
        self.assertEqual(self.rbit.process.wait(rbit_suite.PATIENCE), 0)


class Metrics(Watched):
    def test_jobs_by_queue_runner_outcome_and_reason(self):
        self.configure_watched({"good": "runner = shell!true", "bad": "runner = shell!exit 3",
                                "later": "runner = shell!exit 75\nretry-delay = 1h"})
        self.start()
        for job, queue in enumerate(("good", "good", "bad", "later"), 1):
            self.submit(queue, "p", job=job)
        self.wait_for_sample(2, "rbit_jobs_total", queue="good", runner="good", outcome="done",
                             reason="")
        self.wait_for_sample(1, "rbit_jobs_total", queue="bad", runner="bad", outcome="failed",
                             reason="exit")
        self.wait_for_sample(1, "rbit_job_retries_total", queue="later", runner="later",
                             reason="exit")
        self.assertEqual(self.sample("rbit_job_duration_seconds_count", queue="good",
                                     runner="good"), 2)
        self.assertEqual(self.sample("rbit_job_duration_seconds_bucket", queue="good",
                                     runner="good", le="1e-05"), 0)
        self.assertEqual(self.sample("rbit_job_duration_seconds_bucket", queue="good",
                                     runner="good", le="+Inf"), 2)

    def test_what_waits_runs_is_due_and_is_dead_by_queue(self):
        gate = self.gate("gate")
        runners = {"slow": f"runner = shell!read -r _ < {self.path('gate')}\nslots = 1",
                   "bad": "runner = shell!exit 3",
                   "later": "runner = shell!exit 75\nretry-delay = 1h"}
        self.configure_watched(runners)
        self.start()
        for job in range(1, 6):
            self.submit("slow", "p", job=job)
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        for job in range(6, 9):
            self.submit("bad", "p", job=job)
        for job in range(9, 11):
            self.submit("later", "p", job=job)
        self.wait_for_sample(4, "rbit_queue_waiting_messages", queue="slow")
        self.wait_for_sample(1, "rbit_queue_running_jobs", queue="slow")
        self.wait_for_sample(3, "rbit_queue_dead_messages", queue="bad")
        self.wait_for_sample(2, "rbit_queue_due_jobs", queue="later")
        for name, queue in (("due_jobs", "bad"), ("dead_messages", "slow"),
                            ("waiting_messages", "later"), ("running_jobs", "bad")):
            self.wait_for_sample(0, f"rbit_queue_{name}", queue=queue)
        self.assertEqual(self.command("dead", "drop", self.config, "--queue", "bad",
                                      "--all").returncode, 0)
        self.wait_for_sample(0, "rbit_queue_dead_messages", queue="bad")
        self.rbit.kill()
        self.start()
        self.wait_for_sample(2, "rbit_queue_due_jobs", queue="later")

    def test_the_process(self):
        self.configure_watched({"build": "runner = shell!true"})
        self.start()
        with open(f"/proc/{self.rbit.pid}/limits") as file:
            most = re.search(r"Max open files +(\d+)", file.read())[1]
        self.assertEqual(self.sample("process_max_fds"), int(most))
        self.assertGreater(self.sample("process_resident_memory_bytes"), 1 << 20)
        self.assertGreater(self.sample("process_open_fds"), 5)
        self.assertGreater(self.sample("process_start_time_seconds"), 1_600_000_000)

    @needs_promtool
    def test_promtool_finds_nothing_wrong(self):
        self.configure_watched({"build": "runner = shell!exit 3"},
                               more="label.site = a\"b\\c\n")
        self.start()
        self.submit("build", "p", job=1)
        self.wait_for_sample(1, "rbit_queue_dead_messages", queue="build", site='a\\"b\\\\c')
        done = promtool("check", "metrics", text=self.get("/metrics")[1])
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


class Shipped(Watched):
    @needs_promtool
    def test_the_alert_rules_are_sound(self):
        for arguments in (("check", "rules", "rbit.rules.yml"),
                          ("check", "config", "prometheus.yml")):
            done = promtool(*arguments)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("SUCCESS", done.stdout)

    @needs_promtool
    def test_alerts_come_when_they_should_and_not_else(self):
        done = promtool("test", "rules", "rbit.test.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("SUCCESS", done.stdout)

    @staticmethod
    def text_of(*path):
        with open(os.path.join(SOURCE_DIR, "conf", *path)) as file:
            return file.read()

    def known_metrics(self):
        """The names of all series that rbit has, as it says itself."""
        self.configure_watched({"build": "runner = shell!true"})
        self.start()
        names = {"up"}
        for name, kind in re.findall(r"(?m)^# TYPE (\S+) (\S+)$", self.get("/metrics")[1]):
            names.update({name} if kind != "histogram" else
                         {name + end for end in ("_bucket", "_count", "_sum")})
        return names

    def dashboard_queries(self):
        board = json.loads(self.text_of("grafana", "rbit.json"))
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield panel["title"], target["expr"]
        for variable in board["templating"]["list"]:
            yield variable["name"], variable["query"] if isinstance(
                variable["query"], str) else variable["query"]["query"]

    def test_rules_and_dashboard_name_only_metrics_that_there_are(self):
        known = self.known_metrics()
        queries = list(self.dashboard_queries())
        for file in ("rbit.rules.yml", "rbit.test.yml"):
            text = re.sub(r"(?m)^\s*#.*$|(?:summary|description|alert|name): .*$", "",
                          self.text_of("prometheus", file))
            queries.append((file, text))
        named = set()
        for where, query in queries:
            for name in re.findall(r"\b(?:rbit|process)_\w+", query):
                with self.subTest(where=where):
                    self.assertIn(name, known)
                named.add(name)
        self.assertGreater(len(named), 25)

    def test_each_rule_says_what_to_do_and_is_tried(self):
        rules = self.text_of("prometheus", "rbit.rules.yml")
        tests = self.text_of("prometheus", "rbit.test.yml")
        alerts = re.split(r"(?m)^\s+- alert: ", rules)[1:]
        self.assertGreater(len(alerts), 10)
        for alert in alerts:
            name = alert.split()[0]
            with self.subTest(name):
                self.assertRegex(alert, r"severity: (critical|warning)\n")
                self.assertRegex(alert, r"summary: \"[^\n]{10,}")
                self.assertRegex(alert, r"description: \"[^\n]{40,}")
                self.assertIn(name, tests)

    def test_the_dashboard_is_one_that_grafana_takes(self):
        board = json.loads(self.text_of("grafana", "rbit.json"))
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
            for target in panel.get("targets", []):
                self.assertEqual(target["datasource"]["uid"], "${datasource}", panel["title"])
        self.assertEqual([one["name"] for one in board["templating"]["list"]],
                         ["datasource", "instance", "queue"])


if __name__ == "__main__":
    rbit_suite.main()
