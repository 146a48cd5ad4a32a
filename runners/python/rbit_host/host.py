"""The loop of the host: one line, one job."""

import argparse
import atexit
import fcntl
import logging
import os
import signal
import sys
import traceback
from os import _exit, chdir, getpid

from rbit import Cancelled
from rbit_host.call import form_of
from rbit_host.events import Events
from rbit_host.ground import Ground
from rbit_host.imports import Imports
from rbit_host.job import Job
from rbit_host.load import load
from rbit_host.refusal import Refusal
from rbit_host.request import parsed
from rbit_host.settle import left_open, open_descriptors

EVENTS_FD = 3
USAGE, REFUSED = 2, 1


class CancelSignals:
    """SIGTERM and SIGINT raise Cancelled in a running job, once; between two jobs they do nothing.

    One that comes when the next job is known, but its function does not run yet, waits for that.
    """

    IDLE, STARTING, RUNNING = range(3)

    def __init__(self):
        self._state = self.IDLE
        self._waiting = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)

    def _asked(self, number, _frame):
        if self._state == self.STARTING:
            self._waiting = number
        elif self._state == self.RUNNING:
            self._state = self.IDLE
            raise Cancelled("cancelled by %s" % signal.Signals(number).name)

    def starting(self):
        self._waiting = None
        self._state = self.STARTING

    def running(self):
        self._state = self.RUNNING
        if self._waiting is not None:
            self._asked(self._waiting, None)

    def idle(self):
        self._state = self.IDLE


def take_input():
    """The jobs' lines. The function and its children find /dev/null as their standard input."""
    lines = os.fdopen(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 10), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return lines


class TemporaryDirectory:
    """Where the job's temporary files go, which are removed with it, unless TMPDIR is configured."""

    def __init__(self):
        self._path = self._found = None
        self._configured = os.environ.get("TMPDIR")
        self.is_free = self._configured is None

    def take(self, path):
        module = sys.modules.get("tempfile")
        if not path or not self.is_free:
            self._found = module and module.tempdir
            return
        os.environ["TMPDIR"] = path
        # That module remembers what it found first, the job before's or that of its import.
        if module and module.tempdir in (self._path, "/tmp"):
            module.tempdir = None
        self._path = path
        self._found = module.tempdir if module else None

    def changes(self):
        """Whether the next job's files would go where this one wanted its own."""
        module = sys.modules.get("tempfile")
        here = (None, self._found, self._path, "/tmp", self._configured)
        return ["changed tempfile.tempdir"] if module and module.tempdir not in here else []


def flush_output():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # somebody closed it, or put another in place
            pass


class Context(dict):
    """What a function keeps from job to job, such as connections: its own business, but for
    "rbit"."""

    def __init__(self):
        super().__init__()
        self._is_told = False

    def is_to_be_told(self):
        """Once, when something is in it: what was made for that is there for all jobs."""
        if self._is_told or not self.keys() - {"rbit"}:
            return False
        self._is_told = True
        return True


def run_job(line, function, form, context, events, signals, temporary, ground,
            note_again):
    """`note_again` tells rbit that the process is to stay as it stands now, and gives the ground
    that this is."""
    signals.starting()
    pid = getpid()
    before = open_descriptors()
    verdict = ("failed", "", None)
    job = None
    try:
        if line.get("work_dir"):
            chdir(line["work_dir"])
        temporary.take(line.get("tmp_dir"))
        if line.get("home_dir"):
            os.environ["HOME"] = line["home_dir"]
        job = Job(line, events, context)
        try:
            signals.running()
            verdict = job.run(function, form)
        finally:
            signals.idle()
    except Cancelled as error:  # before the function began, or when it had just ended
        verdict = ("cancelled", str(error), None)
        if job:
            job.close()  # the signal may have come in the middle of that
    except Exception as error:
        traceback.print_exc()
        verdict = ("failed", "%s: %s" % (type(error).__name__, error), None)
    flush_output()
    if getpid() != pid:  # a child that the function made came back: it is no host
        _exit(0 if verdict[0] == "done" else 1)
    chdir("/")  # a job's directory must not be busy when it is removed
    more = left_open(before)
    if line.get("token") and context.is_to_be_told():
        more, ground = 0, note_again(events)
    left = ground.changes() + temporary.changes()
    events.result(verdict[0], verdict[1], more, left,
                  (line.get("record_file"), line.get("record_serial")), verdict[2])


class Passing(logging.Handler):
    """Hands on what runners log, without tracebacks: those are for the job's output alone."""

    def __init__(self):
        super().__init__()
        self.events = None  # those of the job

    def emit(self, record):
        try:
            if self.events:
                self.events.printed(record.getMessage(), record.levelname)
        except Exception:  # as a logging handler does: a slip in a format ends no job
            self.handleError(record)


def main(arguments):
    try:
        fcntl.fcntl(EVENTS_FD, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    except OSError:
        sys.exit("rbit_host: descriptor 3 is not open (rbit starts this program)")
    parser = argparse.ArgumentParser(prog="rbit_host")
    parser.add_argument("--config-dir", required=True)
    parser.add_argument("--trust-uid", type=int, default=-1)
    parser.add_argument("--log-level", help="of what rbit's own log gets to see too")
    parser.add_argument("--message", choices=("pybit", "json", "raw", "task"), default="pybit",
                        help="what the messages of its runner are")
    parser.add_argument("target", metavar="module:callable")
    options = parser.parse_args(arguments)

    lines = take_input()
    # By a number that no open() gets when a function has closed 3.
    events = Events(fcntl.fcntl(EVENTS_FD, fcntl.F_DUPFD_CLOEXEC, 10))
    signals = CancelSignals()
    temporary = TemporaryDirectory()
    imports = Imports()
    # What is printed is seen at once, whatever it is.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    logging.basicConfig(stream=sys.stderr, level=options.log_level or logging.INFO,
                        format="%(asctime)s %(levelname)-5.5s [%(name)s] %(message)s")
    passing = Passing()
    if options.log_level:
        logging.getLogger().addHandler(passing)
    # Last, so that no file beside the INI file hides a module of Python's own.
    sys.path.append(os.path.abspath(options.config_dir))
    try:
        function, code = load(options.target, options.config_dir, options.trust_uid, imports)
        form = form_of(function, options.target, options.message)
    except Refusal as refusal:
        flush_output()
        events.refused(refusal.why, refusal.cure)
        sys.exit(REFUSED)
    flush_output()
    events.ready()
    context = Context()
    ground = None  # as the first job finds it
    own = []

    def note_again(events_of_job):
        nonlocal ground
        events_of_job.opened()
        if not lines.readline():
            _exit(0)  # rbit is gone
        ground = imports.ground = Ground(own, code)
        return ground

    for line in lines:
        job = parsed(line.decode("utf-8"))["job"]
        passing.events = events.of_job(job.get("token"))
        changed = code.changed()
        if changed:
            passing.events.stale(changed)
        else:
            own = ["HOME"] * bool(job.get("home_dir")) + ["TMPDIR"] * temporary.is_free
            ground = ground or Ground(own, code)
            imports.ground = ground
            run_job(job, function, form, context, passing.events, signals, temporary, ground,
                    note_again)
    atexit._run_exitfuncs()
    flush_output()
    # Threads that a job left behind cannot hold up the end, as they would in sys.exit().
    os._exit(0)
