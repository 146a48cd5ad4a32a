"""What a Python function that rbit runs may import: `from rbit import Failed, Blocked, publish`.

The text of either exception is the reason that people see. The functions say something of the job
that runs, from any of its threads; without one they raise RuntimeError.
"""


class Failed(Exception):
    """Raised by a runner: the job failed, for good."""


class Blocked(Exception):
    """Raised by a runner: not now; try again later."""


class StopChain(Exception):
    """Raised by a task: it is done, with that result, and no other follows it."""

    def __init__(self, result=None):
        super().__init__(result)
        self.result = result


class Cancelled(BaseException):
    """Raised in the middle of a runner when rbit asks the job to stop.

    Like KeyboardInterrupt it is no Exception, so that `except Exception` does not stop it. Once a
    job; what a runner does about it (nothing, in most cases) is its own business.
    """


_running = []  # the calls of the job that runs, if one does; the host's


def _calls(name):
    for calls in _running:
        return calls
    raise RuntimeError("rbit.%s: no job is running here" % name)


def publish(exchange, key, body=None, headers=None, delay=None, when=None, file=None,
            content_type=None, *, correlation_id=None, reply_to=None, type=None, priority=None):
    """Sends a message once the job is done, and never if it is not; with `when="now"` at once.

    `body`: text as it is, bytes as they are, anything else as JSON; or `file`, a path. `exchange`
    "" is the default one, where `key` is a queue. `headers`: texts, numbers and truth values by
    name. `delay`: "30s", seconds or a timedelta. Where a job may send is said by `may-publish`.
    """
    _calls("publish").publish(exchange, key, body, file, delay, when, headers or {}, priority,
                              {"content_type": content_type, "correlation_id": correlation_id,
                               "reply_to": reply_to, "type": type})


def result(value):
    """The job's result, anything that JSON has; the last one counts. What the function returns
    counts more, unless that is None."""
    _calls("result").result(value)


def progress(done, total=0, text=""):
    """How far the job is: 3 of 9. `total` 0: nobody knows."""
    _calls("progress").progress(done, total, text)


def metric(name, add=None, set=None, labels=None, when=None):
    """Adds to a counter or sets a gauge that `metrics` of the section declares, once the job is
    done; with `when="now"` at once."""
    _calls("metric").metric(name, add, set, labels, when)


def artifact(path, kind=""):
    """A file for rbit to keep; a relative path starts at the job's directory."""
    _calls("artifact").artifact(path, kind)


def set_status(status, message=""):
    """Reports "Building" and a message at once. The last final status is the verdict, if the
    function returns."""
    _calls("set_status").set_status(status, message)


__all__ = ["Blocked", "Cancelled", "Failed", "StopChain", "artifact", "metric", "progress", "publish", "result",
           "set_status"]
