"""What the suites share: they drive the real binary and speak the user's language.

    class Greeting(Suite):
        def test_a_greeting_is_done(self):
            self.configure({"greet": "runner = shell!echo hello %ID"})
            self.start()
            self.submit("greet", "world", job=36)
            self.wait_for_status(36, "Done")

Each test has a fresh directory, which is kept if the test fails. Nothing sleeps for a while and
hopes: `wait_until` polls a condition. The binary comes from RBIT_BINARY_DIR, else build/release.
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY_DIR = os.path.abspath(os.environ.get("RBIT_BINARY_DIR")
                             or os.path.join(SOURCE_DIR, "build", "release"))
# How long anything may take before the test gives up on it: no measure of speed, only the end of
# patience on a machine that does three other things.
PATIENCE = 150
SKIPPED = 77

# Not as we were started: in a shell's background it is ignored, and so all that we start would
# ignore it; what we write for other users of this machine they can read.
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
os.umask(0o022)


def wait_until(condition, what, patience=PATIENCE):
    """Polls until `condition` is true, returns what it gave. AssertionError after `patience` s."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s in vain for {what}")
        time.sleep(0.01)


def readable(path):
    """The bytes of a file of /proc; none where there is nothing, or nothing for us."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def is_running(pid):
    """False too for one that is dead and unheard: who should hear of it may never listen."""
    return readable(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"])


def free_port():
    """A port below those that connections are given: nobody gets it by chance before its use."""
    for _ in range(200):
        port = random.randrange(10000, 32768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no free port between 10000 and 32768")


def processes_of(mark):
    """Pids of live processes, but ours, with `mark` in their environment or command line."""
    mark = os.fsencode(mark)
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        if is_running(entry) and (mark in readable(f"/proc/{entry}/environ")
                                  or mark in readable(f"/proc/{entry}/cmdline")):
            found.append(int(entry))
    return found


class Gate:
    """A named pipe that one job waits at: `read -r _ < PATH`. let_through() frees it, and waits
    for it before, as wait_for_job() does."""

    def __init__(self, path):
        self.path = path
        self.end = None  # ours, once a job has the other
        os.mkfifo(path)

    def _open(self):
        try:
            return open(self.path, "wb", buffering=0,
                        opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK))
        except OSError:
            return None  # nobody is there to read

    def wait_for_job(self):
        if self.end is None:
            self.end = wait_until(self._open, f"a job at {self.path}")

    def let_through(self):
        self.wait_for_job()
        # The next job may be here before we have closed this end, and must not see that happen: it
        # gets a pipe of its own.
        os.mkfifo(f"{self.path}.next")
        os.rename(f"{self.path}.next", self.path)
        with self.end as end:
            end.write(b"\n")
        self.end = None


class Rbit:
    """One running rbit. Its standard error goes to a file, `log` is what stands there."""

    def __init__(self, program, arguments, directory, number, environment):
        self.log_file = os.path.join(directory, f"rbit.{number}.log")
        with open(self.log_file, "wb") as file:
            self.process = subprocess.Popen([program, *arguments], cwd=directory, env=environment,
                                            stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                            start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        with open(self.log_file, errors="replace") as file:
            return file.read()

    def lines_with(self, text):
        return [line for line in self.log.splitlines() if text in line]

    def wait_for(self, text, times=1):
        """Until `text` stands in at least `times` lines of the log."""
        def there():
            found = self.lines_with(text)
            if len(found) < times and self.process.poll() is not None:
                found = self.lines_with(text)  # what it wrote last
                if len(found) < times:
                    raise AssertionError(f"rbit ended with {self.process.returncode} before it "
                                         f"said {text!r}:\n{self.log}")
            return found if len(found) >= times else None
        try:
            return wait_until(there, f"{text!r} in the log")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-4000:]}") from None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit code."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"rbit did not end:\n{self.log[-4000:]}") from None

    def stop(self):
        """Asks it to drain, and gives its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """As a crash or the kernel would end it."""
        self.process.kill()
        self.process.wait()

    def descriptors(self):
        """How many it has open. rbit is not dumpable, so that only root may look."""
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root may count the descriptors of rbit")
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


class Suite(unittest.TestCase):
    """A test with a fresh directory, an INI in it and any number of rbits run on it."""

    program = os.path.join(BINARY_DIR, "rbit")
    programs = None  # a folder of the test's own, see `let_everybody_run_it`
    consuming = "consuming"  # in the line that says rbit takes jobs now

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        self.directory = tempfile.mkdtemp(prefix="rbit-suite.")
        self.config = self.path("rbit.ini")
        self.rbits = []
        super().run(result)
        if len(result.failures) + len(result.errors) > before or os.environ.get("RBIT_TEST_KEEP"):
            for one in self.rbits:
                print(f"---- {one.log_file}\n{one.log[-6000:]}", file=sys.stderr)
            print(f"---- kept {self.directory} of {self.id()}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
        return result

    def setUp(self):
        if not os.access(self.program, os.X_OK):
            self.skipTest(f"no {self.program}: build it, or name its folder in RBIT_BINARY_DIR")
        self.addCleanup(self.nothing_is_left)

    def nothing_is_left(self):
        """Whatever a test is about: when its rbits have ended, no process of theirs lives on."""
        for one in self.rbits:
            if one.process.poll() is None:
                one.kill()
        mark = os.path.basename(self.directory)
        wait_until(lambda: not processes_of(mark), f"the end of all processes of {mark}")

    # ---- files

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def write(self, name, content):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, *parts):
        with open(self.path(*parts), errors="surrogateescape") as file:
            return file.read()

    def wait_for_file(self, *parts):
        return wait_until(lambda: os.path.exists(self.path(*parts)), f"the file {parts[-1]}")

    def gate(self, name):
        return Gate(self.path(name))

    # ---- the configuration

    def configure(self, runners, rbit="", amqp="url = local:", more=""):
        """Writes rbit.ini: for each queue in `runners` a [runner:QUEUE] with that text, mapped."""
        mappings = "".join(f"\n    {queue}:{queue}" for queue in runners)
        sections = "".join(f"[runner:{queue}]\n{unindented(text)}\n"
                           for queue, text in runners.items())
        return self.configure_text(f"[rbit]\nstate-dir = state\nqueue-mappings ={mappings}\n"
                                   f"{unindented(rbit)}\n[amqp]\n{unindented(amqp)}\n"
                                   f"{sections}{unindented(more)}\n")

    def let_everybody_run_it(self):
        """The program is where every user may run it: a copy with its helpers, and with the plugins
        that are asked for from now on. The build may lie in a directory that is closed to others."""
        os.chmod(self.directory, 0o755)
        self.programs = self.path("programs")
        os.mkdir(self.programs)
        for name in ("rbit", "rbit-leader", "rbit-plugin-host"):
            shutil.copy(os.path.join(BINARY_DIR, name), self.programs)
        shutil.copytree(os.path.join(BINARY_DIR, "python"), os.path.join(self.programs, "python"))
        self.program = os.path.join(self.programs, "rbit")

    def configure_text(self, text):
        """Writes rbit.ini as it stands; nobody else may read it, it may hold a password."""
        self.write("rbit.ini", text)
        os.chmod(self.config, 0o600)
        return self.config

    # ---- running it

    def environment(self, **more):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("RBIT_", "BARTERDUDE_", "ASYNCWORKER_"))}
        return {**environment, **more}

    def start(self, *arguments, until="", environment=None):
        """Starts `rbit rbit.ini` and waits until it takes jobs, or says `until` (None: no wait)."""
        one = Rbit(self.program, [self.config, *arguments], self.directory, len(self.rbits) + 1,
                   environment or self.environment())
        self.rbits.append(one)
        if until is not None:
            one.wait_for(until or self.consuming)
        return one

    @property
    def rbit(self):
        """The one started last."""
        return self.rbits[-1]

    def command(self, *arguments, **options):
        """Runs `rbit ARGUMENTS` to its end: returncode, stdout, stderr."""
        return subprocess.run([self.program, *arguments], cwd=self.directory, text=True,
                              env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, **options)

    def ask(self, **request):
        """One answer of the running rbit."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(self.path("state", "control.sock"))
            peer.sendall(json.dumps(request).encode() + b"\n")
            with peer.makefile() as answers:
                return json.loads(answers.readline())

    def submit(self, queue, package=None, version="1.0", *more, job=None, file=None, wait=False,
               expect=0):
        """`rbit submit`, whose exit code must be `expect` (None: any)."""
        arguments = ["submit", self.config, "--queue", queue]
        if file is not None:
            arguments.append(file)
        else:
            arguments += ["--package", package, "--version", version]
        if job is not None:
            arguments += ["--job", str(job)]
        if wait:
            arguments.append("--wait")
        done = self.command(*arguments, *more)
        if expect is not None:
            self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    # ---- what the world hears

    def statuses(self, job):
        """What the logs of all rbits of this test say of a job, in order."""
        pattern = re.compile(rf"Job '{job}', timestamp|Job {job}'s state is now '(\w+)'")
        return [found[1] or "Building" for one in self.rbits for found in pattern.finditer(one.log)]

    def wait_for_status(self, job, status):
        try:
            wait_until(lambda: status in self.statuses(job), f"{status} of job {job}")
        except AssertionError as error:
            log = self.rbit.log[-4000:] if self.rbits else ""
            raise AssertionError(f"{error}; it has {self.statuses(job)}\n{log}") from None

    def assert_statuses(self, job, *expected):
        """Waits for the last of them, then compares all."""
        wait_until(lambda: len(self.statuses(job)) >= len(expected),
                   f"{len(expected)} statuses of job {job}, there are {self.statuses(job)}")
        self.assertEqual(self.statuses(job), list(expected))

    def wait_until_on_record(self, job):
        """Until the journal knows that the job's message is settled and that the log heard all:
        an rbit that is killed before may do either once more."""
        def is_on_record():
            done = self.command("explain", self.config, str(job), "--json")
            story = json.loads(done.stdout) if done.returncode == 0 else {}
            return (story.get("settlement") or {}).get("reached") and all(
                one["state"] == "sent" for one in story["reports"] if one["target"] == "log")
        wait_until(is_on_record, f"job {job} to be settled and told, on record")

    def library(self, *parts):
        """A plugin of the build tree; where the build has none the test is skipped."""
        path = os.path.join(BINARY_DIR, *parts)
        if not os.path.exists(path):
            self.skipTest(f"not built: {path}")
        return shutil.copy(path, self.programs) if self.programs else path


def unindented(text):
    """Each line without the blanks in front that the first line has."""
    lines = text.strip("\n").splitlines()
    margin = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    return "\n".join(line[margin:] if not line[:margin].strip() else line for line in lines)


def main():
    """unittest.main(), but a run in which all was skipped ends with 77 for CTest."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if result.wasSuccessful() and result.testsRun and len(result.skipped) == result.testsRun:
        sys.exit(SKIPPED)
    sys.exit(0 if result.wasSuccessful() else 1)
