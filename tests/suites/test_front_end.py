"""Statuses to a PyBit front-end: in order, with its password, over its absences and ours."""

import rbit_suite
from front_end import FrontEnd
from pybit_messages import build_request
from rbit_suite import Suite, wait_until


class FrontEndSuite(Suite):
    def setUp(self):
        super().setUp()
        self.front_end = FrontEnd("rbit", "s3cret")
        self.addCleanup(self.front_end.go_down)

    def report_to_it(self, runners, rbit="", more=""):
        self.configure(runners, rbit, more=f"[status]\nreport = pybit\nurl = {self.front_end.url}\n"
                                           f"username = rbit\npassword = s3cret\n{more}")

    def wait_for_reports(self, job, *statuses):
        wait_until(lambda: len(self.front_end.statuses(job)) >= len(statuses),
                   f"{statuses} of job {job}, it has {self.front_end.statuses(job)}")
        self.assertEqual(self.front_end.statuses(job), list(statuses))


class Reports(FrontEndSuite):
    def test_building_and_done(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_reports(36, "Building", "Done")
        for request in self.front_end.requests:
            self.assertEqual(request["job"], "36")
            self.assertEqual(request["authorization"], "Basic cmJpdDpzM2NyZXQ=")
            self.assertLessEqual(set(request["form"]), {"status", "client"})

    def test_failed_is_final(self):
        self.report_to_it({"build": "runner = shell!exit 1"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_reports(36, "Building", "Failed")

    def test_blocked_each_time(self):
        self.report_to_it({"build": "runner = shell![ $RBIT_ATTEMPT = 2 ] || exit 75\n"
                                    "retry-delay = 50ms"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_reports(36, "Building", "Blocked", "Building", "Done")

    def test_names_of_its_own(self):
        self.report_to_it({"build": "runner = shell!true"}, more="name-done = Uploaded\n")
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_reports(36, "Building", "Uploaded")

    def test_a_job_that_pybit_does_not_know_is_not_reported_to_it(self):
        # `submit` without --job takes a number that no job of PyBit's has.
        self.report_to_it({"build": "runner = shell!true"})
        self.start()
        self.submit("build", "col10642", wait=True)
        self.submit("build", "known", job=36)
        self.wait_for_reports(36, "Building", "Done")
        self.assertEqual({request["job"] for request in self.front_end.requests}, {"36"})

    def test_the_password_is_in_no_log_and_no_listing(self):
        self.report_to_it({"build": "runner = shell!env"})
        self.start("--debug")
        self.submit("build", "col10642", job=36)
        self.wait_for_reports(36, "Building", "Done")
        self.front_end.answer = 401
        self.submit("build", "col10642", job=37)
        self.rbit.wait_for("answered 401")
        self.assertNotIn("s3cret", self.rbit.log)
        self.assertNotIn("s3cret", self.command("config", self.config).stdout)
        self.assertEqual(rbit_suite.processes_of("s3cret"), [])


class WhoIsTold(FrontEndSuite):
    """Only a host that the operator has written down."""

    def message(self, job):
        body = build_request(job=job, web_host=f"127.0.0.1:{self.front_end.port}")
        return self.write("message", body)

    def test_a_host_that_only_the_message_names_hears_nothing(self):
        self.configure({"build": "runner = shell!true"},
                       more="[status]\nreport = pybit\nallow-hosts = pybit.example:8080\n"
                            "username = rbit\npassword = s3cret")
        self.start()
        self.submit("build", file=self.message(36))
        self.wait_for_status(36, "Done")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.front_end.requests, [])

    def test_a_host_in_allow_hosts_is_told(self):
        self.configure({"build": "runner = shell!true"},
                       more=f"[status]\nreport = pybit\n"
                            f"allow-hosts = 127.0.0.1:{self.front_end.port}\n"
                            "username = rbit\npassword = s3cret")
        self.start()
        self.submit("build", file=self.message(36))
        self.wait_for_reports(36, "Building", "Done")

    def test_a_redirect_is_not_followed(self):
        other = FrontEnd()
        self.addCleanup(other.go_down)
        self.front_end.answer = 307
        self.front_end.headers = {"Location": f"{other.url}/job/36"}
        self.report_to_it({"build": "runner = shell!true"})
        self.start()
        self.submit("build", "col10642", job=36)
        wait_until(lambda: self.front_end.requests, "a report")
        self.wait_for_status(36, "Done")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(other.requests, [])


class Absent(FrontEndSuite):
    def test_jobs_go_on_and_all_statuses_arrive_in_order(self):
        self.report_to_it({"build": "runner = shell!exit $((RBIT_JOB_ID % 2))"})
        self.front_end.go_down()
        self.start()
        for number in range(1, 21):
            self.submit("build", "p", job=number)
        for number in range(1, 21):
            self.wait_for_status(number, "Failed" if number % 2 else "Done")
        self.front_end.come_up()
        for number in range(1, 21):
            self.wait_for_reports(number, "Building", "Failed" if number % 2 else "Done")

    def test_over_a_restart_of_rbit(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.front_end.go_down()
        self.start()
        for number in range(1, 6):
            self.submit("build", "p", job=number)
            self.wait_for_status(number, "Done")
        self.assertEqual(self.rbit.stop(), 0)
        self.start()
        self.submit("build", "p", job=6)
        self.wait_for_status(6, "Done")
        self.front_end.come_up()
        for number in range(1, 7):
            self.wait_for_reports(number, "Building", "Done")

    def test_over_a_kill_of_rbit(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.front_end.go_down()
        self.start()
        self.submit("build", "p", job=36)
        self.wait_for_status(36, "Done")
        self.wait_until_on_record(36)
        self.rbit.kill()
        self.front_end.come_up()
        self.start()
        self.wait_for_reports(36, "Building", "Done")

    def test_its_absence_is_said_once(self):
        # Not asked before a build either, or who asks says it too.
        self.report_to_it({"build": "runner = shell!true"}, more="check-before-build = no")
        self.front_end.go_down()
        self.start()
        for number in range(1, 11):
            self.submit("build", "p", job=number)
        for number in range(1, 11):
            self.wait_for_status(number, "Done")
        [said] = self.rbit.wait_for("(tried again by itself)")
        self.assertIn("WARN", said)
        self.front_end.come_up()
        self.wait_for_reports(10, "Building", "Done")
        self.assertEqual(self.rbit.lines_with("(tried again by itself)"), [said])


class Ill(FrontEndSuite):
    def test_500_is_tried_again(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.front_end.answer = 500
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_status(36, "Done")
        wait_until(lambda: self.front_end.requests, "a report")
        self.front_end.answer = 200
        self.wait_for_reports(36, "Building", "Done")

    def test_404_is_given_up(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.front_end.answer = 404
        self.start()
        self.submit("build", "col10642", job=36)
        wait_until(lambda: len(self.front_end.requests) >= 2, "two reports")
        self.front_end.answer = 200
        self.submit("build", "col10642", job=37)
        self.wait_for_reports(37, "Building", "Done")
        self.assertEqual(self.front_end.statuses(36), [])

    def test_401_keeps_the_reports_and_says_so_once(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.front_end.answer = 401
        self.start()
        for number in (1, 2, 3):
            self.submit("build", "p", job=number)
        for number in (1, 2, 3):
            self.wait_for_status(number, "Done")
        self.rbit.wait_for("are refused and wait")
        self.assertEqual(self.rbit.stop(), 0)
        [said] = self.rbit.lines_with("are refused and wait")
        self.assertIn("answered 401", said)
        self.front_end.answer = 200
        self.start()
        for number in (1, 2, 3):
            self.wait_for_reports(number, "Building", "Done")


if __name__ == "__main__":
    rbit_suite.main()
