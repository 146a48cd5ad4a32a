"""What an rbit that handed over still does for the jobs that it keeps."""

import json
import os
import signal

import rbit_suite
import supervisord
from monitor_visitor import MonitorVisitor
from rbit_suite import Suite, free_port, wait_until


class Kept(MonitorVisitor, Suite):
    def hand_over(self, job=1):
        """The old one, with its job, and the new one."""
        old = self.start()
        self.submit("build", "bash", job=job)
        self.wait_for_file("begun")
        old.signal(signal.SIGTERM)
        return old, self.start()

    def test_its_time_out(self):
        self.configure({"build": f"runner = shell!touch {self.path('begun')}; sleep 3600\n"
                                 "timeout = 2s\ngrace = 1\nattempts = 1"})
        old, new = self.hand_over()
        self.assert_statuses(1, "Building", "Failed")
        self.assertIn("timeout", new.log)
        self.assertEqual(old.wait(), 0)

    def test_a_python_function_in_its_warm_host(self):
        go = self.gate("gate")
        self.write("mine.py", f"""
import rbit
def run(body, context):
    open({self.path('begun')!r}, "w").close()
    rbit.progress(1, 2, "half")
    open({go.path!r}).readline()
    return {{"answer": 42}}
""")
        self.configure({"build": "runner = python!mine:run\nmessage = json"})
        self.start()
        done = self.command("submit", self.config, "--queue", "build", "--body", "{}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.wait_for_file("begun")
        old = self.rbit
        old.signal(signal.SIGTERM)
        new = self.start()
        go.let_through()
        self.assertEqual(old.wait(), 0)
        new.wait_for("state is now 'Done'")
        self.assertIn("42", self.command("explain", self.config, "last").stdout)

    def test_a_hook_before_it_goes_on_and_the_job_follows(self):
        go = self.gate("gate")
        self.configure({"build": f"runner = shell!echo job >> {self.path('told')}"}, more=f"""
            [hook:first]
            run = shell!touch {self.path('begun')}; read -r _ < {go.path}; echo hook >> {self.path('told')}
            on = before
            required = yes
            [hook:after]
            run = shell!echo after >> {self.path('told')}
            on = done
            """)
        old, new = self.hand_over()
        go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Done")
        wait_until(lambda: self.read("told").split() == ["hook", "job", "after"], "its story")

    def test_the_port_of_the_page_and_the_count_of_what_runs_are_the_new_ones(self):
        go = self.gate("gate")
        self.port = free_port()
        self.configure({"build": f"runner = shell!touch {self.path('begun')}; "
                                 f"read -r _ < {go.path}"},
                       more=f"[monitor]\nlisten = 127.0.0.1:{self.port}")
        old, new = self.hand_over()
        self.wait_until_ready()
        running = json.loads(self.get("/api/state")[1])["running"]
        self.assertEqual([one["package"] for one in running], ["bash"])
        go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Done")

    def test_a_job_that_asks_to_be_tried_later(self):
        go = self.gate("gate")
        self.configure({"build": f"runner = shell![ $RBIT_ATTEMPT = 2 ] || {{ touch {self.path('begun')}; "
                                 f"read -r _ < {go.path}; exit 75; }}\nretry-delay = 50ms"})
        old, new = self.hand_over()
        go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Blocked", "Building", "Done")

    def test_a_new_one_that_reads_its_queue_no_more(self):
        go = self.gate("gate")
        self.configure({"build": f"runner = shell!touch {self.path('begun')}; "
                                 f"read -r _ < {go.path}"})
        old = self.start()
        self.submit("build", "bash", job=1)
        self.wait_for_file("begun")
        old.signal(signal.SIGTERM)
        self.configure({"other": "runner = shell!true"})
        new = self.start()
        new.wait_for("goes on in rbit")
        go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Done")
        self.assertEqual(new.stop(), 0)

    def test_a_stopped_one_is_waited_for(self):
        go = self.gate("gate")
        self.configure({"build": f"runner = shell!touch {self.path('begun')}; echo run >> "
                                 f"{self.path('runs')}; read -r _ < {go.path}"})
        old, new = self.hand_over()
        old.signal(signal.SIGSTOP)
        new.kill()
        third = self.start(until="does not say which")
        self.assertEqual(third.lines_with("consuming"), [])
        old.signal(signal.SIGCONT)
        third.wait_for("goes on in rbit")
        go.let_through()
        self.assertEqual(old.wait(), 0)
        self.assert_statuses(1, "Building", "Done")
        self.assertEqual(self.read("runs").split(), ["run"])

    def test_under_supervisord_the_program_twice(self):
        go = self.gate("gate")
        self.configure({"build": f"runner = shell!touch {self.path('begun')}; "
                                 f"read -r _ < {go.path}"})
        program = (f"command={self.program} {self.config}\nautorestart=unexpected\nexitcodes=0\n"
                   f"startsecs=0\nredirect_stderr=true\n")
        ask = supervisord.start(
            self, f"[program:rbit-a]\n{program}stdout_logfile={self.path('a.log')}\n"
                  f"[program:rbit-b]\n{program}stdout_logfile={self.path('b.log')}\n"
                  "autostart=false\n")

        def control(*command):
            return ask(*command).stdout

        wait_until(lambda: "RUNNING" in control("status", "rbit-a"), "rbit-a")
        wait_until(lambda: "consuming" in self.read("a.log"), "rbit-a to take jobs")
        self.submit("build", "bash", job=1)
        self.wait_for_file("begun")
        control("signal", "TERM", "rbit-a")
        wait_until(lambda: "draining" in self.read("a.log"), "the drain")
        control("start", "rbit-b")
        wait_until(lambda: os.path.exists(self.path("b.log"))
                   and "goes on in rbit" in self.read("b.log"), "rbit-b to take over")
        self.assertIn("RUNNING", control("status", "rbit-a"))
        go.let_through()
        wait_until(lambda: "EXITED" in control("status", "rbit-a"), "rbit-a to end")
        wait_until(lambda: "Job 1's state is now 'Done'" in self.read("b.log"), "the job's end")
        self.assertIn("RUNNING", control("status", "rbit-b"))
        self.assertNotIn("goes on in rbit", self.read("a.log"))


if __name__ == "__main__":
    rbit_suite.main()
