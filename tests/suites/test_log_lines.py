"""The lines of rbit's log that scripts grep for, and the old names of job logs."""

import os
import re

import rbit_suite
from pybit_messages import build_request
from rbit_suite import Suite, wait_until


class LogLines(Suite):
    def line(self, level, text):
        """The line with exactly this text on logger rbit, or None."""
        pattern = re.compile(rf"^\S+ \S+ {level:<5} \[rbit\] {re.escape(text)}$", re.MULTILINE)
        return pattern.search(self.rbit.log)

    def wait_for_line(self, level, text):
        wait_until(lambda: self.line(level, text), f"{level} {text}\n{self.rbit.log}")

    def test_of_a_job_that_is_done(self):
        self.configure({"build": r"""
            runner = shell!echo '{"status": "Building", "message": "step 2 of 3"}' >&3; echo '{"status": "Done", "message": "all well"}' >&3; touch b.pdf a.pdf
            artifacts = *.pdf
            """})
        self.start("--debug")
        self.wait_for_line("DEBUG", "Connecting to queue with name: build")
        self.submit("build", "col10642", job=36, wait=True)
        output = self.path("state", "output")
        self.wait_for_line("DEBUG", f"Artifacts: '{output}/a.pdf', '{output}/b.pdf'")
        self.wait_for_line("INFO", "Job 36's state is now 'Done'.")
        self.wait_for_line("DEBUG", "Building - step 2 of 3")
        self.wait_for_line("DEBUG", "Done - all well")
        self.assertTrue(re.search(r" INFO  \[rbit\] Job '36', timestamp: \d{10}$", self.rbit.log,
                                  re.MULTILINE), self.rbit.log)
        self.assertEqual(len(self.rbit.lines_with("step 2 of 3")), 1, self.rbit.log)

    def test_of_a_job_that_is_not(self):
        self.configure({"build": "runner = shell![ $RBIT_ATTEMPT = 1 ] && exit 75; exit 2\n"
                                 "retry-delay = 50ms"})
        self.start("--debug")
        self.submit("build", "col10642", job=36, wait=True, expect=None)
        self.wait_for_line("INFO", "Job 36's state is now 'Blocked'.")
        self.wait_for_line("DEBUG", "Job 36 had issues. exit 75")
        self.wait_for_line("INFO", "Job 36's state is now 'Failed'.")
        self.wait_for_line("DEBUG", "Job 36 had issues. exit 2")

    def test_the_old_name_of_a_log_links_to_it(self):
        self.configure({"build": "runner = shell!echo hello %FORMAT; echo $RBIT_TIMESTAMP > "
                                 f"{self.path('stamp')}; echo world >&2"})
        self.start()
        self.submit("build", file=self.write("message", build_request(job=36, format="pdf")),
                    wait=True)
        link = self.path("state", "logs", f"col10642_1.2-desktop-{self.read('stamp').strip()}")
        self.assertTrue(os.path.islink(link))
        with open(link) as log:
            self.assertEqual(log.read(), "hello pdf\nworld\n")


if __name__ == "__main__":
    rbit_suite.main()
