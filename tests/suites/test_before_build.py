"""What a PyBit front-end says of a job before it is built, row by row."""

import json
import time

import rbit_suite
from front_end import FrontEnd
from pybit_messages import build_request
from rbit_suite import Suite, wait_until


def history(status, client=None, job=36):
    """The bytes of PyBit-web's answer, with one entry."""
    return (f'[{{"py/object": "pybit.models.JobHistory", "status": {json.dumps(status)}, '
            f'"job_id": {job}, "buildclient": {json.dumps(client)}, '
            f'"time": "2013-04-30 11:48:53.904134"}}]').encode()


class BeforeBuild(Suite):
    def setUp(self):
        super().setUp()
        self.front_end = FrontEnd("rbit", "s3cret")
        self.addCleanup(self.front_end.go_down)

    def run_rbit(self, policy="", rbit="", status=""):
        """Each job that is built leaves its number in the file `built`."""
        self.configure({"build": f"runner = shell!echo %JOB >> {self.path('built')}\n{policy}"},
                       rbit, more=f"[status]\nurl = {self.front_end.url}\nusername = rbit\n"
                                  f"password = s3cret\n{status}")
        self.start("--debug")

    def send(self, job):
        self.submit("build", file=self.write("message", build_request(job=job)))

    def built(self):
        try:
            return self.read("built").split()
        except FileNotFoundError:
            return []

    def wait_for_built(self, job):
        wait_until(lambda: str(job) in self.built(), f"job {job} to be built\n{self.rbit.log}")

    def wait_for_line(self, job, text):
        wait_until(lambda: [line for line in self.rbit.lines_with(f"job {job} ") if text in line],
                   f"{text!r} of job {job}\n{self.rbit.log[-3000:]}")

    def test_waiting_and_blocked_are_built(self):
        self.run_rbit()
        for job, status in enumerate(("Waiting", "Blocked"), 36):
            self.front_end.add(job, "Waiting", status)
            self.send(job)
            self.wait_for_built(job)
            self.wait_for_status(job, "Done")
        self.assertEqual(self.front_end.asked, ["36", "37"])

    def test_what_is_over_is_accepted_and_not_built(self):
        self.run_rbit()
        for job, status in enumerate(("Done", "Uploaded", "Cancelled"), 36):
            self.front_end.add(job, "Waiting", "Building", status)
            self.send(job)
            self.wait_for_line(job, f"is not built, its message is accepted: the front-end has it "
                                    f"as {status}")
        self.front_end.known = False
        self.send(99)
        self.wait_for_line(99, "the front-end knows no job 99")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.built(), [])
        self.assertEqual(self.front_end.requests, [])  # it is told nothing that it said itself
        self.assertIn("Done", self.command("explain", self.config, "36").stdout)

    def test_failed_is_accepted_with_a_warning(self):
        self.run_rbit()
        self.front_end.add(36, "Waiting", "Building", "Failed")
        self.send(36)
        self.wait_for_line(36, "is not built")
        self.assertTrue([line for line in self.rbit.lines_with("WARN") if "replay" in line])
        self.assertEqual(self.built(), [])

    def test_a_dead_letter_that_is_replayed_is_built_although_it_has_failed(self):
        self.configure({"build": f"runner = shell!test -e {self.path('mended')}"},
                       more=f"[status]\nurl = {self.front_end.url}\nusername = rbit\n"
                            f"password = s3cret\n")
        self.start()
        self.front_end.add(36)
        self.send(36)
        wait_until(lambda: self.front_end.statuses(36) == ["Building", "Failed"], "its failure")
        # It becomes a dead letter after that.
        wait_until(lambda: self.command("dead", "list", self.config).stdout, "its dead letter")
        self.write("mended", "")
        done = self.command("dead", "replay", self.config, "--all")
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: self.front_end.statuses(36)[-1] == "Done", "its success")

    def test_building_by_nobody_is_built(self):
        self.run_rbit()
        self.front_end.add(36, "Waiting", "Building")
        self.send(36)
        self.wait_for_built(36)

    def test_building_by_another_comes_back_and_is_built_in_the_end(self):
        self.run_rbit("attempts = 2\nretry-delay = 100ms")
        self.front_end.add(36, "Waiting", "Building", client="build_client_work-bench")
        self.send(36)
        self.wait_for_line(36, "is not built yet: the front-end has it as Building by "
                               "'build_client_work-bench'")
        self.wait_for_built(36)
        self.wait_for_status(36, "Done")
        self.assertEqual(self.front_end.asked, ["36"] * 3)  # twice put back
        wait_until(lambda: len(self.front_end.statuses(36)) >= 2, "its reports")
        self.assertEqual(self.front_end.statuses(36), ["Building", "Done"])

    def test_building_by_another_who_finishes_it_is_not_built(self):
        self.run_rbit("attempts = 100\nretry-delay = 100ms")
        self.front_end.add(36, "Waiting", "Building", client="build_client_work-bench")
        self.send(36)
        wait_until(lambda: len(self.front_end.asked) >= 2, "a second look")
        self.front_end.add(36, "Waiting", "Building", "Done", client="build_client_work-bench")
        self.wait_for_line(36, "its message is accepted")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.built(), [])

    def test_errors_and_nonsense_are_no_answer_and_the_job_is_built(self):
        self.run_rbit()
        answers = [401, 403, 400, 500, 502, b"", b"[]", b"null", b"{}", b"[null]",
                   history(None), history("Sleeping"), history("done"),
                   b"<html><body><h1>It works!</h1></body></html>", history("Done")[:-20],
                   b"\xff\xfe\x00", b"[" * 5000]
        for job, answer in enumerate(answers, 36):
            self.front_end.says[str(job)] = answer
            self.send(job)
            self.wait_for_built(job)
        self.front_end.says["99"] = history("Done", job=99)
        self.send(99)
        self.wait_for_line(99, "is not built")
        self.assertNotIn("99", self.built())

    def test_one_that_hangs_holds_nobody_up_for_long(self):
        self.run_rbit(rbit="slots = 1")
        self.front_end.hangs.clear()
        begun = time.monotonic()
        for job in range(36, 46):
            self.send(job)
        for job in range(36, 46):
            self.wait_for_built(job)
        # One job finds out, with 5 seconds of patience; asked one by one they would take 50.
        self.assertLess(time.monotonic() - begun, 45)
        self.assertGreater(time.monotonic() - begun, 4)
        self.assertEqual(len(self.rbit.lines_with("jobs are built unasked")), 1)

    def test_one_that_is_away_costs_no_job(self):
        self.run_rbit()
        self.front_end.go_down()
        self.send(36)
        self.wait_for_status(36, "Done")
        self.front_end.come_up()
        wait_until(lambda: self.front_end.statuses(36) == ["Building", "Done"], "its reports")

    def test_it_is_not_asked_where_it_may_not_or_need_not_be(self):
        self.run_rbit(status="check-before-build = no\n")
        self.front_end.add(36, "Waiting", "Done")
        self.send(36)
        self.wait_for_built(36)
        self.submit("build", "mine")  # an id that is rbit's own
        wait_until(lambda: len(self.built()) == 2, "both")
        self.assertEqual(self.front_end.asked, [])

    def test_a_report_of_a_job_it_does_not_know_is_dropped(self):
        self.run_rbit(status="check-before-build = no\n")
        self.front_end.known = False
        self.send(36)
        self.wait_for_status(36, "Done")
        self.rbit.wait_for("is dropped: the front-end knows no job 36", 2)
        self.front_end.add(37)
        self.send(37)
        wait_until(lambda: self.front_end.statuses(37) == ["Building", "Done"], "job 37")
        self.assertEqual(self.front_end.statuses(36), [])


if __name__ == "__main__":
    rbit_suite.main()
