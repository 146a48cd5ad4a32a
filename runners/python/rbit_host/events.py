"""The events of rbit-runner(7), one JSON object a line.

How the host speaks is no matter of its jobs: whatever one of them replaces in Python's modules, and
whatever processes it makes of this one.
"""

from builtins import Exception, OSError, ValueError, len, list, str, type
from binascii import crc32
from os import (O_NOFOLLOW, O_NONBLOCK, O_WRONLY, close as close_file, getpid, open as open_file,
                pwrite, write)
from threading import RLock

try:
    from _json import encode_basestring as quoted
except ImportError:  # a Python without its C parts
    from json.encoder import py_encode_basestring as quoted

LINE_LIMIT = 64 * 1024  # bytes, as rbit reads them
TEXT_LIMIT = 8192  # letters; written as \u00XX this is at most 48 KiB
SHORT_LIMIT = 500  # beside a result
RESULT_AT = 16384  # in a record's file (rbit/run/record_layout.h)


def clean(value):
    """The text of any object, short enough and fit for UTF-8."""
    try:
        text = value if type(value) is str else str(value)
    except Exception as error:  # somebody's __str__
        text = "<%s without a text: %s>" % (type(value).__name__, type(error).__name__)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "..."


class Encoded(str):
    """What is JSON already."""


def keep(path, serial, line):
    """The verdict in its place, with what shows whose it is and that it is whole."""
    numbers = b"%016x %08x" % (serial, len(line))
    whole = b"rbit-1 %b %08x\n" % (numbers, crc32(line, crc32(numbers))) + line
    fd = open_file(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK)
    try:
        pwrite(fd, whole, RESULT_AT)
    finally:
        close_file(fd)


def encoded(value):
    """As JSON: a text, a number, a truth, and lists and objects of them."""
    if type(value) is Encoded:
        return value
    if value is True:
        return "true"
    if type(value) is str:
        return quoted(value)
    if type(value) is int:
        return "%d" % value
    if type(value) is list:
        return "[" + ", ".join([encoded(one) for one in value]) + "]"
    return "{" + ", ".join([quoted(name) + ": " + encoded(one)
                            for name, one in value.items()]) + "}"


class Events:
    """Writes whole lines to a descriptor, from any thread. What another process made of this one
    has to say, a child of the function's, is left out."""

    def __init__(self, fd, lock=None, token=None):
        self._fd = fd
        self._pid = getpid()
        self.lock = lock or RLock()  # a signal handler may raise in the middle of a write
        self._token = token

    def of_job(self, token):
        """The same for one job: each of its events carries its token."""
        return Events(self._fd, self.lock, token)

    def ready(self):
        self._write({"ready": True}, on_its_own=True)

    def refused(self, why, cure):
        self._write({"refused": clean(why), "cure": clean(cure)}, on_its_own=True)

    def status(self, name, message):
        self._write({"status": clean(name), "message": clean(message)})

    def artifact(self, path, kind=""):
        self._write({"artifact": clean(path), "kind": clean(kind)})

    def send(self, name, value, cure):
        """{name: value}, whole: a ValueError with the cure if the line would be too long. `value`
        is JSON."""
        size = len(self._line({name: Encoded(value)}))
        if size > LINE_LIMIT:
            raise ValueError("a line of %d bytes to rbit; %d is the most: %s"
                             % (size, LINE_LIMIT, cure))
        self._write({name: Encoded(value)})

    def opened(self):
        """What the function keeps for all jobs is made; rbit looks at it and answers by a line."""
        self._write({"opened": True}, on_its_own=True)

    def log(self, text, level):
        self._write({"log": clean(text), "level": level})

    def printed(self, text, level):
        """What the job's output shows already, for the logger of runners in rbit's own log."""
        self._write({"log": clean(text), "level": level, "printed": True})

    def stale(self, path):
        """The job is not begun: this file is another one than was loaded."""
        self._write({"stale": clean(path)}, on_its_own=True)

    def result(self, verdict, message, left_open, left, record, value=None):
        """The verdict; first kept in record, (path, serial), without a sync: it has to outlive rbit
        only. `value`: the result, as JSON."""
        event = {"result": verdict, "message": clean(message)}
        if left_open > 0:
            event["left_open"] = left_open
        if left:
            event["left"] = left
        if value is not None:
            event["value"] = Encoded(value)
            if len(self._line(event)) > LINE_LIMIT:
                event["message"] = clean(message)[:SHORT_LIMIT] + "..."
        path, serial = record
        if path and getpid() == self._pid:
            try:
                keep(path, serial, self._line(event) + b"\n")
            except OSError as error:  # the line below counts while rbit lives
                self.log("%s: %s" % (path, error.strerror), "warning")
        self._write(event, on_its_own=True)

    def _write(self, event, on_its_own=False):
        """`on_its_own`: what is waited for is not lost to a line that somebody else began."""
        if getpid() != self._pid:
            return
        line = (b"\n" if on_its_own else b"") + self._line(event) + b"\n"
        with self.lock:
            while line:
                line = line[write(self._fd, line):]

    def _line(self, event):
        if self._token:
            event["token"] = self._token
        return encoded(event).encode("utf-8", "replace")
