"""What a job finds in this process and has to leave as it was, as far as only the process itself
sees it. rbit looks at the rest from outside: threads, children, descriptors, umask, limits.

What is called here was found before any job, which could replace it."""

import gc
import logging
import os
import signal
import sys
import threading
import time
import warnings
from _locale import LC_ALL, setlocale
from _signal import getitimer, getsignal
from builtins import (AttributeError, Exception, OSError, dict, getattr, hasattr, id, list, range,
                      set, tuple, type)
from fcntl import F_GETFD, F_GETFL, fcntl
from sys import getprofile, getrecursionlimit, getswitchinterval, gettrace

from rbit_host.modules import Modules

try:  # what a function did without `os.environ`, and what Python has no words for
    import ctypes
    LIBC = ctypes.CDLL(None)
    ENVIRON = ctypes.POINTER(ctypes.c_char_p).in_dll(LIBC, "environ")
    ALL_ONES, C_INT, byref = ctypes.c_ulong(0xffffffff), ctypes.c_int, ctypes.byref
except (ImportError, OSError, ValueError, AttributeError):
    LIBC = ENVIRON = None

PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_GET_CHILD_SUBREAPER = 2, 3, 37
PR_GET_KEEPCAPS, PR_GET_TIMERSLACK, PR_GET_THP_DISABLE = 7, 30, 42
get_int_limit = getattr(sys, "get_int_max_str_digits", int)  # of Python 3.11
get_asyncgen_hooks = sys.get_asyncgen_hooks
gc_is_enabled, gc_threshold, gc_debug = gc.isenabled, gc.get_threshold, gc.get_debug
NO_LOGGER = (logging.NOTSET, [], [], True, False)
SIGNALS = sorted(signal.valid_signals())
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


def c_environment():
    """That of the C library, which children get."""
    if ENVIRON is None or not ENVIRON:
        return set()
    found = set()
    for variable in ENVIRON:  # ended by a null pointer
        if variable is None:
            return found
        found.add(variable)
    return found


def process_marks():
    if LIBC is None:
        return None
    marks = [LIBC.prctl(option, 0, 0, 0, 0)
             for option in (PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_TIMERSLACK,
                            PR_GET_THP_DISABLE)]
    marks.append(LIBC.personality(ALL_ONES))
    value = C_INT()
    for option in (PR_GET_PDEATHSIG, PR_GET_CHILD_SUBREAPER):
        LIBC.prctl(option, byref(value))
        marks.append(value.value)
    return marks


def descriptor_flags():
    """Of 0 to 2 and that of the events: of the open file and of the descriptor."""
    flags = []
    for fd in range(4):
        for what in (F_GETFL, F_GETFD):
            try:
                flags.append(fcntl(fd, what))
            except OSError:
                flags.append(None)
    return flags


def stream_marks():
    """How what is printed is written."""
    return [(id(stream),) + tuple(getattr(stream, name, None) for name in
                                  ("encoding", "errors", "line_buffering", "write_through"))
            for stream in (sys.stdin, sys.stdout, sys.stderr)]


def logger_marks(logger):
    return (logger.level, list(logger.handlers), list(logger.filters), logger.propagate,
            logger.disabled)


def logging_marks(root):
    """Of all loggers that are not as a new one is."""
    handlers = [(id(one), one.level, one.formatter, list(one.filters)) for one in root.handlers]
    loggers = {}
    for name, logger in list(root.manager.loggerDict.items()):
        marks = logger_marks(logger) if hasattr(logger, "level") else NO_LOGGER  # or a placeholder
        if marks != NO_LOGGER:
            loggers[name] = marks
    return logger_marks(root), handlers, root.manager.disable, loggers


def decimal_marks():
    """None before somebody uses such numbers."""
    getcontext = getattr(sys.modules.get("decimal"), "getcontext", None)
    if getcontext is None:
        return None
    context = getcontext()
    return (context.prec, context.rounding, context.Emin, context.Emax, context.capitals,
            context.clamp, dict(context.traps))


def socket_timeout():
    get = getattr(sys.modules.get("_socket"), "getdefaulttimeout", None)
    return get() if get else None


class Ground:
    """How it is now; `changes` tells what is otherwise by then."""

    def __init__(self, own_variables, code):
        """Variables of these names are the host's own to change; `code` is somebody's own."""
        self._own = [os.fsencode(name) for name in own_variables]
        self._prefixes = tuple(name + b"=" for name in self._own)
        self._environ = os.environ
        self._data = getattr(os.environ, "_data", os.environ)
        self._root = logging.getLogger()
        self._modules = Modules(code)
        self._before = self._look()

    def _look(self):
        c_variables = {one for one in c_environment() if not one.startswith(self._prefixes)}
        # As bytes, which costs a tenth; what is no os._Environ has none.
        variables = dict(self._data)
        for name in self._own:
            variables.pop(name, None)
        return {
            "changed its environment": (variables, c_variables, os.environ is self._environ),
            "changed its signal handlers": [getsignal(one) for one in SIGNALS],
            "left a timer": [getitimer(one) for one in TIMERS] != [(0.0, 0.0)] * 3,
            "changed its descriptors": descriptor_flags(),
            "changed settings of its process": process_marks(),
            "changed its locale": setlocale(LC_ALL, None),
            "changed its standard streams": stream_marks(),
            "changed where modules are found":
                (list(sys.path), list(sys.meta_path), list(sys.path_hooks)),
            "changed its logging": logging_marks(self._root),
            "changed its warnings": list(warnings.filters),
            "changed its tracing": (gettrace(), getprofile(), getrecursionlimit(),
                                    threading._trace_hook, threading._profile_hook),
            "changed settings of Python": (getswitchinterval(), get_int_limit(),
                                           tuple(get_asyncgen_hooks())),
            "changed the collection of garbage":
                (gc_is_enabled(), gc_threshold(), gc_debug(), list(gc.callbacks)),
            "changed how decimal numbers are counted": decimal_marks(),
            "changed the timeout of sockets": socket_timeout(),
            "changed its time zone": (time.tzname, time.timezone, time.altzone, time.daylight),
        }

    def changes(self):
        try:
            now = self._look()
            found = [word for word, value in self._before.items() if now[word] != value]
            return self._modules.changes() + found
        except Exception as error:  # what is asked here gives no answer any more
            return ["broke Python's own modules (%s: %s)" % (type(error).__name__, error)]

    def marks(self):
        """For `adopt`; None if they cannot be told."""
        try:
            return self._look(), self._modules.marks()
        except Exception:
            return None

    def adopt(self, marks):
        """What has been changed since those `marks` is to stay so."""
        now = self.marks()
        if marks is None or now is None:
            return
        states, names = marks
        for word, value in now[0].items():
            if value != states[word] and states[word] == self._before[word]:
                self._before[word] = value
        self._modules.adopt(names)
