"""One job: calls the function and makes a verdict of what it does."""

import os
import sys
import traceback

import rbit
from rbit import Blocked, Cancelled, Failed, StopChain
from rbit_host import call, strict_json
from rbit_host.calls import Calls, result_text
from rbit_host.events import clean
from rbit_host.request import Facts, body_of, build_request, facts_of, message_of, task_of

VERDICTS = {"Done": "done", "Failed": "failed", "Blocked": "blocked", "Cancelled": "cancelled"}


CALLS = ("publish", "result", "progress", "metric", "artifact", "set_status")


class Job:
    def __init__(self, line, events, context):
        """`context` is the function's own, and that of all jobs of this process."""
        self._job = line
        self._context = context
        self._events = events
        self._work_dir = line.get("work_dir") or os.getcwd()
        self._reported = ("Building", "")  # what rbit itself has said
        self._verdict = ("done", "")
        self._calls = Calls(events, self._set_status, self._work_dir)

    def run(self, function, form):
        """The verdict and its message, and the result as JSON or None."""
        rbit._running[:] = [self._calls]
        try:
            verdict = self._call(function, form)
        finally:
            self.close()
        return verdict + (self._calls.result_text if verdict[0] == "done" else None,)

    def close(self):
        """Nothing more is said of the job, but for its verdict. May be called again."""
        self._calls.close()
        rbit._running.clear()

    def _call(self, function, form):
        try:
            facts = facts_of(self._job)
            body = body_of(self._job)
            settings = self._job.get("settings") or {}
            if form in (call.BODY, call.BODY_ALONE):
                value = body if facts.kind == "raw" else strict_json.parsed(body)
                self._set_context(facts, settings)
                returned = function(value, self._context) if form == call.BODY else function(value)
            elif form in (call.HANDLER, call.KWARGS):
                returned = self._call_task(function, form, task_of(body), facts, settings)
            elif form == call.OLD:
                returned = function(message_of(body, facts), self._calls.set_status_if_open,
                                    settings)
            else:
                request = build_request(body, self._job.get("timestamp"))
                returned = function(request, settings) if form == call.NEW else function(request)
            return self._returned(returned, facts.kind, form)
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

    def _call_task(self, function, form, task, facts, settings):
        self._set_context(facts, settings)
        try:
            return self._done_task(function, form, task)
        except StopChain as stop:
            self._calls.stop_chain()
            return stop.result

    def _done_task(self, function, form, task):
        if form == call.HANDLER:
            return function(task, self._context)
        kwargs = task.get("task_kwargs") or {}
        try:
            arguments = call.arguments_of(function, kwargs, self._context)
        except TypeError as error:
            raise Failed("task %s: %s" % (task.get("task_name"), error)) from None
        return function(**arguments)

    def _returned(self, value, kind, form):
        """What a function of build requests returns are artifacts, else it is the result."""
        if kind == "pybit":
            if form != call.OLD:
                self._artifacts(value)
        elif value is not None and self._verdict[0] == "done":
            try:
                self._calls.result_text = result_text(value)
            except Exception as error:
                return ("failed", "%s: the function's result: %s"
                        % (type(error).__name__, clean(error)))
        return self._verdict

    def _set_context(self, facts, settings):
        line = self._job
        about = Facts(facts)
        about.update({name: getattr(rbit, name) for name in CALLS})
        about["job"] = (line.get("fields") or {}).get("job_id") or line.get("id")
        about["settings"] = settings
        for name in ("runner", "timestamp", "work_dir", "output_dir"):
            about[name] = line.get(name)
        self._context["rbit"] = about

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
