"""What a job finds in this process and has to leave as it was, as far as only the process itself
sees it. rbit looks at the rest from outside: threads, children, descriptors, umask, limits."""

import _locale
import _signal
import fcntl
import logging
import os
import signal
import sys

try:  # what a function did without `os.environ`, and what Python has no words for
    import ctypes
    LIBC = ctypes.CDLL(None)
    ENVIRON = ctypes.POINTER(ctypes.c_char_p).in_dll(LIBC, "environ")
except (ImportError, OSError, ValueError, AttributeError):
    LIBC = ENVIRON = None

PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_GET_CHILD_SUBREAPER = 2, 3, 37
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
    marks = [LIBC.prctl(PR_GET_DUMPABLE), LIBC.personality(ctypes.c_ulong(0xffffffff))]
    value = ctypes.c_int()
    for option in (PR_GET_PDEATHSIG, PR_GET_CHILD_SUBREAPER):
        LIBC.prctl(option, ctypes.byref(value))
        marks.append(value.value)
    return marks


def descriptor_flags():
    """Of 0 to 2 and that of the events: of the open file and of the descriptor."""
    flags = []
    for fd in range(4):
        for what in (fcntl.F_GETFL, fcntl.F_GETFD):
            try:
                flags.append(fcntl.fcntl(fd, what))
            except OSError:
                flags.append(None)
    return flags


class Ground:
    """How it is now; `changes` tells what is otherwise by then."""

    def __init__(self, own_variables):
        """Variables of these names are the host's own to change."""
        self._own = own_variables
        self._prefixes = tuple(os.fsencode(name) + b"=" for name in own_variables)
        self._finders = list(sys.meta_path)
        self._environ = os.environ
        self._before = self._look()

    def _look(self):
        c_variables = {one for one in c_environment() if not one.startswith(self._prefixes)}
        # As bytes, which costs a tenth; what is no os._Environ has none.
        variables = dict(getattr(os.environ, "_data", os.environ))
        for name in self._own:
            variables.pop(os.fsencode(name), None)
        root = logging.getLogger()
        return {
            "changed its environment": (variables, c_variables, os.environ is self._environ),
            "changed its signal handlers": [_signal.getsignal(one) for one in SIGNALS],
            "left a timer": [_signal.getitimer(one) for one in TIMERS] != [(0.0, 0.0)] * 3,
            "changed its descriptors": descriptor_flags(),
            "changed settings of its process": process_marks(),
            "changed its locale": _locale.setlocale(_locale.LC_ALL, None),
            "changed its standard streams": [id(sys.stdin), id(sys.stdout), id(sys.stderr)],
            # Modules may add finders of their own; ours are not to go.
            "changed where modules are found":
                (list(sys.path), [one in sys.meta_path for one in self._finders]),
            "changed its logging": (list(root.handlers), root.level, root.manager.disable),
            "changed its tracing": (sys.gettrace(), sys.getprofile(), sys.getrecursionlimit()),
        }

    def changes(self):
        now = self._look()
        return [word for word, value in self._before.items() if now[word] != value]
