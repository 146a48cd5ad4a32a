"""`rbit check` finds what would lose jobs, before one is lost: one line a finding."""

import contextlib
import json
import os
import pwd
import sqlite3
import subprocess

import rbit_suite
from front_end import FrontEnd
from rbit_suite import Suite, free_port

LINE = r"(ok   |warn |FAIL ).+"


class CheckSuite(Suite):
    def check(self, *arguments, expect=0):
        """The lines that are not ok."""
        os.makedirs(self.path("root"), exist_ok=True)
        done = self.command("check", self.config, "--root", self.path("root"), *arguments)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        lines = done.stdout.splitlines()
        if "--json" not in arguments:
            for line in lines:
                self.assertRegex(line, "^" + LINE)
        self.findings = lines
        return [line for line in lines if not line.startswith("ok ")]

    def assert_said(self, lines, *words):
        self.assertTrue([line for line in lines if all(word in line for word in words)],
                        f"{words} in none of {lines}")


class Files(CheckSuite):
    def test_a_good_file_has_nothing_to_tell(self):
        self.configure({"build": "runner = shell!true"})
        self.assertEqual(self.check(), [])
        self.assertIn("ok   [runner:build] can work", self.findings)
        self.assertFalse(os.path.exists(self.path("state")))  # it changes nothing

    def test_a_state_directory_that_is_too_long_for_its_socket(self):
        long = self.path("s" * (107 - len("/control.sock") - len(self.path("")) + 1))
        text = "[rbit]\nqueue-mappings = q:q\nstate-dir = %s\n[amqp]\nurl = local:\n[runner:q]\nrunner = shell!true\n"
        self.configure_text(text % long)
        self.assert_said(self.check(expect=1), "is too long for a socket")
        done = self.command(self.config)
        self.assertEqual((done.returncode, os.path.exists(long)), (78, False), done.stderr)
        self.configure_text(text % long[:-1])
        self.assertEqual(self.check(), [])

    def test_strict(self):
        self.configure({"build": "runner = shell!true\nmax-mem = 1G\ntimout = 3\nartifacts =\n"
                                 "tex = xelatex"})
        plain = self.check()
        self.assertEqual([line[:5] for line in plain], ["warn "] * 3)
        self.assert_said(plain, "'max-mem' is taken as a setting of your own",
                         "did you mean 'max-memory'?")
        strict = self.check("--strict", expect=1)
        self.assertEqual([line[:5] for line in strict], ["FAIL "] * 3)
        self.assert_said(strict, "'timout'", "did you mean 'timeout'?")
        self.assert_said(strict, "'artifacts' is empty")
        self.configure({"build": "runner = shell!true\ntex = xelatex"})
        self.assertEqual(self.check("--strict"), [])

    def test_strict_knows_nearly_placeholders_empty_values_and_defaults(self):
        self.configure_text("[DEFAULT]\ntimout = 3\n[rbit]\nstate-dir = state\nname =\n"
                            "queue-mappings = q:q\n[amqp]\nurl = local:\n"
                            "[runner:q]\nrunner = shell!echo %PACKAGE\nniceness = 3\n")
        for mark, arguments, code in (("warn ", (), 0), ("FAIL ", ("--strict",), 1)):
            lines = self.check(*arguments, expect=code)
            self.assertEqual([line[:5] for line in lines], [mark] * 4, lines)
            for said in ("'timout'", "'name' is empty", "%PACKAGE", "'niceness'"):
                self.assert_said(lines, said)

    def test_a_sibling_with_unfinished_jobs(self):
        self.configure({"build": "runner = shell!true"})
        self.submit("build", "p", job=1)
        self.start()
        self.assert_statuses(1, "Building", "Done")
        self.assertEqual(self.rbit.stop(), 0)
        with contextlib.closing(sqlite3.connect(self.path("state", "rbit.db"))) as database:
            database.execute("UPDATE job SET state = 'waiting'")
            database.commit()
        text = self.read("rbit.ini")
        self.configure_text(text.replace("state-dir = state", "state-dir = another"))
        said = "has 1 unfinished jobs and no rbit, and this one works in another"
        self.assert_said(self.check(), "/state " + said)
        self.start()
        self.assertEqual(len(self.rbit.lines_with(said)), 1)

    def test_json(self):
        self.configure({"build": "runner = shell!no-such-program\ntimout = 3"})
        lines = [json.loads(line) for line in self.check("--json", expect=1)]
        for line in lines:
            self.assertIn(line["level"], ("ok", "warn", "FAIL"))
        warning = [line for line in lines if line["level"] == "warn"][0]
        self.assertEqual(warning["what"], "[runner:build] unknown key 'timout'")
        self.assertEqual(warning["cure"], "did you mean 'timeout'?")
        self.assertEqual((warning["file"], warning["line"]), (self.config, 10))
        failure = [line for line in lines if line["level"] == "FAIL"][0]
        self.assertIn("no-such-program", failure["what"])
        self.assertTrue(failure["cure"])

    def test_a_file_that_does_not_load(self):
        self.configure({"build": "runner = perl!x"})
        lines = [json.loads(line) for line in self.check("--json", expect=78)]
        self.assertEqual([line["level"] for line in lines], ["FAIL"])
        self.assertEqual(lines[0]["cure"], "known: shell, plugin, python")

    def test_runners_without_what_they_need(self):
        self.write("broken.py", "def f(build_request, settings)\n    pass\n")
        naughty = os.path.join(rbit_suite.BINARY_DIR, "tests", "libnaughty.so")
        naughty = naughty if os.path.exists(naughty) else None  # not built
        runners = {"program": "runner = shell!/nowhere/tool %ID",
                   "relative": "runner = shell!./rbit.ini %ID",
                   "library": "runner = plugin!libnowhere.so:x",
                   "module": "runner = python!no_such_module:f",
                   "syntax": "runner = python!broken:f"}
        if naughty:
            runners["symbol"] = f"runner = plugin!{naughty}:no_such_runner"
        self.configure(runners)
        found = self.check(expect=1)
        for name, words in {"program": "/nowhere/tool", "relative": "(write its whole path)",
                            "library": "libnowhere.so",
                            "module": "no_such_module", "syntax": "broken.py"}.items():
            self.assert_said(found, f"FAIL [runner:{name}]", words)
        if naughty:
            self.assert_said(found, "FAIL [runner:symbol]", "no_such_runner")

    def test_a_script_that_no_job_could_run(self):
        for name, text, mode in (("int", "#!/no/such/int\n", 0o755), ("cr", "#!/bin/sh\r\n", 0o755),
                                 ("own", "#!/bin/sh\n", 0o700)):
            os.chmod(self.write(name, text), mode)
        os.chmod(self.directory, 0o755)
        runners = {name: f"script = {name} %ID" for name in ("int", "cr")}
        if os.geteuid() == 0:
            runners["own"] = "script = own\nuser = nobody"
        self.configure(runners)
        found = self.check(expect=1)
        self.assert_said(found, "FAIL [runner:int]", "interpreter /no/such/int is not there")
        self.assert_said(found, "FAIL [runner:cr]", "carriage return", "dos2unix")
        if "own" in runners:
            self.assert_said(found, "FAIL [runner:own]", "nobody may not")
        self.configure({"build": "script = int ; x"})
        self.assert_said(self.check(expect=78), "FAIL", "';' is no argument", "runner = shell!")
        self.configure({"build": "runner = shell!true\nshell = /bin/bash -n"})
        self.assert_said(self.check(expect=78), "FAIL", "'-n' reads commands and runs none")

    def test_strict_about_patterns_and_places(self):
        self.configure({"build": "runner = shell!true\nartifacts = a, [b\noutput-dir = ~/x"})
        self.assertEqual([line[:5] for line in self.check()], ["warn "] * 3)
        strict = self.check("--strict", expect=1)
        self.assert_said(strict, "'a,' has a comma", "write [,]")
        self.assert_said(strict, "'~/x' is taken as it stands", "write the whole path")

    def test_a_runner_that_no_queue_names_loses_no_job(self):
        self.configure({"build": "runner = shell!true"},
                       more="[runner:spare]\nrunner = shell!no-such-program\n")
        self.assert_said(self.check(), "warn [runner:spare], which no queue names", "no-such")

    def test_an_interpreter_that_is_not_there(self):
        self.write("good.py", "def work(request, settings):\n    pass\n")
        self.configure({"build": "runner = python!good:work"}, rbit="python = /nowhere/python3")
        self.assert_said(self.check(expect=1), "FAIL", "/nowhere/python3")

    def test_directories_that_cannot_be_made(self):
        self.write("file", "no directory")
        self.configure({"build": "runner = shell!true\noutput-dir = file/out"},
                       rbit="work-dir = file/work")
        found = self.check(expect=1)
        self.assert_said(found, "FAIL [runner:build]", "/file")
        self.assert_said(found, "FAIL [rbit] work-dir", "/file")

    def test_a_user_who_cannot_get_to_his_work(self):
        if os.geteuid() != 0:
            self.skipTest("only root runs jobs as somebody else")
        try:
            pwd.getpwnam("nobody")
        except KeyError:
            self.skipTest("there is no user nobody")
        self.configure({"build": "runner = shell!true\nuser = nobody"})
        os.chmod(self.directory, 0o700)
        self.assert_said(self.check(expect=1), "FAIL [runner:build]", "nobody", self.directory)

    def test_a_token_that_others_may_read(self):
        self.write("token", "secret")
        os.chmod(self.path("token"), 0o644)
        self.configure({"build": "runner = shell!true"},
                       more="[monitor]\nlisten = 127.0.0.1:8080\ntoken-file = token\n")
        self.assert_said(self.check(expect=1), "FAIL", "token-file", "chmod 600")

    def test_a_syslog_that_is_not_there(self):
        self.configure({"build": "runner = shell!true"}, more="""\
[loggers]
keys = root
[handlers]
keys = s
[formatters]
keys =
[logger_root]
handlers = s
[handler_s]
class = handlers.SysLogHandler
args = ('SOCKET',)
""".replace("SOCKET", self.path("log")))
        self.assert_said(self.check(), "warn syslog at " + self.path("log"))

    def test_a_job_that_the_broker_would_take_back(self):
        broker = "host = localhost"
        self.configure({"build": "runner = shell!true\nack-after = never"}, amqp=broker)
        self.assert_said(self.check(), "warn [runner:build]", "timeout = 0", "ack-after")
        self.configure({"build": "runner = shell!true\nack-after = 1h\ntimeout = 2h"}, amqp=broker)
        self.assert_said(self.check(), "warn [runner:build]", "2h", "1h")
        for fine in ("ack-after = never\ntimeout = 20m", "ack-after = 10m", ""):
            self.configure({"build": f"runner = shell!true\n{fine}"}, amqp=broker)
            self.assertEqual(self.check(), [])

    def test_standard_input(self):
        done = subprocess.run([self.program, "check", "-"], cwd=self.directory, text=True,
                              input="[rbit]\nqueue-mappings = q:r\nstate-dir = state\n[amqp]\n"
                                    "url = local:\n[runner:r]\nrunner = shell!true\n",
                              env=self.environment(), capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Services(CheckSuite):
    """The files of supervisord and systemd, below a root of the test's own."""

    def service(self, path, text):
        full = self.path("root", path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)

    def configured(self, rbit=""):
        self.configure({"build": "runner = shell!true\ngrace = 10s"}, rbit=rbit)

    def test_supervisords_ten_seconds_are_not_enough(self):
        self.configured()
        program = f"[program:rbit]\ncommand=/usr/bin/rbit {self.config}\n"
        self.service("etc/supervisor/conf.d/rbit.conf", program)
        self.assert_said(self.check(expect=1), "FAIL", "conf.d/rbit.conf", "stopwaitsecs", "10s",
                         "drain-timeout (10m)", "645")
        self.service("etc/supervisor/conf.d/rbit.conf", program + "stopwaitsecs=605 ; enough?\n")
        self.assert_said(self.check(), "warn", "stopwaitsecs = 605s", "grace")
        self.service("etc/supervisor/conf.d/rbit.conf", program + "stopwaitsecs=660\n")
        self.assertEqual(self.check(), [])
        self.assert_said(self.findings, "ok ", "conf.d/rbit.conf")
        self.service("etc/supervisor/conf.d/rbit.conf",
                     program + "stopwaitsecs=660\nstopsignal=KILL\n")
        self.assert_said(self.check(expect=1), "FAIL", "KILL")

    def test_supervisord_reads_what_its_file_includes(self):
        self.configured()
        main = "etc/supervisor/supervisord.conf"
        program = f"[program:rbit]\ncommand=/usr/bin/rbit {self.config}\n"
        self.service("opt/builds/rbit.conf", program)
        self.service("opt/builds/other.ini", program)
        self.service(main, "[supervisord]\n")
        self.assertEqual(self.check(), [])  # nobody names them
        for named in ("/opt/builds/*.conf", "nowhere/*.conf ../../opt/builds/*.conf",
                      "/etc/supervisor/conf.d/*.conf\n  %(here)s/../../opt/builds/rbit.conf"):
            with self.subTest(named):
                self.service(main, f"[include]\nfiles = {named}\n")
                found = self.check(expect=1)
                self.assert_said(found, "FAIL", "builds/rbit.conf", "stopwaitsecs", "10s")
                self.assertFalse([line for line in found if "other.ini" in line])
        # One that is found twice is told once.
        self.service("etc/supervisor/conf.d/rbit.conf", program)
        self.service(main, "[include]\nfiles = conf.d/*.conf /etc/supervisor/conf.d/*.conf\n")
        self.assertEqual(len(self.check(expect=1)), 1, self.findings)

    def test_systemds_own_default(self):
        self.configured("drain-timeout = 2m")
        self.service("etc/systemd/system/rbit.service",
                     f"[Service]\nExecStart=/usr/bin/rbit {self.config}\n")
        self.service("etc/systemd/system.conf", "[Manager]\n#DefaultTimeoutStopSec=90s\n")
        self.assert_said(self.check(expect=1), "FAIL", "rbit.service", "is not said", "90s")
        self.service("etc/systemd/system.conf", "[Manager]\nDefaultTimeoutStopSec=5min\n")
        self.assertEqual(self.check(), [])
        self.assert_said(self.findings, "ok ", "rbit.service", "DefaultTimeoutStopSec", "5m",
                         "etc/systemd/system.conf")
        self.service("usr/lib/systemd/system.conf.d/50-stop.conf",
                     "[Manager]\nDefaultTimeoutStopSec=30s\n")
        found = self.check(expect=1)
        self.assert_said(found, "FAIL", "rbit.service", "DefaultTimeoutStopSec", "30s",
                         "50-stop.conf", "set TimeoutStopSec to")
        self.service("etc/systemd/system.conf.d/50-stop.conf",  # of this name the one in etc counts
                     "[Manager]\nDefaultTimeoutStopSec=infinity\n")
        self.assertEqual(self.check(), [])
        self.assert_said(self.findings, "ok ", "rbit.service", "as long as it takes")
        self.service("etc/systemd/system/rbit.service.d/stop.conf",  # what the unit says counts more
                     "[Service]\nTimeoutStopSec=20s\n")
        self.assert_said(self.check(expect=1), "FAIL", "stop.conf", "TimeoutStopSec = 20s")

    def test_the_files_of_this_package_are_right(self):
        conf = os.path.join(rbit_suite.SOURCE_DIR, "conf")
        self.configured()
        for source, target in (("supervisord/rbit.conf", "etc/supervisor/conf.d/rbit.conf"),
                               ("systemd/rbit.service", "etc/systemd/system/rbit.service")):
            with open(os.path.join(conf, source)) as file:
                self.service(target, file.read().replace("/etc/rbit/rbit.ini", self.config))
        self.assertEqual(self.check(), [])
        self.assertEqual(len([line for line in self.findings if "stopwaitsecs" in line
                              or "TimeoutStopSec" in line]), 2, self.findings)

    def test_systemd_and_its_drop_ins(self):
        self.configured()
        unit = "[Service]\nType=exec\nExecStart=/usr/bin/rbit run \\\n  %s\n"
        self.service("lib/systemd/system/rbit.service", unit % self.config)
        self.assert_said(self.check(expect=1), "FAIL", "rbit.service", "TimeoutStopSec", "90s")
        self.service("etc/systemd/system/rbit.service.d/stop.conf",
                     "[Service]\nTimeoutStopSec=10min 45s\n")
        self.assertEqual(self.check(), [])
        self.assert_said(self.findings, "ok ", "stop.conf", "645s")
        self.service("etc/systemd/system/rbit.service.d/stop.conf",
                     "[Service]\nTimeoutStopSec=infinity\n")
        self.assert_said(self.findings if self.check() else self.findings, "as long as it takes")

    def test_a_template_and_another_ones_file(self):
        self.configured("drain-timeout = 1m")
        name = os.path.join(self.directory, "%i.ini")
        self.service("etc/systemd/system/rbit@.service", f"[Service]\nExecStart=rbit {name}\n")
        self.service("etc/systemd/system/other.service",
                     "[Service]\nExecStart=rbit /etc/other.ini\nTimeoutStopSec=1\n")
        self.service("etc/supervisor/supervisord.conf",
                     f"[program:cat]\ncommand=cat {self.config}\n")
        self.assertEqual(self.check(), [])
        self.assert_said(self.findings, "ok ", "rbit@.service", "90s")
        self.assertFalse([line for line in self.findings if "other" in line or "conf:" in line])


class Live(CheckSuite):
    def front_end(self, user=None, password=None):
        made = FrontEnd(user, password)
        self.addCleanup(made.go_down)
        return made

    def configured(self, url, more=""):
        self.configure({"build": "runner = shell!true"},
                       more=f"[status]\nreport = pybit\nurl = {url}\n{more}")

    def test_the_front_ends_password(self):
        front_end = self.front_end("rbit", "right")
        self.configured(front_end.url, "username = rbit\npassword = right\n")
        self.assertEqual(self.check("--live"), [])
        self.assert_said(self.findings, "ok ", front_end.url, "name and password")
        self.configured(front_end.url, "username = rbit\npassword = wrong-one\n")
        self.assert_said(self.check("--live", expect=1), "FAIL [status] front-end", "refuses",
                         "username")
        self.assertNotIn("wrong-one", "".join(self.findings))
        self.configured(front_end.url)
        self.assert_said(self.check("--live", expect=1), "FAIL [status] front-end", "wants a name")
        self.assertEqual(front_end.reports, [])
        self.assertEqual({one["job"] for one in front_end.requests}, {"0"})
        self.assertEqual(self.check(), [])  # nobody is asked without --live

    def test_a_front_end_that_is_away_or_none(self):
        front_end = self.front_end()
        self.configured(front_end.url)
        self.assertEqual(self.check("--live"), [])
        front_end.answer = 503
        self.assert_said(self.check("--live"), "warn [status] front-end", "503")
        front_end.answer = 404
        self.assert_said(self.check("--live", expect=1), "FAIL [status] front-end", "404")
        front_end.go_down()
        self.assert_said(self.check("--live", expect=1), "FAIL [status] front-end",
                         "start the front-end")

    def test_a_password_that_would_travel_in_the_open_is_not_sent(self):
        self.configured("http://192.0.2.1.invalid:8080", "username = rbit\npassword = right\n")
        found = self.check("--live", expect=1)
        self.assert_said(found, "warn [status] username", "https")
        self.assert_said(found, "FAIL [status] front-end")

    def test_a_management_plugin_that_is_away(self):
        port = free_port()
        self.configure_text(f"[rbit]\nstate-dir = state\ndistribution = d\narchitecture = a\n"
                            f"suites = s\nformat = f\n[amqp]\nhost = 127.0.0.1\nport = {port}\n"
                            f"[runner:d_a_s_f]\nrunner = shell!true\n")
        found = self.check("--management", str(free_port()), expect=1)
        self.assert_said(found, "FAIL management at http://127.0.0.1:", "rabbitmq_management")
        self.assert_said(found, "FAIL [amqp] broker")
        self.assertEqual(self.command("check", self.config, "--management", "0").returncode, 2)
        # The password does not travel in the open.
        self.configure_text(self.read("rbit.ini").replace("127.0.0.1", "192.0.2.1.invalid"))
        self.assert_said(self.check("--management", "15672", expect=1), "warn management",
                         "unencrypted")

    def test_a_broker_that_is_away(self):
        port = free_port()
        self.configure({"build": "runner = shell!true"}, amqp=f"host = 127.0.0.1\nport = {port}")
        self.assert_said(self.check("--live", expect=1),
                         f"FAIL [amqp] broker 127.0.0.1:{port}: ", "refused",
                         "start the broker, or correct [amqp] host and port")
        dead = self.command("dead", "list", self.config)
        self.assertEqual(dead.returncode, 69)
        self.assertIn("start the broker, or correct [amqp] host and port", dead.stderr)


class Help(Suite):
    def test_every_command_tells_its_options(self):
        for command in ("run", "check", "submit", "try", "jobs", "log", "explain", "cancel",
                        "config"):
            with self.subTest(command=command):
                done = self.command(command, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("usage: rbit", done.stdout)


if __name__ == "__main__":
    rbit_suite.main()
