"""Python's logging sections, as old files have them, decide where the log of rbit goes."""

import json
import os
import re
import signal
import socket

import rbit_suite
from rbit_suite import Suite, wait_until

LOGGERS = """\
[loggers]
keys = root, rbit{more}
[logger_root]
level = {level}
handlers = {handlers}
[logger_rbit]
level = DEBUG
handlers =
qualname = rbit
[handlers]
keys = {handlers}
[formatters]
keys = plain, generic
[formatter_plain]
format = %(levelno)d|%(name)s|%(message)s
[formatter_generic]
format = %(asctime)s %(levelname)-5.5s [%(name)s] %(message)s
"""
GENERIC = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z ]{5} \[rbit\] "


def handler(name, type_, args, formatter="plain", level="NOTSET"):
    return (f"[handler_{name}]\nclass = {type_}\nargs = {args}\nlevel = {level}\n"
            f"formatter = {formatter}\n")


class PythonLogging(Suite):
    def run_one(self, handlers, *sections, level="INFO", more="", log="", arguments=()):
        """One job that fails, under these handlers; the rbit that did it has ended."""
        self.configure({"build": "runner = shell!exit 1"},
                       more=LOGGERS.format(handlers=handlers, level=level, more=more)
                       + "".join(sections) + log)
        self.start(*arguments, until=None)
        self.submit("build", "p", job=36, wait=True, expect=1)
        self.assertEqual(self.rbit.stop(), 0)

    def test_several_handlers_each_with_its_level_and_format(self):
        self.run_one("console, all, bad",
                     handler("console", "StreamHandler", "(sys.stderr,)", "generic"),
                     handler("all", "FileHandler", "('all.log', 'a')"),
                     handler("bad", "logging.FileHandler", "('sub/bad.log',)", level="ERROR"))
        for line in self.rbit.log.splitlines():
            self.assertRegex(line, "^" + GENERIC)
        self.assertIn("Job '36', timestamp: ", self.rbit.log)
        everything = self.read("all.log")
        self.assertIn("20|rbit|Job 36's state is now 'Failed'.\n", everything)
        self.assertIn("10|rbit|Job 36 had issues. exit 1\n", everything)
        self.assertEqual(self.read("sub", "bad.log"), "")

    def test_a_rotating_file_keeps_its_backups_by_pythons_names(self):
        self.run_one("file", handler("file", "handlers.RotatingFileHandler",
                                     "('rbit.log', 'a', 200, 2)"))
        names = sorted(name for name in os.listdir(self.directory) if "rbit.log" in name)
        self.assertEqual(names, ["rbit.log", "rbit.log.1", "rbit.log.2"])
        for name in names:
            self.assertLess(os.path.getsize(self.path(name)), 400)
        self.assertEqual(self.rbit.log, "")

    def test_a_timed_file_and_a_watched_one(self):
        self.configure({"build": "runner = shell!true"}, more=LOGGERS.format(
            handlers="timed, watched", level="INFO", more="")
            + handler("timed", "handlers.TimedRotatingFileHandler", "('timed.log', 'S', 1, 3)")
            + handler("watched", "handlers.WatchedFileHandler", "('watched.log',)"))
        self.start(until=None)
        self.submit("build", "p", job=36, wait=True)
        os.rename(self.path("watched.log"), self.path("watched.old"))
        turned = re.compile(r"timed\.log\.\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$")
        number = 100

        def has_turned():
            nonlocal number
            number += 1
            self.submit("build", "p", job=number, wait=True)
            return any(turned.match(name) for name in os.listdir(self.directory))
        wait_until(has_turned, "a turn of the file")
        self.assertIn("Job '101'", self.read("watched.log"))
        self.assertNotIn("Job '101'", self.read("watched.old"))

    def test_sighup_opens_files_again(self):
        self.configure({"build": "runner = shell!true"}, more=LOGGERS.format(
            handlers="file", level="INFO", more="")
            + handler("file", "FileHandler", "('rbit.log', 'w')"))
        self.start(until=None)
        self.submit("build", "p", job=36, wait=True)
        wait_until(lambda: "Job '36'" in self.read("rbit.log"), "its line")
        os.rename(self.path("rbit.log"), self.path("rbit.old"))
        self.rbit.signal(signal.SIGHUP)
        self.wait_for_file("rbit.log")
        self.submit("build", "p", job=37, wait=True)
        wait_until(lambda: "Job '37'" in self.read("rbit.log"), "its line")
        self.assertIn("Job '36'", self.read("rbit.old"))

    def test_syslog_by_its_socket_and_by_udp(self):
        local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        local.bind(self.path("dev-log"))
        distant = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        distant.bind(("127.0.0.1", 0))
        for one in (local, distant):
            self.addCleanup(one.close)
        self.run_one("local, distant",
                     handler("local", "handlers.SysLogHandler",
                             f"('{self.path('dev-log')}', handlers.SysLogHandler.LOG_LOCAL3)",
                             level="INFO"),
                     handler("distant", "handlers.SysLogHandler",
                             f"(('127.0.0.1', {distant.getsockname()[1]}), "
                             "SysLogHandler.LOG_DAEMON)", level="INFO"))
        for one, priority in ((local, 19 * 8 + 6), (distant, 3 * 8 + 6)):
            one.setblocking(False)
            heard = b""
            while b"Job '36', timestamp" not in heard:
                heard = one.recv(65536)  # BlockingIOError: it never came
            self.assertTrue(heard.startswith(b"<%d>20|rbit|Job '36'" % priority), heard)

    def test_the_keys_of_log_win(self):
        self.run_one("file", handler("file", "FileHandler", "('python.log',)"),
                     log="[log]\nfile = own.log\nformat = json\nlevel = ERROR\n")
        self.assertFalse(os.path.exists(self.path("python.log")))
        self.assertEqual(self.read("own.log"), "")
        self.run_one("file", handler("file", "FileHandler", "('python.log',)", level="ERROR"),
                     log="[log]\nformat = json\n", arguments=("--debug",))
        records = [json.loads(line) for line in self.read("python.log").splitlines()]
        self.assertIn("DEBUG", {record["levelname"] for record in records})

    def test_what_runners_log_is_the_logger_roadrunners(self):
        def lines(more, sections):
            self.configure({"build": """runner = shell!echo '{"log": "hello", "level": "warning"}' >&3"""},
                           more=LOGGERS.format(handlers="console", level="WARN", more=more)
                           + handler("console", "StreamHandler", "()") + sections)
            self.start(until=None)
            self.submit("build", "p", job=36, wait=True)
            self.assertEqual(self.rbit.stop(), 0)
            return self.rbit.lines_with("|roadrunners|")
        self.assertEqual(lines("", ""), [])  # it stands in the job's log, and there only
        found = lines(", runners", "[logger_runners]\nqualname = roadrunners\nhandlers =\n")
        self.assertEqual(len(found), 1)
        self.assertRegex(found[0], r"^30\|roadrunners\|job .*: hello$")

    def test_what_a_python_runner_logs_has_the_level_of_roadrunners(self):
        self.write("legacy.py", """\
import logging
logger = logging.getLogger('roadrunners.legacy')

def make(build_request, settings):
    logger.debug('getting %s', build_request.get_package())
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception('no number')
""")
        def run(more, sections):
            self.configure({"build": "runner = python!legacy:make"},
                           more=LOGGERS.format(handlers="file", level="INFO", more=more)
                           + handler("file", "FileHandler", "('rbit.log', 'w')") + sections)
            self.start(until=None)
            self.submit("build", "col10642", job=len(self.rbits), wait=True)
            self.assertEqual(self.rbit.stop(), 0)
            output = self.command("log", self.config, str(len(self.rbits))).stdout
            return [line for line in self.read("rbit.log").splitlines() if "roadrunners" in line], output
        lines, output = run("", "")
        self.assertEqual(lines, [])
        self.assertNotIn("getting", output)
        self.assertIn("[roadrunners.legacy] no number\n", output)
        lines, output = run(", x", "[logger_x]\nqualname = roadrunners\nhandlers =\nlevel = DEBUG\n")
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"^10\|roadrunners\|job .*: getting col10642$")
        self.assertRegex(lines[1], r"^40\|roadrunners\|job .*: no number$")
        self.assertEqual(output.count("getting col10642"), 1)
        self.assertIn("ZeroDivisionError", output)  # and nowhere else
        self.assertNotIn("ZeroDivisionError", self.read("rbit.log"))

    def test_a_disk_without_room_costs_lines_and_no_job(self):
        self.run_one("full, console", handler("full", "FileHandler", "('/dev/full',)"),
                     handler("console", "StreamHandler", "()"))
        self.assertIn("Job 36's state is now 'Failed'.", self.rbit.log)
        self.assertIn("cannot write to /dev/full: No space left on device", self.rbit.log)

    def test_a_log_that_cannot_be_opened_ends_the_start(self):
        self.write("sub", "no directory")
        self.configure({"build": "runner = shell!true"}, more=LOGGERS.format(
            handlers="file", level="INFO", more="")
            + handler("file", "FileHandler", "('sub/rbit.log',)"))
        rbit = self.start(until=None)
        self.assertEqual(rbit.wait(), 78)
        self.assertIn("sub/rbit.log", rbit.log)
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"FAIL the log file \S*/sub/rbit.log: ")


if __name__ == "__main__":
    rbit_suite.main()
