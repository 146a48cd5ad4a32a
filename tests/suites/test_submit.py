"""rbit submit on the embedded queue: through the running rbit, or straight into its database."""

import json
import os
import socket
import subprocess
import threading

import rbit_suite
from local_queue import LocalQueue
from pybit_messages import BAD_MESSAGES, build_request
from rbit_suite import Suite


class Submit(Suite):
    def test_while_no_rbit_runs_the_message_waits(self):
        self.configure({"build": f"runner = shell!cat > {self.path('body')}"})
        self.submit("build", "col10642", "1.2", job=36)
        self.start()
        self.assert_statuses(36, "Building", "Done")
        self.assertEqual(json.loads(self.read("body"))["job"]["id"], 36)

    def test_while_rbit_starts(self):
        # Whoever of the two is first has the state directory; the other must not give up for that.
        self.configure({"build": "runner = shell!true"})
        for job in range(1, 21):
            self.start(until=None)
            self.submit("build", "col10642", job=job)
            self.wait_for_status(job, "Done")
            self.assertEqual(self.rbit.stop(), 0)

    def test_it_writes_what_pybit_writes(self):
        self.configure({"cnx_desktop_latex_pdf": f"runner = shell!cat > {self.path('body')}"})
        self.submit("cnx_desktop_latex_pdf", "col10642", "1.2", "--uri", "http://cnx.org/", job=36)
        self.start()
        self.wait_for_status(36, "Done")
        made = self.read("body")
        request = json.loads(made)
        self.assertEqual(made, json.dumps(request))  # ", " and ": " between, ASCII
        self.assertEqual(request["py/object"], "pybit.models.BuildRequest")
        instance = request["job"]["packageinstance"]
        self.assertEqual(instance["package"]["name"], "col10642")
        self.assertEqual(instance["package"]["version"], "1.2")
        self.assertEqual([instance[part]["name"] for part in
                          ("distribution", "arch", "suite", "format")],
                         ["cnx", "desktop", "latex", "pdf"])
        self.assertEqual(request["transport"]["uri"], "http://cnx.org/")
        self.assertIs(instance["master"], True)
        self.assertIsNone(request["timestamp"])

    def test_wait_prints_a_line_a_status(self):
        self.configure({"build": "runner = shell!true"})
        self.start()
        done = self.submit("build", "col10642", wait=True)
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()],
                         ["Building", "Done"], done.stdout)

    def test_wait_goes_on_over_blocked(self):
        self.configure({"build": """
            runner = shell![ $RBIT_ATTEMPT = 2 ] || exit 75
            retry-delay = 50ms
            """})
        self.start()
        done = self.submit("build", "col10642", wait=True)
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()],
                         ["Building", "Blocked", "Building", "Done"], done.stdout)

    def test_wait_ends_with_1_for_failed(self):
        self.configure({"build": "runner = shell!exit 2"})
        self.start()
        done = self.submit("build", "col10642", wait=True, expect=1)
        self.assertIn("Failed", done.stdout.splitlines()[-1])

    def test_all_three_generations_of_pybits_messages(self):
        self.configure({"build": f"runner = shell!cat > {self.path('body')}-%JOB"})
        self.start()
        for job, generation in enumerate("abc", 1):
            body = build_request(job=job, generation=generation)
            self.submit("build", file=self.write("message", body))
            self.assert_statuses(job, "Building", "Done")
            self.assertEqual(self.read(f"body-{job}").encode(), body)

    def test_in_the_order_they_came(self):
        self.configure({"build": f"runner = shell!echo %ID >> {self.path('order')}"},
                       rbit="slots = 1")
        for number in range(1, 21):
            self.submit("build", f"p{number}", job=number)
        self.start()
        self.wait_for_status(20, "Done")
        self.assertEqual(self.read("order").split(), [f"p{n}" for n in range(1, 21)])

    def test_the_same_submission_twice_is_two_jobs(self):
        self.configure({"build": f"runner = shell!echo run >> {self.path('runs')}"})
        self.start()
        message = self.write("message", build_request(job=36))
        for _ in range(2):
            self.submit("build", file=message, wait=True)
        self.assertEqual(self.read("runs"), "run\n" * 2)


class Waits(Suite):
    def said_to_who_waits(self):
        """What `submit --wait` says of the queue, once, while it waits."""
        with subprocess.Popen(
                [self.program, "submit", self.config, "--queue", "build", "--package", "p",
                 "--version", "1", "--wait"], text=True, env=self.environment(),
                stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as command:
            patience = threading.Timer(rbit_suite.PATIENCE, command.kill)
            patience.start()
            self.addCleanup(patience.cancel)
            self.assertIn("submitted ", command.stderr.readline())
            line = command.stderr.readline()
            command.kill()
            self.assertEqual(command.stderr.read(), "")
        return line

    def test_a_runner_that_cannot_work(self):
        self.write("broken.py", "def run(:\n")
        self.configure({"build": "runner = python!broken:run"})
        self.start()
        self.rbit.wait_for("[runner:build] cannot work")
        self.assertRegex(self.said_to_who_waits(),
                         "^queue build waits: its runner cannot work: .*invalid syntax")

    def test_an_intake_that_is_held(self):
        self.configure({"build": "runner = shell!true"}, rbit="min-free-disk = 100%")
        self.start()
        self.rbit.wait_for("nothing is taken until the disk has room again")
        self.assertRegex(self.said_to_who_waits(), "^queue build waits: state-dir .* are wanted")


class CutOff(LocalQueue):
    """The rbit that runs ends before it has answered."""

    def submit_to_one_that_ends(self, takes_it):
        self.configure({"build": f"runner = shell!echo %ID >> {self.path('runs')}"})
        self.start()
        self.assertEqual(self.rbit.stop(), 0)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path("state", "control.sock"))
            listener.listen()
            command = subprocess.Popen([self.program, "submit", self.config, "--queue", "build",
                                        "--package", "col10642", "--version", "1"], text=True,
                                       env=self.environment(), stdout=subprocess.PIPE)
            client, _ = listener.accept()
            os.unlink(self.path("state", "control.sock"))
            with client, client.makefile("rb") as lines:
                request = json.loads(lines.readline())
                if takes_it:
                    self.put("build", [request["body"].encode()], request["properties"])
        key = command.communicate(timeout=60)[0].strip()
        self.assertEqual((command.returncode, key), (0, json.loads(request["properties"])["message_id"]))
        self.start()
        rbit_suite.wait_until(lambda: self.rbit.lines_with("'Done'"), "the job")
        self.assertEqual(self.rbit.stop(), 0)
        with self.database() as database:
            self.assertEqual(database.execute("SELECT count(*) FROM message").fetchone(), (0,))
        self.assertEqual(self.read("runs"), "col10642\n")

    def test_what_it_had_taken_is_not_sent_again(self):
        self.submit_to_one_that_ends(takes_it=True)

    def test_what_it_had_not_taken_is(self):
        self.submit_to_one_that_ends(takes_it=False)


class Refused(Suite):
    def refused(self, *arguments, code=None):
        self.configure({"build": "runner = shell!true"})
        done = self.command("submit", self.config, *arguments)
        if code is None:
            self.assertNotEqual(done.returncode, 0)
        else:
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertTrue(done.stderr.strip())
        return done.stderr

    def test_a_queue_that_the_configuration_does_not_have(self):
        self.assertIn("biuld", self.refused("--queue", "biuld", "--package", "p",
                                            "--version", "1"))

    def test_no_version(self):
        self.assertIn("version", self.refused("--queue", "build", "--package", "p", code=2))

    def test_an_option_that_there_is_not(self):
        self.refused("--queue", "build", "--packge", "p", "--version", "1", code=2)

    def test_a_name_that_no_package_has(self):
        self.assertIn("package", self.refused("--queue", "build", "--package", "../x",
                                              "--version", "1"))

    def test_a_job_that_is_no_number(self):
        for job in ("abc", "007", "1" * 19, "-1", '36, "x": 1'):
            with self.subTest(job):
                said = self.refused("--queue", "build", "--package", "p", "--version", "1",
                                    "--job=" + job, code=2)
                self.assertIn("--job: ", said)
                self.assertIn("is no number of 1 to 18 digits (", said)

    def test_an_option_and_its_old_name_that_differ(self):
        self.assertIn("--platform: says another than --arch",
                      self.refused("--queue", "build", "--package", "p", "--version", "1",
                                   "--platform", "any", "--arch", "desktop", code=2))

    def test_a_file_that_is_not_there(self):
        self.assertIn("nowhere.json: cannot be read: No such file or directory (",
                      self.refused("--queue", "build", "nowhere.json"))

    def test_files_that_are_no_build_requests(self):
        for name, body in BAD_MESSAGES.items():
            with self.subTest(name):
                error = self.refused("--queue", "build", self.write(name, body))
                self.assertLess(len(error), 2000, "the body is no part of an error")

    def test_a_configuration_with_mistakes(self):
        self.configure_text("[rbit]\nqueue-mappings = a:nobody\n")
        done = self.command("submit", self.config, "--queue", "a", "--package", "p",
                            "--version", "1")
        self.assertEqual(done.returncode, 78)


if __name__ == "__main__":
    rbit_suite.main()
