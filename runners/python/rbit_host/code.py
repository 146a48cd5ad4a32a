"""The files that the modules of this process were loaded from, and whether they are others by now."""

import os

STANDARD = os.path.dirname(os.__file__) + os.sep
OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def mark(path):
    """Another one if another file lies there, or it was written to. None if there is none."""
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


class LoadedCode:
    """Somebody's own modules: those of the function's package, and all that no package manager has
    put where Python's own lie."""

    def __init__(self, package):
        self._package = package
        self._marks = {}

    def note(self, name, path):
        """The module of that name is about to be loaded from `path`. True: somebody's own."""
        own = name.partition(".")[0] == self._package
        if path.startswith((STANDARD, OURS)) or (not own and any(one in path for one in INSTALLED)):
            return False
        self._marks.setdefault(path, mark(path))
        return True

    def is_own(self, module):
        return getattr(module, "__file__", None) in self._marks

    def changed(self):
        """The first that is another file by now; None. One that is missing is no other one."""
        for path, loaded in self._marks.items():
            now = mark(path)
            if now is not None and now != loaded:
                return path
        return None
