"""What Python's own modules and ours hold: the functions, classes and settings that every job uses.

A job that replaces one of them (`subprocess.Popen`, `json.dumps`, `builtins.open`) would change
what the next one does. Somebody's own modules and installed ones are not looked at, for they may
keep what they like; nor is what objects hold inside.
"""

import builtins
import enum
import os
import sys
from builtins import (RuntimeError, Exception, all, any, bool, callable, dict, getattr, hasattr, id,
                      isinstance, issubclass, len, list, map, set, sorted, type,
                      vars)  # a job may replace those too
from gc import get_referents
from itertools import chain
from operator import attrgetter, is_
from sys import implementation, version_info
from types import ModuleType

from rbit_host.code import INSTALLED, OURS, STANDARD

try:
    import ctypes
except ImportError:
    ctypes = None

GONE = object()
VALUE = attrgetter("value")
MOST_NAMED = 3
CODE = (ModuleType, property, staticmethod, classmethod)  # besides what can be called
SIMPLE = (type(None), bool, int, float, str, bytes)
HEAP_TYPE, IMMUTABLE_TYPE = 1 << 9, 1 << 8
BUILTINS = frozenset(vars(builtins))

# Looked at by `ground`, or kept by the module itself as it is used.
NOT_COMPARED = {
    "sys": {"stdin", "stdout", "stderr", "path", "last_type", "last_value", "last_traceback",
            "last_exc"},
    "os": {"environ"},
    "time": {"tzname", "timezone", "altzone", "daylight"},
    "tempfile": {"tempdir"},
    "mimetypes": {"inited", "suffix_map", "encodings_map", "types_map", "common_types"},
}
ALL_NAMES_COUNT = ("builtins", "sys")


def is_standard(module):
    """Whether it is Python's own or ours."""
    try:
        path = getattr(module, "__file__", None)
        if path is None:
            return module.__spec__.origin in ("built-in", "frozen")
        return path.startswith((STANDARD, OURS)) and not any(one in path for one in INSTALLED)
    except Exception:  # whatever somebody has put among the modules
        return False


def is_same(one, other):
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is tuple:
        return len(one) == len(other) and all(map(is_same, one, other))
    return type(one) in SIMPLE and one == other


class Versions:
    """Of dictionaries: CPython up to 3.11 gives each another number, of its own in all the process,
    whenever it is written to. To read them costs a tenth of a look at what they hold. `are_noted`
    is never true of what was written to; where there are no such numbers it is false."""

    AT = 24  # bytes: behind the object's head and the count of entries

    def __init__(self, dicts):
        self._kept = [self._dict_of(one) for one in dicts] if self.are_there() else []
        self._read = [ctypes.c_uint64.from_address(id(one) + self.AT) for one in self._kept]
        self._noted = None

    @staticmethod
    def _dict_of(space):
        """That of a class is behind a view."""
        return space if type(space) is dict else get_referents(space)[0]

    def now(self):
        return list(map(VALUE, self._read))

    def note(self, versions):
        self._noted = versions

    def are_noted(self):
        return bool(self._noted) and self.now() == self._noted

    @classmethod
    def are_there(cls):
        if not (ctypes and version_info < (3, 12) and implementation.name == "cpython" and
                ctypes.sizeof(ctypes.c_void_p) == 8 and not hasattr(sys, "gettotalrefcount")):
            return False
        probe = {"a": 1}
        number = ctypes.c_uint64.from_address(id(probe) + cls.AT)
        seen = [number.value]
        for change in (lambda: probe.update(a=2), lambda: probe.pop("a"), lambda: probe.update(b=3),
                       lambda: probe.clear()):
            change()
            seen.append(number.value)
        return len(set(seen)) == len(seen) and seen == sorted(seen)


class Held:
    """What one module or class holds."""

    def __init__(self, label, space, not_compared=(), all_count=False):
        self.label = label
        self.space = self._space = space
        self.view = space.values()
        self._not_compared = not_compared
        self._all_count = all_count
        self.note()

    def note(self):
        """How it is now is how it has to stay."""
        self._names = dict(self._space)
        self._compared = {name: value for name, value in self._names.items()
                          if self._counts(name, value)}

    def adopt(self, name):
        self._names[name] = None
        self._compared.pop(name, None)
        value = self._space.get(name, GONE)
        if value is not GONE and self._counts(name, value):
            self._compared[name] = value

    def _counts(self, name, value):
        """Code always; data unless its name says that it is the module's own, as a cache is."""
        if name in self._not_compared:
            return False
        return callable(value) or isinstance(value, CODE) or not name.startswith("_")

    def differences(self):
        """The names of what is another one now."""
        now = dict(self._space)
        found = [name for name, value in self._compared.items()
                 if not is_same(now.get(name, GONE), value)]
        # A new name changes something where it hides another. That of a module comes of an import.
        return found + [name for name, value in now.items() if name not in self._names and
                        (self._all_count or name in BUILTINS) and self._counts(name, value) and
                        type(value) is not ModuleType]


class Modules:
    """As they were when it was made; `differences` tells what is otherwise by then."""

    def __init__(self, code):
        self._code = code  # somebody's own
        self._known = {}
        self._entries = []
        self._held = []
        self._views = []
        self._versions = Versions([])
        self._all_modules = sys.modules
        self._entry_versions = Versions([sys.modules])
        self._values = [None]  # of all of them, when they were as they are to be
        self._seen = set()  # modules and classes; one may have several names
        self.note_new()

    def note_new(self):
        """Those that have been imported meanwhile are as they are to stay."""
        if self._is_known():
            return
        now = dict(sys.modules)
        for name, module in now.items():
            if name not in self._known and is_standard(module) and module not in self._seen:
                self._hold(name, module)
        self._views = [held.view for held in self._held]
        self._versions = Versions([held.space for held in self._held])
        self._known = now
        self._entries = list(now.values())
        if not any(held.differences() for held in self._held):
            self._note_values()

    def adopt(self, before):
        """What is otherwise now, but was not when `before` was told, is to stay so."""
        entries, names = before
        for held, name in self._all_differences():
            if (held, name) not in names:
                held.adopt(name)
        if not entries:
            self.note_new()

    def marks(self):
        return self._other_entries(), set(self._all_differences())

    def changes(self):
        """["changed json.dumps"]"""
        entries = self._other_entries()
        names = ["sys.modules[%r]" % name for name in entries]
        names += [held.label + "." + name for held, name in self._all_differences()]
        if not entries:
            self.note_new()
        return ["changed " + name for name in names[:MOST_NAMED]]

    def _all_differences(self):
        if self._are_untouched():
            return []
        found = [(held, name) for held in self._held for name in held.differences()]
        if not found:  # something that does not count
            self._note_values()
        return found

    def _all_values(self):
        return chain(chain.from_iterable(self._views), (GONE,))

    def _note_values(self):
        versions = self._versions.now()
        self._values = list(self._all_values())
        self._versions.note(versions)

    def _are_untouched(self):
        """The answer in nearly all cases, so without a look at each module."""
        if self._versions.are_noted():
            return True
        versions = self._versions.now()
        try:
            untouched = all(map(is_, self._all_values(), self._values))
            if untouched:  # what was written is what was there
                self._versions.note(versions)
            return untouched
        except RuntimeError:  # one grew meanwhile: a thread imports something
            return False

    def _is_known(self):
        if sys.modules is self._all_modules and self._entry_versions.are_noted():
            return True
        versions = self._entry_versions.now()
        now = list(sys.modules.values())
        known = len(now) == len(self._entries) and all(map(is_, now, self._entries))
        if known and sys.modules is self._all_modules:
            self._entry_versions.note(versions)
        return known

    def _other_entries(self):
        if self._is_known():
            return []
        now = dict(sys.modules)
        found = [name for name, module in self._known.items()
                 if now.get(name, GONE) is not module and not self._code.is_own(module)]
        # What an import makes says where it came from.
        return found + [name for name, module in now.items() if name not in self._known and
                        (module is None or "." not in name and
                         getattr(module, "__spec__", None) is None)]

    def _hold(self, name, module):
        self._seen.add(module)
        space = vars(module)
        self._held.append(Held(name, space, NOT_COMPARED.get(name, ()), name in ALL_NAMES_COUNT))
        for value in list(space.values()):
            if isinstance(value, type) and value not in self._seen and self._is_changeable(value):
                self._seen.add(value)
                label = "%s.%s" % (value.__module__, value.__qualname__)
                # A new name there hides that of a base class.
                self._held.append(Held(label, vars(value), all_count=True))

    @staticmethod
    def _is_changeable(one):
        """Neither built in, nor of the kinds that nobody changes, nor somebody else's."""
        return (one.__flags__ & (HEAP_TYPE | IMMUTABLE_TYPE) == HEAP_TYPE
                and not issubclass(one, (BaseException, enum.Enum))
                and is_standard(sys.modules.get(one.__module__)))
