"""What a job leaves in a warm host reaches no other one: such a host is replaced before the next
job, and the log says what was left. So is one whose code is another one by now."""

import os
import re
import shutil

import rbit_suite
from rbit_suite import Suite

# For each way, of the plugin and of the function alike: what the log says of it.
LEFT = {
    "thread": "left a thread",
    "zombie": "left a child process",
    "child": "left a child process",
    "timer": "left a timer",
    "descriptor": "left a descriptor open",
    "output": "left a descriptor open",
    "nonblock": "changed its descriptors",
    "umask": "changed its umask",
    "environment": "changed its environment",
    "less-environment": "changed its environment",
    "ignored": "changed its signal handlers",
    "handler": "changed its signal handlers",
    "other-cancel-handler": "changed its signal handlers",
    "cancel-handler": "changed its signal handlers",
    "mask": "changed its signal handlers",
    "limit": "changed its limits",
    "nice": "changed its priority",
    "locale": "changed its locale",
    "timer-slack": "changed settings of its process",
    "namespace": "changed its namespaces",
    "locked": "left memory locked",
}
ONLY_ROOT = ["root", "namespace", "locked"]
ONLY_PLUGIN = {
    "posix-timer": "left a timer",
    "swapped": "changed its descriptors",
    "rights": "changed its user or its rights",
    "death-signal": "changed settings of its process",
}
ONLY_PYTHON = {
    "putenv": "changed its environment",
    "other-environ": "changed its environment",
    "stream": "changed its standard streams",
    "path": "changed where modules are found",
    "finder": "changed where modules are found",
    "logging": "changed its logging",
    "trace": "changed its tracing",
    "root": "changed its directory",
    "module": "changed os.write",
}
HARMLESS = ["nothing", "joined-threads", "directory", "child-that-returns"]

PYTHON = """
import ctypes, fcntl, locale, logging, os, resource, signal, subprocess, sys, threading, time

def thread():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
def zombie():
    pid = os.fork() or os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
def joined():
    for number in range(20):
        one = threading.Thread(target=time.sleep, args=(0,))
        one.start()
        one.join()
def other_environ():
    os.environ = dict(os.environ)
def stream():
    sys.stdout = sys.stderr
def nonblock():
    fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_NONBLOCK)
def root():
    os.chroot("/usr")
    os.chdir("/")
def come_back_twice():
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        print("the parent")
def module():
    os.write = lambda fd, text: 0  # the host would write for ever

LIBC = ctypes.CDLL(None)
WAYS = {
    "nothing": lambda: None,
    "child-that-returns": come_back_twice,
    "timer-slack": lambda: LIBC.prctl(29, 123456, 0, 0, 0),
    "namespace": lambda: LIBC.unshare(0x04000000),
    "locked": lambda: LIBC.mlockall(1),
    "module": module,
    "joined-threads": joined,
    "directory": lambda: os.chdir("/tmp"),
    "thread": thread,
    "zombie": zombie,
    "child": lambda: subprocess.Popen(["/bin/sleep", "1000"]),
    "timer": lambda: signal.alarm(1000),
    "descriptor": lambda: os.open("/dev/null", os.O_RDONLY),
    "output": lambda: os.dup2(os.open("/dev/null", os.O_WRONLY), 1),
    "nonblock": nonblock,
    "umask": lambda: os.umask(0),
    "environment": lambda: os.environ.update(LEFT="1"),
    "less-environment": lambda: os.environ.pop("LANG"),
    "putenv": lambda: os.putenv("LEFT", "1"),
    "other-environ": other_environ,
    "ignored": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    "handler": lambda: signal.signal(signal.SIGUSR2, lambda *_: None),
    "cancel-handler": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "other-cancel-handler": lambda: signal.signal(signal.SIGTERM, lambda *_: None),
    "mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]),
    "limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)),
    "nice": lambda: os.nice(3),
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C"),
    "stream": stream,
    "path": lambda: sys.path.insert(0, "/tmp"),
    "finder": lambda: sys.meta_path.pop(),
    "logging": lambda: logging.getLogger().addHandler(logging.NullHandler()),
    "trace": lambda: sys.setrecursionlimit(5000),
    "root": root,
}

def build(build_request, settings):
    print("host", os.getpid(), flush=True)
    WAYS[build_request.get_package()]()
"""

ORDINARY = """
import asyncio, concurrent.futures, os, socket, subprocess, tempfile, time

async def wait_for_both():
    process = await asyncio.create_subprocess_exec("/bin/true")
    await process.wait()
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.001)

def build(build_request, settings):
    print("host", os.getpid(), flush=True)
    way = build_request.get_package()
    if way == "run":
        subprocess.run(["/bin/true"], check=True)
        subprocess.check_output("echo x | cat", shell=True)
        os.system("true")
    elif way == "asyncio":
        asyncio.run(wait_for_both())
    elif way == "pool":
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(time.sleep, [0.001] * 20))
    elif way == "temporary":
        with tempfile.TemporaryDirectory(), tempfile.TemporaryFile():
            pass
    elif way == "names":
        try:
            socket.getaddrinfo("localhost", 80)
        except OSError:
            pass
    elif way == "read":
        assert os.popen("echo x").read().strip() == "x"
    elif way == "cycle":
        one = [open("/dev/null")]
        one.append(one)
    elif way == "environment":
        os.environ["X"] = "1"
        del os.environ["X"]
    elif way == "late":
        import csv, decimal, http.client, sqlite3, ssl, xml.dom.minidom
"""


class Hosts(Suite):
    def job(self, package, number=None, queue="build"):
        """The number of the host that did that job."""
        self.number = getattr(self, "number", 0) + 1
        done = self.submit(queue, package, job=self.number, wait=True)
        self.assertIn("Done", done.stdout)
        log = self.command("log", self.config, str(self.number)).stdout
        return int(re.search(r"host (\d+)", log)[1]), log


class Left(Hosts):
    def leave(self, ways):
        if os.geteuid() != 0:
            ways = {way: said for way, said in ways.items() if way not in ONLY_ROOT}
        hosts = set()
        for way, said in ways.items():
            host, log = self.job(way)  # in a host that knows nothing of the way before
            found = re.search("rbit: the job (.*): its host does no other one", log)
            self.assertTrue(found and said in found[1], f"{way}: {log}")
            self.assertNotIn(host, hosts, way)
            self.assertFalse(os.path.exists(f"/proc/{host}"), way)
            hosts.add(host)
        for said in set(ways.values()):
            line = f"[runner:build] {said}: its host was replaced"
            self.assertEqual(len(self.rbit.lines_with(line)), 1, line)

    def stay(self):
        done = [self.job(way) for way in HARMLESS + HARMLESS]
        self.assertEqual(len({host for host, _log in done}), 1)
        self.assertIn("the parent", done[-1][1])  # and not its child, is waited for

    def test_a_plugin(self):
        self.configure({"build": f"runner = plugin!{self.library('tests', 'libnaughty.so')}:leaves"},
                       rbit="slots = 1")
        self.start()
        self.stay()
        self.leave({**LEFT, **ONLY_PLUGIN})
        self.stay()

    def test_what_a_plugin_keeps_for_all_its_jobs_is_no_leftover(self):
        self.configure({"build": f"runner = plugin!{self.library('tests', 'libnaughty.so')}:keeper"},
                       rbit="slots = 1")
        self.start()
        self.stay()
        self.leave({"thread": "left a thread", "umask": "changed its umask",
                    "descriptor": "left a descriptor open",
                    "environment": "changed its environment"})

    def test_a_function(self):
        self.write("ways.py", PYTHON)
        self.configure({"build": "runner = python!ways:build"}, rbit="slots = 1")
        self.start()
        self.stay()
        self.leave({**LEFT, **ONLY_PYTHON})
        self.stay()

    def test_what_functions_ordinarily_do_leaves_nothing(self):
        self.write("ordinary.py", ORDINARY)
        self.configure({"build": "runner = python!ordinary:build"}, rbit="slots = 1")
        self.start()
        ways = ["run", "asyncio", "pool", "temporary", "names", "environment", "late", "read",
                "cycle"]
        self.assertEqual(len({self.job(way)[0] for way in ways + ways}), 1)
        self.assertFalse(self.rbit.lines_with("its host was replaced"))

    def test_as_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can run jobs as somebody else")
        self.let_everybody_run_it()
        self.write("ways.py", PYTHON)
        self.configure({"build": "runner = python!ways:build\nuser = nobody"},
                       rbit=f"slots = 1\nwork-dir = {self.path('work')}")
        self.start()
        self.stay()
        self.leave({way: LEFT[way] for way in ("thread", "descriptor", "umask", "limit", "nice")})

    def test_all_that_was_left_is_said_at_once(self):
        self.write("many.py", PYTHON + "\ndef many(build_request, settings):\n"
                   "    print('host', os.getpid(), flush=True)\n"
                   "    thread(), os.umask(0), os.environ.update(LEFT='1')\n")
        self.configure({"build": "runner = python!many:many"}, rbit="slots = 1")
        self.start()
        self.job("x")
        self.assertTrue(self.rbit.lines_with("[runner:build] left a thread, changed its umask and "
                                             "changed its environment: its host was replaced"))

    def test_who_stayed_behind_writes_nothing_into_the_next_job(self):
        """A thread that goes on, with events that it makes itself and with those it was lent."""
        self.write("forger.py", """
import os, threading
def forge(set_status):
    while True:
        os.write(3, b'{"status": "Building", "message": "forged"}\\n{"result": "failed"}\\n')
        set_status("Building", "lent")
def build(message, set_status, settings):
    print("host", os.getpid(), flush=True)
    if b'"forge"' in message.encode():
        threading.Thread(target=forge, args=(set_status,), daemon=True).start()
    else:
        assert os.listdir(".") == []
""")
        self.configure({"build": "runner = python!forger:build\nattempts = 1"}, rbit="slots = 1")
        self.start()
        for _ in range(5):
            host, _log = self.job("forge")
            self.assertNotEqual(self.job("honest")[0], host)
            done = self.submit("build", "honest", job=1000 + self.number, wait=True)
            self.assertNotIn("forged", done.stdout)
            self.assertNotIn("lent", done.stdout)
        self.assertTrue(self.rbit.lines_with("left a thread"))

    def test_a_result_that_the_code_writes_itself_is_none(self):
        """It ended the job, and what came after it was the next one's."""
        self.write("own.py", """
import os
def build(build_request, settings):
    print("host", os.getpid(), flush=True)
    os.write(3, b'{"result": "failed", "message": "by hand"}\\n')
    open("result", "w").write("real")
    return ["result"]
""")
        self.configure({"build": f"runner = python!own:build\noutput-dir = {self.path('out')}"},
                       rbit="slots = 1")
        self.start()
        hosts = {self.job("x")[0] for _ in range(3)}
        self.assertEqual(len(hosts), 1)
        self.assertEqual(self.read("out", "result"), "real")
        self.rbit.wait_for("it has not the token of this job", times=3)


class Edited(Hosts):
    def test_a_plugin(self):
        library = shutil.copy(self.library("tests", "libnaughty.so"), self.path("lib.so"))
        self.configure({"build": f"runner = plugin!{library}:leaves"}, rbit="slots = 1")
        self.start()
        first = self.job("nothing")[0]
        self.assertEqual(self.job("nothing")[0], first)
        os.rename(shutil.copy(library, library + ".new"), library)
        second = self.job("nothing")[0]
        self.assertNotEqual(second, first)
        line = f"[runner:build] {library} is another file by now: its host was replaced"
        self.assertEqual(len(self.rbit.lines_with(line)), 1)
        self.assertEqual(self.job("nothing")[0], second)
        os.unlink(library)  # in the middle of an upgrade: what is loaded serves on
        self.assertEqual(self.job("nothing")[0], second)

    def test_a_function_and_what_it_imports_then_and_later(self):
        self.write("helper.py", "WORD = 'one'\n")
        self.write("late.py", "WORD = 'a'\n")
        module = ("import os, helper\ndef build(build_request, settings):\n    import late\n"
                  "    print('host', os.getpid(), helper.WORD, late.WORD, {})\n")
        self.write("edited.py", module.format(1))
        self.configure({"build": "runner = python!edited:build"}, rbit="slots = 1")
        self.start()
        self.assertIn("one a 1", self.job("x")[1])
        self.assertIn("one a 1", self.job("x")[1])
        self.write("edited.py", module.format(22))
        self.assertIn("one a 22", self.job("x")[1])
        self.write("helper.py", "WORD = 'two and a half'\n")
        self.assertIn("two and a half a 22", self.job("x")[1])
        self.write("late.py", "WORD = 'bcd'\n")
        host, log = self.job("x")
        self.assertIn("two and a half bcd 22", log)
        self.assertEqual(self.job("x")[0], host)
        for name in ("edited.py", "helper.py", "late.py"):
            line = f"[runner:build] {self.path(name)} is another file by now: its host was replaced"
            self.assertEqual(len(self.rbit.lines_with(line)), 1, name)


if __name__ == "__main__":
    rbit_suite.main()
