"""What a function may say of its job while that runs: rbit.publish() and its like."""

import os
from binascii import b2a_base64
from math import isfinite
from os import getpid

from rbit_host.events import clean
from rbit_host.strict_json import check_limits, text_of

NAME_LIMIT = 255  # bytes of an exchange or a key, as AMQP has it
RESULT_LIMIT = 56 * 1024  # bytes of JSON; the rest of its line is for the verdict
INT64 = range(-2**63, 2**63)


def _kind_of(value):
    return type(value).__name__


def _text(what, value):
    """A text that can be sent."""
    if not isinstance(value, str):
        raise TypeError("%s is a %s, not a text" % (what, _kind_of(value)))
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("%s has half a letter in it (a lone surrogate)" % what) from None
    return str(value)


def _name(what, value):
    value = _text(what, value)
    if len(value.encode("utf-8")) > NAME_LIMIT:
        raise ValueError("%s is longer than %d bytes" % (what, NAME_LIMIT))
    if "\0" in value:
        raise ValueError("%s has a NUL in it" % what)
    return value


def _number(what, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("%s is a %s, not a number" % (what, _kind_of(value)))
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise ValueError("%s is %s, which is no number to count with" % (what, clean(value)[:40]))
    return value


def _header(name, value):
    what = "headers[%r]" % name
    if isinstance(value, str):
        return _text(what, value)
    if isinstance(value, bool):
        return value
    value = _number(what, value)
    if isinstance(value, int) and value not in INT64:
        raise ValueError("%s does not fit 64 bits" % what)
    return value


def _by_name(what, given, value_of):
    return {_name("a name in " + what, name): value_of(name, value)
            for name, value in given.items()}


def _delay(value):
    if isinstance(value, str):
        return _text("delay", value)
    # A timedelta has that.
    seconds = _number("delay", value.total_seconds() if hasattr(value, "total_seconds") else value)
    if seconds < 0:
        raise ValueError("delay is less than nothing")
    return "%dms" % round(seconds * 1000)


def _is_now(when):
    if when not in (None, "now", "done"):
        raise ValueError("when=%r: it is 'now' or 'done'" % (when,))
    return when == "now"


class Calls:
    """Those of one job. Any thread; once `close`d each is refused."""

    def __init__(self, events, set_status, work_dir):
        self._events = events
        self._set_status = set_status
        self._work_dir = work_dir
        self._pid = getpid()
        self._open = True
        self.result_text = None

    def close(self):
        """From now on each is refused."""
        if getpid() == self._pid:
            with self._events.lock:
                self._open = False

    def publish(self, exchange, key, body, file, delay, when, headers, priority, properties):
        message = {"exchange": _name("exchange", exchange), "key": _name("key", key)}
        if not message["exchange"] and not message["key"]:
            raise ValueError("the default exchange needs the name of a queue as the key")
        if (body is None) == (file is None):
            raise ValueError("a message has a body or a file, one of them")
        if file is not None:
            message["file"] = _text("file", os.fsdecode(file))
        elif isinstance(body, (bytes, bytearray, memoryview)):
            body = bytes(body)
            message["content_type"] = "application/octet-stream"
            try:
                message["body"] = body.decode("utf-8")
            except UnicodeDecodeError:
                message["body_base64"] = b2a_base64(body, newline=False).decode("ascii")
        elif isinstance(body, str):
            message["body"] = _text("body", body)
        else:  # as text: its bytes are those that are sent, whatever is between here and there
            message["body"] = text_of(body)
            message["content_type"] = "application/json"
        if headers:
            message["headers"] = _by_name("headers", headers, _header)
        if delay is not None:
            message["delay"] = _delay(delay)
        if _is_now(when):
            message["when"] = "now"
        if priority is not None:
            if _number("priority", priority) not in range(256):
                raise ValueError("priority is no whole number from 0 to 255")
            message["priority"] = int(priority)
        for name, value in properties.items():
            if value is not None:
                message[name] = _name(name, value)
        self._say("publish", message,
                  "write what is to be sent to a file and name that with file=")

    def result(self, value):
        self._speak("result", self._keep, result_text(value))

    def stop_chain(self):
        self._say("stop_chain", True)

    def progress(self, done, total, text):
        self._say("progress", {"done": _number("done", done), "total": _number("total", total),
                               "text": clean(text)})

    def metric(self, name, add, set, labels, when):
        if (add is None) == (set is None):
            raise ValueError("say add= or set=, one of them")
        change = {"name": _text("name", name)}
        if not name:
            raise ValueError("name is empty")
        if set is None:
            change["add"] = _number("add", add)
        else:
            change["set"] = _number("set", set)
        if labels:
            change["labels"] = _by_name(
                "labels", labels, lambda label, value: _text("labels[%r]" % label, str(value)))
        if _is_now(when):
            change["when"] = "now"
        self._say("metric", change)

    def artifact(self, path, kind=""):
        path = os.path.join(self._work_dir, os.fsdecode(path))
        self._speak("artifact", self._events.artifact, path, clean(kind))

    def set_status(self, status, message=""):
        self._speak("set_status", self._set_status, clean(status), clean(message))

    def set_status_if_open(self, status, message=""):
        """The same for functions that are given it: those of old have never been refused, so one
        that is late is left out."""
        status, message = clean(status), clean(message)
        if getpid() != self._pid:
            self._set_status(status, message)  # which nobody hears
            return
        with self._events.lock:
            if self._open:
                self._set_status(status, message)

    def _say(self, name, value, cure="make it shorter"):
        self._speak(name, self._events.send, name, text_of(value), cure)

    def _keep(self, text):
        self.result_text = text

    def _speak(self, name, speak, *values):
        """speak(*values), with the lock: what a late thread says does not follow the verdict. A
        child does not take the lock: a thread may hold it that the child does not have."""
        if getpid() != self._pid:
            raise RuntimeError("rbit.%s: only the job's own process speaks for it, and this is a "
                               "child of that" % name)
        with self._events.lock:
            if not self._open:
                raise RuntimeError("rbit.%s: the job is over" % name)
            speak(*values)


def result_text(value):
    """A result as JSON that fits its line; TypeError or ValueError say why it does not."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("a result is JSON: publish bytes, or make them an artifact")
    text = text_of(value)
    size = len(text.encode("utf-8"))
    if size > RESULT_LIMIT:
        raise ValueError("a result of %d bytes of JSON; %d is the most: write it to a file, which "
                         "can be an artifact or be published" % (size, RESULT_LIMIT))
    check_limits(text)
    return text
