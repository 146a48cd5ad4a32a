"""The lines of rbit's log that scripts grep for, and the old names of job logs."""

import json
import os
import re
import signal

import rbit_suite
from pybit_messages import build_request
from rbit_suite import SOURCE_DIR, Suite, wait_until


def log_calls(name, source):
    """Each call of the log in a source file of ours, in one line behind the file's name."""
    calls = []
    for found in re.finditer(r"\blog::(debug|info|warning|error|critical|write)\(", source):
        end, depth = found.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        calls.append(f"{name}: {' '.join(source[found.start():end].split())}")
    return calls


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

    def test_a_start_says_what_it_is(self):
        self.configure({"build": "runner = shell!true"})
        self.start()
        self.submit("build", "col10642", "1.2", job=36, wait=True)
        [line] = self.rbit.lines_with("Job 36 starts: ")
        self.assertRegex(line, r" INFO  \[rbit\] Job 36 starts: package col10642 1\.2, queue build, "
                               r"runner build, attempt 1, key \S+$")

    def configure_failing(self, form):
        self.configure({"build": """
            runner = shell!echo no event >&3; [ $RBIT_ATTEMPT = 1 ] && exit 75; exit 2
            retry-delay = 50ms
            """}, more=f"[log]\nformat = {form}\n")
        self.start("--debug")
        self.submit("build", "col10642", "1.2", job=36, wait=True, expect=None)
        self.rbit.wait_for("Job 36 used", times=2)
        self.assertEqual(self.rbit.stop(), 0)
        return [line for line in self.rbit.log.splitlines()
                if re.search(r"\b[Jj]ob '?36\b|that is no event", line)]

    FACTS = {"job": "36", "queue": "build", "runner": "build"}

    def test_text_has_levels_written_whole_and_the_facts_of_the_job_in_each_line_about_it(self):
        lines = self.configure_failing("text")
        self.assertGreater(len(lines), 10, self.rbit.log)
        levels = set()
        for line in lines:
            found = re.fullmatch(r"\S+ \S+ (DEBUG   |INFO    |WARNING ) \[rbit\] (.*?) \((job=[^()]*)\)",
                                 line)
            self.assertTrue(found, line)
            levels.add(found[1].strip())
            facts = dict(fact.split("=", 1) for fact in found[3].split())
            self.assertLessEqual(self.FACTS.items(), facts.items(), line)
            self.assertIn(facts["attempt"], ("1", "2"), line)
            self.assertTrue(facts["key"], line)
        self.assertEqual(levels, {"DEBUG", "INFO", "WARNING"})
        self.assertTrue(any("Job 36's state is now 'Failed'. (job=36 " in line for line in lines))
        self.assertTrue(any("package=col10642 version=1.2)" in line for line in lines))

    def test_json_has_the_same_facts(self):
        lines = [json.loads(line) for line in self.configure_failing("json")]
        self.assertGreater(len(lines), 10, self.rbit.log)
        for line in lines:
            self.assertLessEqual(self.FACTS.items(), line.items(), line)
            self.assertIn(line["attempt"], ("1", "2"), line)
            self.assertTrue(line["key"], line)
            members = list(line)
            at = members.index("job")
            self.assertEqual(members[at:at + 5], ["job", "queue", "runner", "attempt", "key"])
            self.assertEqual(members[-1], "timestamp")

    def test_every_call_of_the_log_that_names_a_job_hands_its_facts_on(self):
        calls = []
        for folder in ("rbit", "runners"):
            for directory, _, names in os.walk(os.path.join(SOURCE_DIR, folder)):
                for name in names:
                    if name.endswith(".cpp"):
                        with open(os.path.join(directory, name)) as file:
                            calls += log_calls(name, file.read())
        self.assertGreater(len(calls), 150)
        about_jobs = [call for call in calls
                      if re.search(r'"[^"]*\b[Jj]ob \'?" \+|\bjob\.(key|name\(\))', call)]
        self.assertGreater(len(about_jobs), 25)
        self.assertEqual([call for call in about_jobs
                          if not re.search(r"facts|fields|\{\{\"job\"", call)], [])

    def test_signals_open_the_file_again(self):
        log = self.path("own.log")
        self.configure({"build": "runner = shell!true"}, more=f"[log]\nfile = {log}\n")
        self.start(until=None)
        for number, reopen in enumerate((signal.SIGUSR2, signal.SIGHUP), 1):
            self.submit("build", "p", job=number, wait=True)
            wait_until(lambda: f"Job {number} used" in self.read("own.log"), "its lines")
            os.rename(log, f"{log}.{number}")
            self.rbit.process.send_signal(reopen)
            wait_until(lambda: os.path.exists(log), "the new file")
        self.submit("build", "p", job=3, wait=True)
        wait_until(lambda: "Job 3 used" in self.read("own.log"), "its lines")
        for number in (1, 2):
            self.assertNotIn("Job 3 ", self.read(f"own.log.{number}"))

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
