"""Configuration files: old ones load unchanged, mistakes come with their lines, all at once."""

import os
import re
import subprocess

import rbit_suite
from pybit_messages import build_request
from rbit_suite import Suite

# Mistakes of many kinds in one file; its numbers are the lines they stand in.
MISTAKES = """\
text before the first section
[rbit]
queue-mappings =
    cnx_any_latex_pdf
    a:prnt
    b:print
    b:broken
polling_time = 60
poll-time = 30
junk line
[amqp]
host = one
host = two
port = abc
[runner:print]
runner = html2pdf %ID.pdf
timout = 3
[runner:broken]
runner = shell!echo %VERISON '%ID'
pipeline = a
[runner:empty]
output-dir = /srv
[runner:kind]
runner = perl!x
[handlers]
keys = console
[loggers]
keys = root
[formatters]
keys =
[logger_root]
handlers = console
[handler_console]
class = ColourHandler
args = (os.path.join,)
"""


class Mistakes(Suite):
    def test_all_at_once_with_file_and_line_and_78(self):
        self.configure_text(MISTAKES)
        rbit = self.start(until=None)
        self.assertEqual(rbit.wait(), 78)
        lines = rbit.log.splitlines()
        expected = {1: "before the first", 4: "names no runner", 5: "did you mean",
                    7: "'b'", 9: "differ", 10: "junk line", 13: "warning", 14: "'abc'",
                    16: "no '!'", 17: "timeout", 19: "VERSION", 20: "pipeline",
                    34: "ColourHandler", 35: "os.path.join"}
        for number, words in expected.items():
            with self.subTest(line=number):
                self.assertTrue([line for line in lines
                                 if re.match(rf"\S*rbit\.ini:{number}: ", line) and words in line],
                                rbit.log)
        for line in lines:
            self.assertRegex(line, r"^\S*rbit\.ini(:\d+)?: ")

    def test_check_says_the_same_and_ends_the_same(self):
        self.configure_text(MISTAKES)
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 78)
        self.assertEqual((done.stdout + done.stderr).count("rbit.ini:14: "), 1)

    def test_warnings_do_not_stop_it(self):
        self.configure({"build": "runner = shell!true\ntimout = 3"})
        self.start()
        self.assertEqual(len(self.rbit.lines_with("timout")), 1)
        self.submit("build", "p", job=1)
        self.wait_for_status(1, "Done")

    def test_an_unknown_command(self):
        self.configure({"build": "runner = shell!true"})
        for words, said in ((["publish"], "unknown command 'publish'"),
                            (["publish", self.config], "the commands are run, check, submit, validate"),
                            (["job", self.config], "did you mean rbit jobs?"),
                            (["no.such", self.config], "unknown command 'no.such'"),
                            ([self.config, "jobs"], f"rbit jobs {self.config}")):
            done = self.command(*words)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)
        self.assertEqual(self.command("no-such.ini").returncode, 78)

    def test_a_word_too_many_or_unknown(self):
        self.configure({"build": "runner = shell!true"})
        for words, said in ((["log", self.config, "a", "b"], "'b' is one argument too many"),
                            (["config", self.config, "x"], "'x' is one argument too many"),
                            ([self.config, "x"], "'x' is one argument too many"),
                            (["dead", "lst", self.config], "'lst' after dead (did you mean list?)"),
                            (["dead", self.config, "list"], f"(rbit dead list {self.config})"),
                            (["check", "--root", "/nowhere", self.config], "'/nowhere' is no dir")):
            with self.subTest(words):
                done = self.command(*words)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(said, done.stderr)
        self.assertEqual(self.command("version").stdout, self.command("--version").stdout)

    def test_what_is_missing_or_wrong_is_named_with_its_command(self):
        config = self.config
        for words, said in ((["reload"], "rbit reload: CONFIG is missing, the INI file\n"),
                            (["--debug"], "rbit: CONFIG is missing, the INI file\n"),
                            (["log", config], "rbit log: JOB is missing: a key or an unambig"),
                            (["try", config], "rbit try: RUNNER is missing, the NAME of a section"),
                            (["try", config, "r"], "rbit try: MESSAGE-FILE is missing, the file"),
                            (["validate", config, "r"], "rbit validate: a FILE is missing\n"),
                            (["dead", "show", config], "rbit dead show: an ID is missing\n"),
                            (["dead", "drop"], "rbit dead drop: CONFIG is missing, the INI file\n"),
                            (["submit", config], "rbit submit: the option '--queue' is required"),
                            (["jobs", config, "--limt", "3"], "(did you mean --limit?)\n"),
                            (["jobs", config, "--limit", "x"],
                             "rbit jobs: the argument ('x') for option '--limit' is invalid "
                             "(--limit: how many at the most; 0: 10000)\n"),
                            (["jobs", config, "--limit"],
                             "rbit jobs: the required argument for option '--limit' is missing")):
            with self.subTest(words):
                done = self.command(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(said, done.stderr)
                self.assertTrue(done.stderr.startswith("rbit"), done.stderr)
                self.assertIn("\nusage: rbit ", done.stderr)

    def test_a_file_that_is_not_there(self):
        for command in ((), ("check",), ("config",), ("jobs",), ("explain",)):
            with self.subTest(command):
                job = ("36",) if command == ("explain",) else ()
                done = self.command(*command, self.path("nowhere.ini"), *job)
                self.assertEqual(done.returncode, 78)
                self.assertIn("nowhere.ini: No such file or directory (correct the path",
                              done.stdout + done.stderr)

    def test_a_command_with_a_slip(self):
        for arguments in (("chekc",), ("chekc", "rbit.ini"), ("sumbit", "rbit.ini", "--queue", "q")):
            with self.subTest(arguments):
                done = self.command(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, r"unknown command .*\(did you mean rbit (check|submit)\? ")
        self.configure({"build": "runner = shell!true"})
        os.rename(self.config, self.path("chekc"))  # a file of that name is a file
        self.config = self.path("chekc")
        self.start()
        self.assertEqual(self.rbit.stop(), 0)

    def test_no_arguments_and_wrong_ones(self):
        self.assertEqual(self.command().returncode, 2)
        self.configure({"build": "runner = shell!true"})
        self.assertEqual(self.command(self.config, "--no-such-option").returncode, 2)


# The three dialects of old files. Only what cannot work on a test machine is left to the
# reader's eye: `rbit config` reads them as they stand.
LEGACY = """\
[rbit]
# the BuildBox name in PyBit's web interface
name = saw-horse
polling_time = 60
architecture = any
distribution = cnx
format = pdf
suites = latex, princexml
[amqp]
host = localhost
port = 5672
user = guest
password = guest
[runner:cnx_any_latex_pdf]
runner = python!rbitext.rhaptos_print:make_print
python = /usr/local/bin/python2.4
print-dir = Products.RhaptosPrint/Products/RhaptosPrint/printing
host = http://cnx.org
[loggers]
keys = root, rbit
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = INFO
handlers = console
[logger_rbit]
level = DEBUG
handlers =
qualname = rbit
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic
[formatter_generic]
format = %(asctime)s %(levelname)-5.5s [%(name)s] %(message)s
"""

MAPPINGS = """\
[DEFAULT]
output-dir = /srv/output
[rbit]
name = work-bench
queue-mappings =
    cnx_desktop_latex_pdf:print
# a comment in column 0 does not end the list
    cnx_desktop_latex_epub:print
[amqp]
host: localhost
virtual_host = builds
user = rbit
password = secret ; inline comment
[runner:print]
runner = python!roadrunners.legacy:make_print
Print-Dir = /opt/rhaptos/printing
[loggers]
keys = root
[handlers]
keys = file
[formatters]
keys = plain
[logger_root]
level = WARN
handlers = file
[handler_file]
class = handlers.RotatingFileHandler
args = ('/var/log/rbit.log', 'a', 1000000, 5)
formatter = plain
[formatter_plain]
format = %(asctime)s %(process)d %(message)s
datefmt = %H:%M:%S
"""

COYOTE = """\
[coyote]
queue-mappings =
    cnx_desktop_latex_completezip:completezip
[amqp]
host = localhost
[runner:completezip]
runner = python!roadrunners.legacy:make_completezip
output-dir = /srv/output
username = reader
password = secret
[loggers]
keys = root, coyote
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = DEBUG
handlers = console
[logger_coyote]
handlers =
qualname = coyote
[handler_console]
class = logging.StreamHandler
args = ()
"""


class OldFiles(Suite):
    def config_of(self, text):
        self.configure_text(text)
        done = self.command("config", "rbit.ini")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(" secret", done.stdout)
        return done

    def test_the_legacy_form(self):
        shown = self.config_of(LEGACY)
        self.assertIn("cnx_any_latex_pdf", shown.stdout)
        self.assertIn("\n(rbit.ini:4) poll-time = 60\n", shown.stdout)
        self.assertIn("\n(default) attempts = 5\n", shown.stdout)
        self.assertIn("saw-horse", shown.stdout)
        # A suite without a runner is a warning, and its queue is not read.
        self.assertIn("cnx_any_princexml_pdf", shown.stdout + shown.stderr)

    def test_queue_mappings(self):
        shown = self.config_of(MAPPINGS).stdout
        self.assertIn("cnx_desktop_latex_pdf", shown)
        self.assertIn("cnx_desktop_latex_epub", shown)
        self.assertIn("builds", shown)
        self.assertIn("/opt/rhaptos/printing", shown)

    def test_coyote(self):
        shown = self.config_of(COYOTE).stdout
        self.assertIn("completezip", shown)
        self.assertIn("acme-status", shown)

    def test_the_legacy_form_runs(self):
        text = LEGACY.replace("python!rbitext.rhaptos_print:make_print",
                              f"shell!echo %(print-dir)s > {self.path('out')}")
        text = text.replace("host = localhost\n", "url = local:\n").replace("port = 5672\n", "")
        text = text.replace("user = guest\npassword = guest\n", "")
        text = text.replace("polling_time = 60\n", "polling_time = 1\nstate-dir = state\n")
        self.configure_text(text)
        self.start()
        self.submit("cnx_any_latex_pdf", "col10642", job=36)
        self.wait_for_status(36, "Done")
        self.assertEqual(self.read("out"),
                         "Products.RhaptosPrint/Products/RhaptosPrint/printing\n")

    def run_old(self, text, job, runner="false"):
        """One job of an old file whose runner line and broker are of this machine."""
        text = re.sub(r"runner = python!\S+", f"runner = shell!{runner}", text)
        text = re.sub(r"\[amqp\](\n\w.*)+", "[amqp]\nurl = local:", text)
        text = re.sub(r"(\[(rbit|coyote)\]\n)", r"\1state-dir = state\n", text)
        self.configure_text(text)
        self.start(until=None)
        queue = re.search(r"    (\w+):", text)[1]
        self.submit(queue, "col10642", job=job, wait=True, expect=1)
        self.assertEqual(self.rbit.stop(), 0)

    def test_queue_mappings_logs_as_it_says(self):
        text = MAPPINGS.replace("/var/log/rbit.log", self.path("logs", "rbit.log"))
        self.run_old(text.replace("level = WARN", "level = INFO"), 36)
        self.assertEqual(self.rbit.log, "")
        log = self.read("logs", "rbit.log")
        for line in log.splitlines():
            self.assertRegex(line, rf"^\d\d:\d\d:\d\d {self.rbit.pid} \S")
        self.assertIn(f" {self.rbit.pid} Job 36's state is now 'Failed'.\n", log)

    def test_coyote_logs_bare_messages(self):
        self.run_old(COYOTE, 36)
        self.assertIn("\nJob 36's state is now 'Failed'.\n", self.rbit.log)
        self.assertIn("\nJob 36 had issues. exit 1\n", self.rbit.log)  # at level DEBUG

    def test_the_readme_of_the_ancestor(self):
        self.configure_text("""\
[rbit]
queue-mappings = cnx_desktop_latex_pdf:pdf
state-dir = state
[amqp]
url = local:
[runner:pdf]
runner = shell!cp module.pdf {settings.deposit_location}/
deposit_location = DIRECTORY
""".replace("DIRECTORY", self.path("state")))
        self.start()
        done = self.submit("cnx_desktop_latex_pdf", "m9003", job=36, wait=True, expect=1)
        self.assertIn("module.pdf", done.stdout)  # there is none to copy


class Include(Suite):
    def test_runners_and_queues_from_files_beside_it(self):
        os.mkdir(self.path("conf.d"))
        self.configure({"build": "runner = shell!true"}, rbit="include = conf.d/*.ini secret.ini")
        self.write("conf.d/one.ini", "[rbit]\nqueue-mappings = more:more\n"
                                     "[runner:more]\nrunner = shell!echo hello %ID\n")
        self.write("secret.ini", "[runner:more]\npassword = topsecret\n")
        os.chmod(self.path("secret.ini"), 0o600)
        shown = self.command("config", "rbit.ini")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("\n(conf.d/one.ini:4) runner = shell!echo hello %ID\n", shown.stdout)
        self.assertIn("\n(secret.ini:2) password = ***\n", shown.stdout)
        self.start()
        self.submit("more", "col10642", job=36, wait=True)
        self.assertIn("hello col10642", self.command("log", self.config, "36").stdout)

    def test_one_that_is_not_there_and_one_with_mistakes(self):
        self.configure({"build": "runner = shell!true"}, rbit="include = gone.ini bad.ini")
        self.write("bad.ini", "[rbit]\nqueue-mappings = q:nobody\n[monitor]\nlisten = x\n")
        done = self.command("check", "rbit.ini")
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stdout, r"FAIL rbit.ini:\d+: \[rbit\] include: gone.ini: No such file")
        self.assertIn("FAIL bad.ini:2: [rbit] queue-mappings: no [runner:nobody]", done.stdout)
        self.assertIn("FAIL bad.ini:4: [monitor] listen: ", done.stdout)


class Environment(Suite):
    def test_barterdudes_variables(self):
        self.configure({"build": "runner = shell!true"})
        done = subprocess.run([self.program, "config", self.config], text=True, capture_output=True,
                              env=self.environment(BARTERDUDE_DEFAULT_LOG_LEVEL="30",
                                                   ASYNCWORKER_HTTP_PORT="8081"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("\n(environment) level = WARNING\n", done.stdout)
        self.assertIn("\n(environment) listen = 127.0.0.1:8081\n", done.stdout)
        self.start(environment=self.environment(BARTERDUDE_DEFAULT_APP_NAME="builds"))
        self.assertTrue(self.rbit.lines_with("INFO  [builds] "))
        self.assertEqual(self.rbit.lines_with("[rbit] "), [])
        self.assertEqual(self.rbit.stop(), 0)
        done = subprocess.run([self.program, self.config], text=True, capture_output=True,
                              env=self.environment(ASYNCWORKER_HTTP_PORT="http"))
        self.assertEqual(done.returncode, 78)
        self.assertIn("environment: ASYNCWORKER_HTTP_PORT: 'http' is not", done.stderr)


class Check(Suite):
    def test_a_good_file(self):
        self.configure({"build": "runner = shell!true"})
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_plugin_that_is_not_there(self):
        self.configure({"build": "runner = plugin!libnowhere.so:x"})
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("libnowhere.so", done.stdout + done.stderr)


class Try(Suite):
    def try_(self, line, expect):
        self.configure({"build": f"runner = {line}"})
        message = self.write("message", build_request())
        done = self.command("try", self.config, "build", message)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def test_its_exit_codes(self):
        self.try_("shell!true", 0)
        self.try_("shell!exit 3", 1)
        self.try_("shell!exit 75", 75)

    def test_it_shows_what_the_job_says(self):
        done = self.try_("shell!echo hello %ID", 0)
        self.assertIn("hello col10642", done.stdout + done.stderr)

    def test_a_runner_that_there_is_not(self):
        self.configure({"build": "runner = shell!true"})
        done = self.command("try", self.config, "biuld", self.write("message", b"{}"))
        self.assertIn(done.returncode, (2, 78))
        self.assertIn("[runner:biuld]: is not in the configuration (did you mean 'build'?)",
                      done.stderr)
        done = self.command("try", self.config, "build", self.path("nowhere.json"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere.json: cannot be read: No such file or directory (", done.stderr)


class Jobs(Suite):
    def test_the_list_while_it_runs_and_afterwards(self):
        self.configure({"build": "runner = shell!echo hello %ID; exit $((RBIT_JOB_ID - 36))"})
        self.start()
        self.submit("build", "col10642", "1.2", job=36, wait=True)
        self.submit("build", "col10643", "1.3", job=37, wait=True, expect=1)
        for _ in range(2):
            done = self.command("jobs", self.config)
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
            text = done.stdout
            self.assertIn("col10642", text)
            self.assertIn("exit 1", text)
            self.assertTrue(rows)
            if self.rbit.process.poll() is None:
                self.rbit.stop()

    def test_the_log_of_a_job(self):
        self.configure({"build": "runner = shell!echo hello %ID"})
        self.start()
        self.submit("build", "col10642", job=36, wait=True)
        done = self.command("log", self.config, "36")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("hello col10642", done.stdout)

    def test_cancel(self):
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {gate.path}\ngrace = 1"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.wait_for_status(36, "Building")
        done = self.command("cancel", self.config, "36")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_statuses(36, "Building", "Cancelled")


if __name__ == "__main__":
    rbit_suite.main()
