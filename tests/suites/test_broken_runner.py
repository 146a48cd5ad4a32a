"""A runner that cannot work at all pauses its queue and burns none of its jobs."""

import json
import os
import urllib.error
import urllib.request

import rbit_suite
from rbit_suite import PATIENCE, Suite, free_port, wait_until

RETRY = 60  # s between looks at a broken runner


class Broken(Suite):
    def configure_with_health(self, runners, **more):
        self.port = free_port()
        self.configure(runners, more=f"[monitor]\nlisten = 127.0.0.1:{self.port}\n"
                                     "success-rate = 0\n", **more)

    def health(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthcheck") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_for_health(self, code):
        return wait_until(lambda: (lambda now: now if now[0] == code else None)(self.health()),
                          f"a health of {code}")

    def status_of(self, job):
        for line in self.command("jobs", self.config, "--json").stdout.splitlines():
            one = json.loads(line)
            if one["job"] == str(job):
                return one["status"], one["reason"], one["attempt"]
        return None

    def errors(self):
        return [line for line in self.rbit.log.splitlines() if "ERROR" in line]

    def test_a_missing_executable_and_back_again(self):
        tool = self.path("tool")
        self.configure_with_health({"build": f"runner = shell!{tool} %ID",
                                    "other": "runner = shell!true"})
        self.start()
        self.rbit.wait_for("[runner:build] cannot work")
        for job in (1, 2, 3):
            self.submit("build", "pkg", job=job)
        self.submit("other", "pkg", job=4)
        self.wait_for_status(4, "Done")
        self.assertEqual(self.statuses(1), [])
        self.assertEqual(len(self.errors()), 1, self.errors())
        self.assertIn(tool, self.errors()[0])
        _, body = self.wait_for_health(500)
        self.assertIn('"runners": "fail"', body)
        self.write("tool", "#!/bin/sh\necho $1\n")
        os.chmod(tool, 0o755)
        wait_until(lambda: "Done" in self.statuses(3), "the jobs", RETRY + PATIENCE)
        for job in (1, 2, 3):  # two at a time: not the last one to begin ends last
            self.assert_statuses(job, "Building", "Done")
        self.wait_for_health(200)
        self.assertEqual(self.command("dead", "list", self.config).stdout, "")

    def test_one_that_goes_away_between_two_jobs(self):
        tool = self.write("tool", "#!/bin/sh\ntrue\n")
        os.chmod(tool, 0o755)
        self.configure_with_health({"build": f"runner = shell!{tool}\nattempts = 1"})
        self.start()
        self.submit("build", "pkg", job=1)
        self.wait_for_status(1, "Done")
        os.unlink(tool)
        self.submit("build", "pkg", job=2)
        self.rbit.wait_for("[runner:build] cannot work")
        self.submit("build", "pkg", job=3)
        self.wait_for_health(500)
        wait_until(lambda: self.status_of(2) == ("Waiting", "not-started", 1),
                   "job 2 to wait again")
        self.assertEqual(self.statuses(3), [])
        self.assertEqual(self.command("dead", "list", self.config).stdout, "")
        self.rbit.stop()
        self.write("tool", "#!/bin/sh\necho $RBIT_ATTEMPT > %s\n" % self.path("attempt"))
        os.chmod(tool, 0o755)
        self.start()
        self.wait_for_status(2, "Done")
        self.wait_for_status(3, "Done")
        self.assertEqual(self.read("attempt"), "1\n")

    def test_a_missing_library(self):
        self.configure_with_health({"build": "runner = plugin!./missing.so:hello"})
        self.start()
        self.rbit.wait_for("[runner:build] cannot work")
        self.submit("build", "pkg", job=1)
        self.assertEqual(len(self.errors()), 1, self.errors())
        self.assertIn("missing.so", self.errors()[0])
        self.wait_for_health(500)
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_missing_python_module(self):
        self.configure_with_health({"build": "runner = python!no_such_module_at_all:run"})
        self.start()
        self.rbit.wait_for("[runner:build] cannot work")
        self.submit("build", "pkg", job=1)
        self.assertEqual(len(self.errors()), 1, self.errors())
        self.assertIn("no_such_module_at_all", self.errors()[0])
        self.wait_for_health(500)


if __name__ == "__main__":
    rbit_suite.main()
