"""[hook:NAME] before a job, and where the broker is away."""

import textwrap

import rbit_suite
from hook_suite import HookSuite
from rbit_suite import wait_until


class Before(HookSuite):
    def test_before_the_job_in_its_slot_in_order(self):
        self.hook(f"runner = shell!echo job >> {self.path('told')}",
                  {"b": f"run = shell!{self.tell}\non = before",
                   "a": f"run = shell!{self.tell}\non = before\nrequired = yes",
                   "c": f"run = shell!{self.tell}\non = before\nrunners = build",
                   "both": f"run = shell!{self.tell}\non = before done"})
        self.start()
        self.run_job()
        self.wait_for_told("a before  36 1", "b before  36 1", "both before  36 1",
                           "c before  36 1", "job", "both done Done 36 1")

    def test_a_required_one_refuses_the_job(self):
        self.hook(f"runner = shell!echo job >> {self.path('told')}",
                  {"gate": "run = shell!echo the disk is full; exit 9\non = before\n"
                           "required = yes",
                   "note": f"run = shell!{self.tell}\non = failed"})
        self.start()
        self.run_job()
        self.assert_statuses(36, "Building", "Failed")
        self.wait_for_told("note failed Failed 36 1 hook")
        [line] = self.rbit.lines_with("Job 36 failed")
        self.assertIn("hook: [hook:gate] exit 9: the disk is full", line)
        done = self.command("dead", "list", self.config)
        self.assertIn("hook", done.stdout)
        done = self.command("log", self.config, "36")
        self.assertIn("the disk is full", done.stdout + done.stderr)

    def test_75_of_a_required_one_is_blocked(self):
        self.hook(f"runner = shell!echo job >> {self.path('told')}\nretry-delay = 50ms",
                  {"gate": "run = shell![ $RBIT_ATTEMPT = 2 ] || exit 75\non = before\n"
                           "required = yes"})
        self.start()
        self.run_job()
        self.assert_statuses(36, "Building", "Blocked", "Building", "Done")
        self.assertEqual(self.told(), ["job"])

    def test_one_that_is_not_required_only_says_so(self):
        self.hook("runner = shell!true", {"bad": "run = shell!exit 75\non = before"})
        self.start()
        self.run_job()
        self.wait_for_status(36, "Done")
        [line] = self.rbit.lines_with("[rbit] [hook:bad]")
        self.assertIn("exit 75 (failed on before of job 36", line)

    def test_one_that_hangs_is_ended(self):
        self.hook(f"runner = shell!echo job >> {self.path('told')}",
                  {"gate": "run = shell!sleep 1000\non = before\nrequired = yes\n"
                           "timeout = 300ms"})
        self.start()
        self.run_job()
        self.assert_statuses(36, "Building", "Failed")
        [line] = self.rbit.lines_with("Job 36 failed")
        self.assertIn("[hook:gate] timeout", line)
        self.assertEqual(self.told(), [])

    def waiting_before(self, more=""):
        gate = self.gate("gate")
        self.hook(f"runner = shell!echo job >> {self.path('told')}",
                  {"gate": f"run = shell!{self.tell}; [ -e {self.path('second')} ] || "
                           f"read -r _ < {gate.path}\non = before\nrequired = yes\n"
                           "timeout = 1h", "note": f"run = shell!{self.tell}\non = cancelled"},
                  rbit=more)
        self.start()
        self.run_job()
        gate.wait_for_job()
        self.addCleanup(gate.end.close)

    def test_a_cancel_ends_it_and_the_job(self):
        self.waiting_before()
        self.command("cancel", self.config, "36")
        self.assert_statuses(36, "Building", "Cancelled")
        self.wait_for_told("gate before  36 1", "note cancelled Cancelled 36 1 cancelled")

    def test_a_stop_ends_it_and_costs_no_attempt(self):
        self.waiting_before("drain-timeout = 100ms")
        self.assertEqual(self.rbit.stop(), 0)
        self.write("second", "")
        self.start()
        self.wait_for_told("gate before  36 1", "gate before  36 1", "job")
        self.wait_for_status(36, "Done")

    def test_a_kill_of_rbit_ends_it_before_it_runs_again(self):
        self.waiting_before()
        self.rbit.kill()
        self.write("second", "")
        self.start()
        wait_until(lambda: "job" in self.told(), "the job")
        # The job had not started: it is the same attempt.
        self.assertEqual([line.rstrip() for line in self.told()],
                         ["gate before  36 1", "gate before  36 1", "job"])
        self.wait_for_status(36, "Done")

    def test_no_job_is_taken_for_a_required_one_that_cannot_work(self):
        self.hook("runner = shell!true",
                  {"gone": "run = shell!/nowhere/program\non = before\nrequired = yes"})
        self.start(until="its queues wait")
        [line] = self.rbit.lines_with("its queues wait")
        self.assertIn("[runner:build] cannot work, its queues wait: its [hook:gone]", line)
        self.run_job()
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.statuses(36), [])

    def test_python(self):
        self.write("mine.py", textwrap.dedent("""
            import rbit

            def check(build_request, settings):
                if build_request.get_package() == 'evil':
                    raise rbit.Failed('not for us')
            """))
        self.hook("runner = shell!true",
                  {"py": "run = python!mine:check\non = before\nrequired = yes"})
        self.start()
        self.submit("build", "good", job=1)
        self.submit("build", "evil", job=2)
        self.wait_for_status(1, "Done")
        self.wait_for_status(2, "Failed")
        [line] = self.rbit.wait_for("Job 2 failed")
        self.assertIn("not for us", line)


class ConnectionFail(HookSuite):
    def test_each_failure_is_told_one_at_a_time(self):
        port = rbit_suite.free_port()
        self.hook("runner = shell!true",
                  {"away": f"""
                      run = shell!mkdir {self.path('lock')} || echo two >> {self.path('told')}
                          echo "$RBIT_EVENT $RBIT_TRIES $RBIT_ERROR" >> {self.path('told')}
                          rmdir {self.path('lock')}
                      on = connection-fail
                      """}, amqp=f"url = amqp://127.0.0.1:{port}")
        self.start(until="127.0.0.1")
        wait_until(lambda: len(self.told()) >= 3, "three of them")
        self.assertEqual(self.rbit.stop(), 0)
        tries = [int(line.split()[1]) for line in self.told()]
        self.assertEqual(tries, sorted(set(tries)))
        self.assertEqual(tries[0], 1)
        for line in self.told():
            self.assertRegex(line, r"^connection-fail \d+ \S.*")

    def test_one_that_hangs_delays_nothing(self):
        port = rbit_suite.free_port()
        self.hook("runner = shell!true",
                  {"away": f"run = shell!echo $RBIT_TRIES >> {self.path('told')}; sleep 1000\n"
                           "on = connection-fail\ntimeout = 1h",
                   "other": f"run = shell!echo $RBIT_TRIES >> {self.path('others')}\n"
                            "on = connection-fail"}, amqp=f"url = amqp://127.0.0.1:{port}")
        self.start(until="127.0.0.1")
        wait_until(lambda: len(self.told("others")) >= 3, "three tries")
        self.assertEqual(self.told(), ["1"])
        self.assertEqual(self.rbit.stop(), 0)

    def test_check_knows_that_the_embedded_queue_has_none(self):
        self.hook("runner = shell!true", {"away": "run = shell!true\non = connection-fail"})
        done = self.command("check", self.config)
        self.assertIn("connection-fail never comes", done.stdout)


if __name__ == "__main__":
    rbit_suite.main()
