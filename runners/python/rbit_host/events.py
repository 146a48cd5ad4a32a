"""The events of rbit-runner(7), one JSON object a line."""

import json
import os
import threading

# Written as \uXXXX this is at most 48 KiB; rbit reads lines of 64 KiB.
TEXT_LIMIT = 8192


def clean(value):
    """The text of any object, short enough and fit for UTF-8."""
    try:
        text = value if type(value) is str else str(value)
    except Exception as error:  # somebody's __str__
        text = "<%s without a text: %s>" % (type(value).__name__, type(error).__name__)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "..."


class Events:
    """Writes whole lines to a descriptor, from any thread."""

    def __init__(self, fd, lock=None, token=None):
        self._fd = fd
        self._lock = lock or threading.RLock()  # a signal handler may raise in the middle of a write
        self._token = token

    def of_job(self, token):
        """The same for one job: each of its events carries its token."""
        return Events(self._fd, self._lock, token)

    def ready(self):
        self._write({"ready": True}, on_its_own=True)

    def refused(self, why, cure):
        self._write({"refused": clean(why), "cure": clean(cure)}, on_its_own=True)

    def status(self, name, message):
        self._write({"status": clean(name), "message": clean(message)})

    def artifact(self, path):
        self._write({"artifact": clean(path), "kind": ""})

    def log(self, text, level):
        self._write({"log": clean(text), "level": level})

    def printed(self, text, level):
        """What the job's output shows already, for the logger of runners in rbit's own log."""
        self._write({"log": clean(text), "level": level, "printed": True})

    def stale(self, path):
        """The job is not begun: this file is another one than was loaded."""
        self._write({"stale": clean(path)}, on_its_own=True)

    def result(self, verdict, message, left_open, left, record_dir):
        """The verdict; first kept in record_dir, without a sync: it has to outlive rbit only."""
        event = {"result": verdict, "message": clean(message)}
        if left_open > 0:
            event["left_open"] = left_open
        if left:
            event["left"] = left
        if record_dir:
            path = os.path.join(record_dir, "result")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            try:
                fd = os.open(path, flags, 0o600)
                try:
                    self._write(event, fd=fd)
                finally:
                    os.close(fd)
            except OSError as error:  # the line below counts while rbit lives
                self.log("%s: %s" % (path, error.strerror), "warning")
        self._write(event, on_its_own=True)

    def _write(self, event, fd=None, on_its_own=False):
        """`on_its_own`: what is waited for is not lost to a line that somebody else began."""
        if self._token:
            event["token"] = self._token
        line = (("\n" if on_its_own else "") + json.dumps(event) + "\n").encode("ascii")
        with self._lock:
            while line:
                line = line[os.write(self._fd if fd is None else fd, line):]
