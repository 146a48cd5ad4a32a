"""A host of plugins or of Python functions, driven without rbit, in the protocol of rbit-runner(7).

The programs come from the build directory that RBIT_BINARY_DIR names.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import record_file

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.umask(0o022)  # who may change a module is looked at
DEADLINE = 150  # for a machine that is busy with other things; nothing waits that long

PYBIT = {
    "py/object": "pybit.models.BuildRequest",
    "timestamp": None,
    "job": {
        "py/object": "pybit.models.Job",
        "packageinstance": {
            "py/object": "pybit.models.PackageInstance",
            "format": {"py/object": "pybit.models.Format", "id": 5, "name": "pdf"},
            "package": {"py/object": "pybit.models.Package", "version": "1.2", "id": 2,
                        "name": "col10642"},
            "id": 1, "master": True,
            "suite": {"py/object": "pybit.models.Suite", "id": 3, "name": "latex"},
            "distribution": {"py/object": "pybit.models.Dist", "id": 2, "name": "cnx"},
            "arch": {"py/object": "pybit.models.Arch", "id": 9, "name": "desktop"},
            "build_env": None,
        },
        "id": 36, "buildclient": None,
    },
    "transport": {"py/object": "pybit.models.Transport", "uri": "http://cnx.org/", "id": None,
                  "vcs_id": "", "method": ""},
    "web_host": "localhost:8080",
}


def binary(*parts):
    return os.path.join(os.environ.get("RBIT_BINARY_DIR", os.path.join(SOURCE, "build/release")),
                        *parts)


class Host:
    """A running host. Leaving the `with` ends it and whatever it left behind."""

    def __init__(self, argv, directory):
        self.directory = directory
        self.log_path = os.path.join(directory, "log")
        self.record = os.path.join(directory, "record")
        events, theirs = os.pipe()

        def give_events():
            os.dup2(theirs, 3)
            os.set_inheritable(3, True)  # if it was 3 already

        environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE,
                                            stdout=log, stderr=log,
                                            close_fds=False, preexec_fn=give_events,
                                            start_new_session=True)
        os.close(theirs)
        self.events = os.fdopen(events, "rb")
        self._jobs = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.events.close()

    def event(self):
        """The next event, or None at the end."""
        timer = threading.Timer(DEADLINE, self.process.kill)
        timer.start()
        try:
            line = b"\n"
            while line == b"\n":  # before what rbit waits for
                line = self.events.readline()
        finally:
            timer.cancel()
        return json.loads(line) if line else None

    def submit(self, settings=None, payload=None, **members):
        self._jobs += 1
        work = os.path.join(self.directory, "work-%d" % self._jobs)
        os.mkdir(work)
        with open(self.record, "ab") as slot:  # one for all jobs, as rbit has it
            slot.truncate(record_file.SIZE)
        job = {"id": "job-%d" % self._jobs, "queue": "q", "runner": "r", "attempt": 1,
               "redelivered": False, "timestamp": 1367322533, "work_dir": work,
               "output_dir": self.directory, "record_file": self.record,
               "record_serial": self._jobs,
               "fields": {"package": "col10642", "version": "1.2", "master": "1"},
               "settings": settings or {}}
        if isinstance(payload, bytes):
            job["payload_base64"] = base64.b64encode(payload).decode()
        else:
            job["payload"] = json.dumps(PYBIT) if payload is None else payload
        job.update(members)
        self.process.stdin.write(json.dumps({"job": job}).encode() + b"\n")
        self.process.stdin.flush()
        return work

    def result(self):
        """All events up to the verdict; the verdict is also what the record says."""
        seen = []
        while True:
            event = self.event()
            if event is None:
                return seen
            if "opened" in event:  # only told where somebody looks, which is where tokens are
                self.process.stdin.write(b'{"noted": true}\n')
                self.process.stdin.flush()
                continue
            seen.append(event)
            if "result" in event:
                assert json.loads(self.kept_result()) == event
                return seen

    def kept_result(self):
        """The last job's verdict, as its record has it."""
        return record_file.text_of(self.record, record_file.RESULT, self._jobs)

    def job(self, *args, **members):
        self.submit(*args, **members)
        return self.result()

    def end(self):
        """Closes the input; the exit code."""
        self.process.stdin.close()
        return self.process.wait(DEADLINE)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()


class HostCase(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="rbit-host-")
        self.addCleanup(shutil.rmtree, self.directory, True)

    def start(self, argv):
        host = Host(argv, self.directory)
        self.addCleanup(host.__exit__)
        return host

    def assertVerdict(self, events, verdict, message=""):
        self.assertTrue(events and "result" in events[-1], events)
        self.assertEqual((verdict, message), (events[-1]["result"], events[-1]["message"]))


PYTHON = sys.executable
