"""The host of Python functions: every form of function, and every way one can go wrong."""

import importlib.util
import json
import os
import signal
import textwrap
import unittest

from host_case import PYTHON, SOURCE, HostCase

HOST = os.path.join(SOURCE, "runners", "python", "rbit_host")


class PythonHost(HostCase):
    def host(self, source, target="mine:run"):
        config = os.path.join(self.directory, "config")
        os.makedirs(config, exist_ok=True)
        with open(os.path.join(config, "mine.py"), "w") as file:
            file.write(textwrap.dedent(source))
        return self.start([PYTHON, "-I", "-B", HOST, "--config-dir=" + config, target])

    def ready(self, source, target="mine:run"):
        host = self.host(source, target)
        self.assertEqual({"ready": True}, host.event(), host.log())
        return host

    def refusal(self, source, target="mine:run"):
        host = self.host(source, target)
        event = host.event()
        self.assertIn("refused", event or {}, host.log())
        self.assertEqual(1, host.process.wait())
        return event

    def run_once(self, source, settings=None, payload=None):
        host = self.ready(source)
        events = host.job(settings, payload)
        self.assertEqual(0, host.end())
        self.log = host.log()
        return events

    # The forms

    def test_old_form(self):
        events = self.run_once("""
            import json
            def run(message, set_status, settings):
                assert isinstance(message, str) and message == message.body
                assert json.loads(message)["job"]["id"] == 36
                set_status("Building")                   # what rbit has said already
                set_status("Building", "first")
                set_status("Building", "first")
                set_status("Building", ValueError("an object"))
                set_status("Done", "as %s wished" % settings["name"])
                return ["ignored"]
            """, {"name": "Ann"})
        self.assertEqual([{"status": "Building", "message": "first"},
                          {"status": "Building", "message": "an object"},
                          {"result": "done", "message": "as Ann wished"}], events)

    def test_the_last_final_status_is_the_verdict(self):
        for name, verdict in [("Failed", "failed"), ("Blocked", "blocked"),
                              ("Cancelled", "cancelled"), ("Done", "done")]:
            self.setUp()
            self.assertVerdict(self.run_once("""
                def run(message, set_status, settings):
                    set_status("Failed", "not yet")
                    set_status("%s", "at last")
                """ % name), verdict, "at last")

    def test_new_form(self):
        events = self.run_once("""
            import os
            def run(build_request, settings):
                r = build_request
                assert r.get_package() == "col10642" and r.get_version() == "1.2"
                assert r.get_arch() == "desktop" and r.get_suite() == "latex"
                assert r.get_dist() == "cnx" and r.get_format() == "pdf"
                assert r.get_buildenv() is None and r.get_job_id() == 36
                assert r.get_buildstamp() == r.timestamp == 1367322533
                i = r.job.packageinstance
                assert i.get_package_name() == i.package.name == "col10642"
                assert i.get_package_version() == "1.2" and i.get_buildenv_name() is None
                assert (i.get_arch_name(), i.get_suite_name(), i.get_distribution_name(),
                        i.get_format_name()) == ("desktop", "latex", "cnx", "pdf")
                assert i.master is True and r.transport.uri == "http://cnx.org/"
                assert r.web_host == "localhost:8080" and r.commands is None
                import json
                assert json.loads(r.toJson())["timestamp"] == 1367322533
                assert '"py/object": "pybit.models.Job"' in r.toJson()
                r.stamp_request()
                assert r.timestamp > 1367322533
                with open("x.pdf", "w"): pass
                return [os.path.abspath("x.pdf"), "y.pdf"]
            """)
        self.assertVerdict(events, "done")
        work = os.path.join(self.directory, "work-1")
        self.assertEqual([os.path.join(work, "x.pdf"), os.path.join(work, "y.pdf")],
                         [event["artifact"] for event in events[:-1]])

    def test_missing_parts_are_none(self):
        for payload in ['{"job": {"id": "7"}}', '{"job": null}', '{}', '[1]', 'no json']:
            self.setUp()
            self.assertVerdict(self.run_once("""
                def run(build_request, settings):
                    r = build_request
                    assert r.get_package() is None and r.get_buildenv() is None
                    assert r.transport is None and r.web_host is None
                """, payload=payload), "done")

    def test_nothing_in_a_message_is_code(self):
        payload = {"job": {"id": 1, "__class__": "x", "get_package": 1}, "get_package": 5,
                   "toJson": 6, "_members": 7, "py/reduce": [{"py/function": "os.getcwd"}]}
        self.assertVerdict(self.run_once("""
            def run(build_request, settings):
                assert build_request.get_package() is None
                assert type(build_request.job).__name__ == "Part"
                assert "py/reduce" in build_request.toJson()
            """, payload=json.dumps(payload)), "done")

    def test_which_form(self):
        for parameters, form in [
                ("a, b, c", "old"), ("x, set_status, y", "old"), ("a, b", "new"), ("a", "bare"),
                ("build_request, settings, extra=None", "new"), ("a, b, c, *, d=1", "old")]:
            self.setUp()
            events = self.run_once("""
                from rbit import Failed
                def run(%s):
                    names = [type(value).__name__ for value in list(locals().values())[:3]]
                    raise Failed(" ".join(names))
                """ % parameters)
            first = {"old": "Message method dict", "new": "BuildRequest dict",
                     "bare": "BuildRequest"}[form]
            self.assertTrue(events[-1]["message"].startswith(first), (parameters, events))

    def test_no_form(self):
        for parameters in ["", "a, b, c, d", "*args", "a, b, *, needed", "a, set_status"]:
            self.setUp()
            event = self.refusal("def run(%s): pass" % parameters)
            self.assertIn("has neither the form", event["refused"], parameters)

    def test_decorated_methods_and_classes(self):
        self.assertVerdict(self.run_once("""
            import functools
            def decorate(f):
                @functools.wraps(f)
                def inner(*args): return f(*args)
                return inner
            @decorate
            def run(message, set_status, settings): set_status("Blocked", "seen")
            """), "blocked", "seen")
        self.setUp()
        host = self.ready("""
            class Runner:
                def make(self, build_request, settings): return "one.pdf"
            runner = Runner()
            """, "mine:runner.make")
        self.assertEqual(["one.pdf"],
                         [os.path.basename(e["artifact"]) for e in host.job()[:-1]])
        self.setUp()
        self.assertIn("async", self.refusal("async def run(a, b): pass")["refused"])
        self.setUp()
        self.assertIn("cannot be called", self.refusal("run = 3")["refused"])

    def test_return_values(self):
        for value, names in [("None", []), ("[]", []), ("'a.pdf'", ["a.pdf"]),
                             ("('a', 'b')", ["a", "b"]), ("7", []),
                             ("__import__('pathlib').Path('p')", ["p"])]:
            self.setUp()
            events = self.run_once("def run(request, settings): return " + value)
            self.assertVerdict(events, "done")
            self.assertEqual(names, [os.path.basename(e["artifact"]) for e in events[:-1]], value)

    def test_the_example(self):
        example = os.path.join(SOURCE, "examples", "python")
        for settings, verdict, message in [
                ({"name": "Ann"}, "done", ""),
                ({"name": "nobody"}, "failed", "There is nobody to greet."),
                ({"name": "tomorrow"}, "blocked", "Tomorrow is not here yet.")]:
            self.setUp()
            host = self.start([PYTHON, "-I", "-B", HOST, "--config-dir=" + example,
                               "greeting:make_greeting"])
            self.assertEqual({"ready": True}, host.event())
            self.assertVerdict(host.job(settings), verdict, message)
            self.assertEqual(0, host.end())
        self.setUp()
        host = self.start([PYTHON, "-I", "-B", HOST, "--config-dir=" + example,
                           "greeting:make_old_greeting"])
        self.assertEqual({"ready": True}, host.event())
        self.assertEqual("Greeting Bob", host.job({"name": "Bob"})[0]["message"])

    # The ends

    def test_exceptions(self):
        for statement, verdict, message in [
                ("raise rbit.Failed('no such module')", "failed", "no such module"),
                ("raise coyote.Failed()", "failed", "Failed"),
                ("raise coyote.Blocked('later')", "blocked", "later"),
                ("raise ValueError('a reason')", "failed", "ValueError: a reason"),
                ("raise KeyError", "failed", "KeyError"),
                ("raise Blocked('never imported')", "failed",
                 "NameError: name 'Blocked' is not defined"),
                ("raise SystemExit(3)", "failed", "SystemExit: 3"),
                ("raise SystemExit", "done", ""),
                ("import sys; sys.exit('text')", "failed", "SystemExit: text")]:
            self.setUp()
            self.assertVerdict(self.run_once("""
                import rbit, coyote
                def run(build_request, settings):
                    %s
                """ % statement), verdict, message)
            unexpected = "Error" in message or message.startswith("SystemExit")
            self.assertEqual(unexpected, "Traceback" in self.log, statement)

    def test_the_same_two_classes(self):
        self.assertVerdict(self.run_once("""
            import rbit, coyote
            def run(a, b): assert rbit.Failed is coyote.Failed and rbit.Blocked is coyote.Blocked
            """), "done")

    def test_many_jobs_each_with_fresh_settings_and_directory(self):
        host = self.ready("""
            import os, sys
            def run(build_request, settings):
                assert settings == {"name": "Ann"} and os.listdir(".") == []
                settings["leak"] = "1"
                open("file", "w").close()
                assert sys.stdin.read() == ""
                print("printed", end="")
            """)
        for _ in range(20):
            self.assertVerdict(host.job({"name": "Ann"}), "done")
        self.assertIn("printed" * 20, host.log())

    def test_an_exit_without_a_verdict(self):
        host = self.ready("import os\ndef run(a, b): os._exit(3)")
        self.assertEqual([], host.job())
        self.assertEqual(3, host.process.wait())

    def test_cancel_breaks_the_function_off(self):
        host = self.ready("""
            import time
            def run(message, set_status, settings):
                try:
                    set_status("Building", "waiting")
                    while True:  # one pause could begin just after the signal
                        time.sleep(0.05)
                except Exception:
                    pass
                finally:
                    set_status("Building", "tidied up")
            """)
        for number in (signal.SIGTERM, signal.SIGINT):
            host.submit()
            self.assertEqual("waiting", host.event()["message"])
            host.process.send_signal(number)
            events = host.result()
            self.assertEqual("tidied up", events[0]["message"])
            self.assertVerdict(events, "cancelled", "cancelled by " + number.name)
        self.assertEqual(0, host.end())

    def test_left_open(self):
        host = self.ready("import os\ndef run(a, b): os.open('/dev/null', 0)")
        self.assertEqual(1, host.job()[-1]["left_open"])

    def test_odd_texts(self):
        events = self.run_once("""
            class Odd:
                def __str__(self): raise ValueError
            def run(message, set_status, settings):
                set_status("Building", "\\udcff \\u2028 \\x01")
                set_status("Building", Odd())
                set_status("Building", "x" * 100000)
            """)
        self.assertEqual("? \u2028 \x01", events[0]["message"])
        self.assertEqual("<Odd without a text: ValueError>", events[1]["message"])
        self.assertEqual(8195, len(events[2]["message"]))

    # The start

    def test_import_errors_have_file_and_line(self):
        mine = os.path.join(self.directory, "config", "mine.py")
        event = self.refusal("try:\n    pass\nexcept KeyError, error:\n    pass\n")
        self.assertTrue(event["refused"].startswith(mine + ":3: SyntaxError: "), event)
        self.assertIn("Python 2", event["cure"])
        for source, line, text in [("import nowhere_at_all", 1, "ModuleNotFoundError: No module"),
                                   ("\n\n1 / 0", 3, "ZeroDivisionError: "),
                                   ("import sys\nsys.exit(4)", 2, "SystemExit: 4")]:
            self.assertIn("%s:%d: %s" % (mine, line, text), self.refusal(source)["refused"])

    def test_wrong_targets(self):
        self.assertIn("no module named 'nothing'",
                      self.refusal("", "nothing:run")["refused"])
        self.assertIn("beside the INI file", self.refusal("", "nothing:run")["cure"])
        self.assertIn("no 'jump' in it", self.refusal("def run(a, b): pass", "mine:jump")["refused"])
        for target in ["mine", "mine:a:b", ":run", "mine:", "mi ne:run", "../mine:run"]:
            self.assertIn("not of the form module:callable", self.refusal("", target)["refused"])

    def test_a_module_that_others_may_change(self):
        config = os.path.join(self.directory, "config")
        os.mkdir(config)
        os.chmod(config, 0o777)
        event = self.refusal("def run(a, b): pass")
        self.assertIn(config + ": users other than its owner may write", event["refused"])

    def test_a_module_that_it_imports_and_others_may_change(self):
        config = os.path.join(self.directory, "config")
        for name in (config, os.path.join(config, "package"), os.path.join(config, "__pycache__")):
            os.mkdir(name)
        canary = os.path.join(self.directory, "canary")
        inner = os.path.join(config, "package", "__init__.py")
        helper = os.path.join(config, "helper.py")
        for path in (inner, helper):
            with open(path, "w") as file:
                file.write("open(%r, 'w')\n" % canary)
        for path in (inner, helper):
            os.chmod(path, 0o666)
            module = "package" if path == inner else "helper"
            event = self.refusal("import %s\ndef run(a, b): pass" % module)
            self.assertIn(path + ": users other than its owner may write", event["refused"])
        os.chmod(helper, 0o644)
        os.chmod(os.path.join(config, "__pycache__"), 0o777)
        byte_code = importlib.util.cache_from_source(helper)
        with open(byte_code, "wb"):
            pass
        event = self.refusal("import helper\ndef run(a, b): pass")
        self.assertIn("__pycache__: users other than its owner may write", event["refused"])
        self.assertFalse(os.path.exists(canary))

    def test_one_that_a_running_job_imports(self):
        config = os.path.join(self.directory, "config")
        os.mkdir(config)
        helper = os.path.join(config, "helper.py")
        with open(helper, "w") as file:
            file.write("x = 1\n")
        os.chmod(helper, 0o666)
        self.assertVerdict(self.run_once("def run(a, b): import helper"), "failed",
                           "Refusal: %s: users other than its owner may write to it" % helper)

    def test_nothing_beside_the_ini_file_hides_a_module(self):
        config = os.path.join(self.directory, "config")
        os.mkdir(config)
        for name in ("json.py", "rbit.py", "rbit_host.py"):
            with open(os.path.join(config, name), "w") as file:
                file.write("raise RuntimeError('the wrong one')\n")
        self.assertVerdict(self.run_once("import json, rbit\ndef run(a, b): pass"), "done")


if __name__ == "__main__":
    unittest.main()
