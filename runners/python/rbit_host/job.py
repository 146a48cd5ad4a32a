"""One job: calls the function and makes a verdict of what it does."""

import os
import sys
import traceback

from rbit import Blocked, Cancelled, Failed
from rbit_host import call
from rbit_host.events import clean
from rbit_host.request import Message, build_request

VERDICTS = {"Done": "done", "Failed": "failed", "Blocked": "blocked", "Cancelled": "cancelled"}


class Job:
    def __init__(self, line, events):
        self._job = line
        self._events = events
        self._work_dir = line.get("work_dir") or os.getcwd()
        self._reported = ("Building", "")  # what rbit itself has said
        self._verdict = ("done", "")

    def run(self, function, form):
        """The verdict and its message."""
        payload = self._job.get("payload", "")
        settings = self._job.get("settings") or {}
        try:
            if form == call.OLD:
                function(Message(payload), self._set_status, settings)
                return self._verdict
            request = build_request(payload, self._job.get("timestamp"))
            result = function(request, settings) if form == call.NEW else function(request)
            self._artifacts(result)
            return ("done", "")
        except Blocked as error:
            return ("blocked", clean(error) or "Blocked")
        except Failed as error:
            return ("failed", clean(error) or "Failed")
        except Cancelled as error:
            return ("cancelled", clean(error))
        except SystemExit as error:
            if error.code in (None, 0):
                return self._verdict
            self._trace(error)
            return ("failed", "SystemExit: %s" % clean(error.code))
        except BaseException as error:
            self._trace(error)
            text = clean(error)
            name = type(error).__name__
            return ("failed", "%s: %s" % (name, text) if text else name)

    def _set_status(self, status, message=""):
        status, message = clean(status), clean(message)
        verdict = VERDICTS.get(status.capitalize())  # "failed" is as clear as "Failed"
        if verdict is not None:
            self._verdict = (verdict, message)  # told at the end, if nothing is raised
        elif (status, message) != self._reported:
            self._reported = (status, message)
            self._events.status(status, message)

    def _artifacts(self, result):
        if result is None:
            return
        if isinstance(result, (str, bytes, os.PathLike)):
            result = [result]
        if not isinstance(result, (list, tuple)):
            print("rbit: the function returned a %s, not a list of paths; ignored"
                  % type(result).__name__, file=sys.stderr)
            return
        for path in result:
            self._events.artifact(os.path.join(self._work_dir, os.fsdecode(path)))

    @staticmethod
    def _trace(error):
        """The traceback, from the function on; our own frame above it helps nobody."""
        frames = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(type(error), error, frames)
