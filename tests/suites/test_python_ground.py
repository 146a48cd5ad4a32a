"""What a Python function may leave otherwise than it found it, and what of it its host tells."""

import os
import textwrap
import unittest

from host_case import PYTHON, SOURCE, HostCase

HOST = os.path.join(SOURCE, "runners", "python", "rbit_host")

# What a job does, what the host says of it, and how another job makes good for it.
WAYS = [
    ("json.dumps = lambda *_, **__: 'HACK'", "changed json.dumps",
     "json.dumps = KEPT['json.dumps']"),
    ("json.loads = None", "changed json.loads", "json.loads = KEPT['json.loads']"),
    ("json.encoder.encode_basestring_ascii = None", "changed json.encoder.encode_basestring_ascii",
     "json.encoder.encode_basestring_ascii = KEPT['json.encoder.encode_basestring_ascii']"),
    ("os.write = lambda *_: 0", "changed os.write", "os.write = KEPT['os.write']"),
    ("os.getpid = lambda: 1", "changed os.getpid", "os.getpid = KEPT['os.getpid']"),
    ("os.listdir = None", "changed os.listdir", "os.listdir = KEPT['os.listdir']"),
    ("os.chdir = None", "changed os.chdir", "os.chdir = KEPT['os.chdir']"),
    ("gc.isenabled = lambda: True", "changed gc.isenabled", "gc.isenabled = KEPT['gc.isenabled']"),
    ("os.sep = ':'", "changed os.sep", "os.sep = '/'"),
    ("builtins.open = io.StringIO", "changed builtins.open", "builtins.open = io.open"),
    ("builtins.print = id", "changed builtins.print", "builtins.print = KEPT['builtins.print']"),
    ("builtins.word = 1", "changed builtins.word", "del builtins.word"),
    ("json.len = id", "changed json.len", "del json.len"),
    ("subprocess.Popen = object", "changed subprocess.Popen",
     "subprocess.Popen = KEPT['subprocess.Popen']"),
    ("subprocess.Popen.wait = id", "changed subprocess.Popen.wait",
     "subprocess.Popen.wait = KEPT['subprocess.Popen.wait']"),
    ("json.JSONEncoder.__call__ = id", "changed json.encoder.JSONEncoder.__call__",
     "del json.JSONEncoder.__call__"),
    ("socket.getaddrinfo = Equal()", "changed socket.getaddrinfo",
     "socket.getaddrinfo = KEPT['socket.getaddrinfo']"),
    ("import ssl; ssl.create_default_context = id", "changed ssl.create_default_context",
     "ssl.create_default_context = make"),
    ("rbit.Failed = ValueError", "changed rbit.Failed", "rbit.Failed = KEPT['rbit.Failed']"),
    ("socket.setdefaulttimeout(1)", "changed the timeout of sockets",
     "socket.setdefaulttimeout(None)"),
    ("gc.disable()", "changed the collection of garbage", "gc.enable()"),
    ("gc.callbacks.append(id)", "changed the collection of garbage", "gc.callbacks.pop()"),
    ("warnings.simplefilter('error')", "changed its warnings", "warnings.filters.pop(0)"),
    ("sys.excepthook = id", "changed sys.excepthook", "sys.excepthook = sys.__excepthook__"),
    ("sys.unraisablehook = id", "changed sys.unraisablehook",
     "sys.unraisablehook = sys.__unraisablehook__"),
    ("threading.excepthook = id", "changed threading.excepthook",
     "threading.excepthook = KEPT['threading.excepthook']"),
    ("threading.settrace(id)", "changed its tracing", "threading.settrace(None)"),
    ("sys.tracebacklimit = 0", "changed sys.tracebacklimit", "del sys.tracebacklimit"),
    ("sys.dont_write_bytecode = 0", "changed sys.dont_write_bytecode",
     "sys.dont_write_bytecode = True"),
    ("sys.setswitchinterval(1)", "changed settings of Python", "sys.setswitchinterval(0.005)"),
    ("sys.meta_path.append(object())", "changed where modules are found", "sys.meta_path.pop()"),
    ("sys.path_hooks.append(id)", "changed where modules are found", "sys.path_hooks.pop()"),
    ("sys.modules['json'] = sys", "changed sys.modules['json']", "sys.modules['json'] = json"),
    ("sys.modules['csv'] = None", "changed sys.modules['csv']", "del sys.modules['csv']"),
    ("sys.modules['made'] = type(sys)('made')", "changed sys.modules['made']",
     "del sys.modules['made']"),
    ("decimal.getcontext().prec = 3", "changed how decimal numbers are counted",
     "decimal.getcontext().prec = 28"),
    ("os.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); del os.environ['TZ']",
     "changed its time zone", "time.tzset()"),
    ("sys.stdout.reconfigure(encoding='latin-1')", "changed its standard streams",
     "sys.stdout.reconfigure(encoding='utf-8', errors='backslashreplace')"),
    ("sys.stdout.reconfigure(line_buffering=False)", "changed its standard streams",
     "sys.stdout.reconfigure(line_buffering=True)"),
    ("logging.getLogger('x').setLevel(10)", "changed its logging",
     "logging.getLogger('x').setLevel(0)"),
    ("logging.getLogger().handlers[0].setLevel(40)", "changed its logging",
     "logging.getLogger().handlers[0].setLevel(0)"),
    ("logging.getLogger('x').addFilter(id)", "changed its logging",
     "logging.getLogger('x').removeFilter(id)"),
    ("ctypes.CDLL(None).prctl(29, 123456, 0, 0, 0)", "changed settings of its process",
     "ctypes.CDLL(None).prctl(29, 50000, 0, 0, 0)"),
    ("tempfile.tempdir = '/usr'", "changed tempfile.tempdir", "tempfile.tempdir = None"),
]
INT_LIMIT = [("sys.set_int_max_str_digits(0)", "changed settings of Python",
              "sys.set_int_max_str_digits(4300)")]

MODULE = """
import builtins, ctypes, decimal, gc, io, json, logging, os, socket, subprocess, sys, tempfile
import threading, time, warnings
import rbit

class Equal:
    def __eq__(self, other):
        return True

KEPT = {name: eval(name) for name in (
    "json.dumps", "json.loads", "json.encoder.encode_basestring_ascii", "os.write", "os.getpid",
    "os.listdir", "os.chdir", "gc.isenabled", "builtins.print", "subprocess.Popen",
    "subprocess.Popen.wait", "socket.getaddrinfo", "rbit.Failed", "threading.excepthook")}

def run(build_request, settings):
    exec(settings["code"], globals())
"""

# Nothing of this reaches the next job.
HARMLESS = [
    "pass",
    "json.loads('{}'); json.dumps({}); re_ = __import__('re'); re_.sub('a', 'b', 'a')",
    "import xml.dom.minidom, sqlite3, http.client, email.mime.text, unittest.mock",
    "import unittest.mock as m\nwith m.patch('subprocess.Popen'): subprocess.Popen()",
    "with warnings.catch_warnings(): warnings.simplefilter('error')",
    "warnings.warn('a word')",
    "with decimal.localcontext() as c: c.prec = 2; decimal.Decimal(1) / 3",
    "decimal.Decimal(1) / 3",
    "logging.getLogger('one.two').warning('a word')",
    "time.tzset(); time.strptime('2020', '%Y')",
    "tempfile.mkdtemp(); tempfile.gettempdir()",
    "import mimetypes; mimetypes.guess_type('a.pdf')",
    "import platform; platform.platform()",
    "made = globals().get('made', 0) + 1",
    "import helper; helper.count = 7",
    "import encodings.punycode; 'x'.encode('idna')",
    # What nobody refers to any more, or nobody but itself.
    "os.popen('echo x').read()",
    "subprocess.Popen(['/bin/true'])",
    "one = [open('/dev/null')]; one.append(one); del one",
]


class Ground(HostCase):
    def ready(self, source, **more):
        config = os.path.join(self.directory, "config")
        os.makedirs(config)
        for name, text in {"mine": source, **more}.items():
            with open(os.path.join(config, name + ".py"), "w") as file:
                file.write(textwrap.dedent(text))
        host = self.start([PYTHON, "-I", "-B", HOST, "--config-dir=" + config, "mine:run"])
        self.assertEqual({"ready": True}, host.event(), host.log())
        return host

    def do(self, host, code):
        result = host.job({"code": code})[-1]
        self.assertEqual("done", result["result"], result)
        self.assertNotIn("left_open", result, code)
        return result.get("left", [])

    def test_each_thing_that_reaches_the_next_job_is_told(self):
        host = self.ready(MODULE)
        self.assertEqual([], self.do(host, "import ssl; make = ssl.create_default_context"))
        ways = WAYS + INT_LIMIT * hasattr(__import__("sys"), "get_int_max_str_digits")
        for code, word, remedy in ways:
            self.assertIn(word, self.do(host, code), code)
            self.assertEqual([], self.do(host, remedy), remedy)

    def test_it_is_told_with_the_hosts_own_words_whatever_becomes_of_pythons(self):
        """Such a host cannot do another job, and need not."""
        for name in ("all", "dict", "getattr", "len", "list", "map", "type"):
            self.setUp()
            host = self.ready(MODULE)
            self.assertEqual(["changed builtins." + name],
                             self.do(host, "builtins.%s = lambda *_: True" % name))

    def test_what_was_replaced_in_a_module_that_the_same_job_imported_is_told(self):
        host = self.ready(MODULE)
        self.assertEqual(["changed ssl.create_default_context"],
                         self.do(host, "import ssl; ssl.create_default_context = id"))

    def test_what_reaches_no_other_job_is_not_told(self):
        host = self.ready(MODULE, helper="count = 1\n")
        for code in HARMLESS + HARMLESS:
            self.assertEqual([], self.do(host, code), code)

    def test_what_an_import_of_somebody_elses_does_is_there_for_all_jobs(self):
        """Where the import stands in a function, too; one's own modules are held to it."""
        host = self.ready(MODULE, own="import warnings\nwarnings.simplefilter('error')\n")
        # The module `this` prints; it is Python's own, and stands for an installed one.
        hook = ("class Hook:\n    def write(self, text): warnings.simplefilter('ignore')\n"
                "    def flush(self): pass\n"
                "import contextlib\nwith contextlib.redirect_stdout(Hook()): import this")
        self.assertEqual([], self.do(host, hook))
        self.assertEqual(["changed its warnings"], self.do(host, "import own"))

    def test_a_child_that_comes_back_is_no_host(self):
        host = self.ready("""
            import os
            def run(message, set_status, settings):
                child = os.fork()
                if child == 0:
                    set_status("Building", "by the child")
                    if settings["end"] == "raise":
                        raise ValueError("in the child")
                    return
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                set_status("Building", "the child ended with %d" % code)
            """)
        for end, code in (("return", 0), ("raise", 1)):
            events = host.job({"end": end})
            self.assertEqual([{"status": "Building", "message": "the child ended with %d" % code},
                              {"result": "done", "message": ""}], events)
        self.assertIn("ValueError: in the child", host.log())
        self.assertEqual(0, host.end())


if __name__ == "__main__":
    unittest.main()
