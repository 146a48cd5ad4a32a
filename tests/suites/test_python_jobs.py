"""Python functions through the whole program: what the ancestor's README shows, the interpreter,
mistakes found at start and by `rbit check`."""

import json
import os
import subprocess
import sys
import textwrap

import rbit_suite
from pybit_messages import build_request
from rbit_suite import Suite

# In the two forms that the ancestor's README teaches, with `except KeyError as err` for the comma
# that Python 2 had there.
OLD_HELLO = """
    from datetime import datetime

    import jsonpickle


    def hello(message, set_status, settings={}):
        set_status('Building', "Starting job at {0}".format(datetime.now()))
        build_request = jsonpickle.decode(message%s)
        try:
            print("Hello {0}!".format(settings['name']))
        except KeyError as err:
            set_status('Failed', err)
            return
        print("Building {0}".format(build_request.get_package()))
        set_status('Done', "Completed job at {0}".format(datetime.now()))
    """
NEW_HELLO = """
    import %s


    def hello(build_request, settings={}):
        try:
            print("Hello {0}!".format(settings['name']))
        except KeyError as err:
            raise %s.Failed("A 'name' was not configured.")
        print("Building {0}".format(build_request.get_package()))
        return []
    """
# PyBit's classes, as far as its messages name them.
MODELS = """
    class Named(object):
        pass


    class Arch(Named): pass
    class BuildEnv(Named): pass
    class Dist(Named): pass
    class Format(Named): pass
    class Job(Named): pass
    class Package(Named): pass
    class PackageInstance(Named): pass
    class Suite(Named): pass
    class Transport(Named): pass


    class BuildRequest(object):
        def get_package(self):
            return self.job.packageinstance.package.name
    """


class Python(Suite):
    def module(self, name, source):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        self.write(name, textwrap.dedent(source))

    def hello(self, keys="name = World", rbit="", before=""):
        self.configure({"greet": "runner = python!my_worker:hello\n" + keys}, rbit=rbit)
        self.configure_text(before + self.read("rbit.ini"))

    def greet(self, expect=0):
        """One message as PyBit wrote it; what the job printed."""
        path = self.write("message.json", build_request(job=36))
        done = self.submit("greet", file=path, wait=True, expect=expect)
        return done.stdout + self.command("log", self.config, "36").stdout


class TheReadme(Python):
    def test_the_old_form_decodes_the_message_itself(self):
        try:
            import jsonpickle  # noqa: F401
        except ImportError:
            self.skipTest("jsonpickle is not installed (Debian: python3-jsonpickle)")
        self.module("pybit/__init__.py", "")
        self.module("pybit/models.py", MODELS)
        for body in ("", ".body"):
            with self.subTest(body):
                self.module("my_worker.py", OLD_HELLO % body)
                self.hello()
                self.start("--debug")
                said = self.greet()
                self.assertIn("Hello World!\nBuilding col10642\n", said)
                self.assertIn("Building - Starting job at ", self.rbit.log)
                self.rbit.stop()
        self.hello(keys="")
        self.start()
        self.assertIn("'name'", self.greet(expect=1))

    def test_the_new_form(self):
        for name in ("rbit", "coyote"):
            with self.subTest(name):
                self.module("my_worker.py", NEW_HELLO % (name, name))
                self.hello()
                self.start()
                self.assertIn("Hello World!\nBuilding col10642\n", self.greet())
                self.rbit.stop()
                self.hello(keys="")
                self.start()
                self.assertIn("A 'name' was not configured.", self.greet(expect=1))
                self.rbit.stop()

    def test_with_its_python_2_line_it_is_refused_at_start_and_by_check(self):
        self.module("my_worker.py", (NEW_HELLO % ("rbit", "rbit")).replace(" as err", ", err"))
        self.hello()
        where = self.path("my_worker.py") + ":8: SyntaxError: "
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("FAIL [runner:greet]", done.stdout)
        self.assertIn(where, done.stdout)
        self.assertIn("it may be Python 2", done.stdout)
        self.start(until=where)


class Interpreter(Python):
    def test_the_one_that_rbit_python_names(self):
        self.write("mine", "#!/bin/sh\nexec /usr/bin/python3 -X frozen_modules=off \"$@\"\n")
        os.chmod(self.path("mine"), 0o755)
        self.module("my_worker.py", "import sys\ndef hello(request, settings):\n"
                                    "    print('options', sys._xoptions, settings['python'])\n")
        # A runner's key of that name, and one of [DEFAULT], are settings, as they always were.
        self.hello(rbit="python = mine", keys="python = /usr/bin/python2.4")
        self.start()
        self.assertIn("options {'frozen_modules': 'off'} /usr/bin/python2.4", self.greet())
        self.rbit.stop()
        self.hello(before="[DEFAULT]\npython = /nowhere/python2.4\n")
        self.start()
        self.assertIn("options {} /nowhere/python2.4", self.greet())

    def test_a_virtual_environment(self):
        if subprocess.call([sys.executable, "-m", "venv", "--without-pip", self.path("venv")]) != 0:
            self.skipTest("python3 makes no virtual environment here (Debian: python3-venv)")
        place = subprocess.check_output(
            [self.path("venv/bin/python"), "-c",
             "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True).strip()
        with open(os.path.join(place, "only_here.py"), "w") as file:
            file.write("word = 'from the environment'\n")
        self.module("my_worker.py", "import only_here\ndef hello(request, settings):\n"
                                    "    print(only_here.word)\n")
        self.hello(rbit="python = venv/bin/python")
        self.start()
        self.assertIn("from the environment", self.greet())

    def test_one_that_is_not_there(self):
        self.module("my_worker.py", NEW_HELLO % ("rbit", "rbit"))
        self.hello(rbit="python = /nowhere/python3")
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("/nowhere", done.stdout)
        self.assertIn("No such file or directory", done.stdout)

    def test_one_that_others_may_change(self):
        if os.geteuid() != 0:
            self.skipTest("only as root it matters who may change the interpreter")
        self.module("my_worker.py", NEW_HELLO % ("rbit", "rbit"))
        self.write("mine", "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n")
        os.chmod(self.path("mine"), 0o777)
        self.hello(rbit="python = mine")
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("users other than its owner may write to it", done.stdout)


class Ends(Python):
    def test_a_traceback_is_in_the_log(self):
        for statement, reason in (("raise ValueError('odd')", "ValueError: odd"),
                                  ("raise SystemExit(3)", "SystemExit: 3")):
            with self.subTest(statement):
                self.module("my_worker.py", "def hello(request, settings):\n    " + statement)
                self.hello()
                self.start()
                said = self.greet(expect=1)
                self.assertIn(reason, said)
                self.assertIn('my_worker.py", line 2, in hello', said)
                self.rbit.stop()

    def test_settings_are_those_of_the_section_and_of_default(self):
        self.module("my_worker.py", "import json\ndef hello(request, settings):\n"
                                    "    print(json.dumps(settings, sort_keys=True))\n")
        self.hello(keys="Name = World\ntimeout = 5m", before="[DEFAULT]\nShared = yes\n")
        self.start()
        said = json.loads(next(line for line in self.greet().splitlines()
                               if line.startswith("{")))
        self.assertEqual(said, {"name": "World", "timeout": "5m", "shared": "yes",
                                "runner": "python!my_worker:hello"})


if __name__ == "__main__":
    rbit_suite.main()
