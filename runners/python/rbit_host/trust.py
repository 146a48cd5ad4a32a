"""Whose code may run here: nobody but root and us may be able to change a module, the directories
above it, or the byte code that Python keeps beside it (as rbit does for a plugin)."""

import importlib.machinery
import os
import stat
import sys

from rbit_host.refusal import Refusal

BUILT_IN = (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)


class Trust:
    def __init__(self, trusted_uid, code, imports):
        self._code = code
        self._imports = imports
        self._uids = {0, os.geteuid(), trusted_uid}
        self._seen = set()  # what was found safe; a host looks once

    def check(self, spec):
        """Raises a Refusal that names what others could change; notes what they could not."""
        places = [spec.origin, spec.cached] if spec.has_location else []
        for place in places + list(spec.submodule_search_locations or []):
            if place and os.path.exists(place):
                self._check_path(os.path.realpath(place))
        if spec.has_location and spec.origin:
            if not self._code.note(spec.name, spec.origin):
                self._imports.watch(spec)

    def _check_path(self, path):
        while path not in self._seen:
            self._check_owner(path)
            self._seen.add(path)
            path = os.path.dirname(path)

    def _check_owner(self, path):
        info = os.stat(path)
        if info.st_uid not in self._uids:
            raise Refusal("%s: belongs to user %d, who could change it" % (path, info.st_uid),
                          "chown it to root or to the user rbit runs as")
        sticky = stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX
        if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
            raise Refusal("%s: users other than its owner may write to it" % path,
                          "chmod go-w %s" % path)


class TrustedFinder:
    """Looks where `finder` looks, and refuses before a line of an untrusted module has run."""

    def __init__(self, finder, trust):
        self._finder, self._trust = finder, trust

    def __getattr__(self, name):
        return getattr(self._finder, name)

    def find_spec(self, name, path=None, target=None):
        spec = self._finder.find_spec(name, path, target)
        if spec is not None:
            self._trust.check(spec)
        return spec


def trust_only(trusted_uid, code, imports):
    """From now on every import of this process is looked at, those of a running job too; `code`
    notes what it is loaded from, `imports` what those that are installed do."""
    trust = Trust(trusted_uid, code, imports)
    sys.meta_path[:] = [finder if finder in BUILT_IN else TrustedFinder(finder, trust)
                        for finder in sys.meta_path]
