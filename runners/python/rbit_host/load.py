"""Finds the function: imports its module, with every mistake in it told by file and line."""

import importlib
import importlib.util
import os
import stat
import traceback

from rbit_host.refusal import Refusal


def load(target, config_dir, trusted_uid):
    """The object that "package.module:callable" names; a Refusal if there is none."""
    module_name, colon, path = target.partition(":")
    parts = module_name.split(".") + path.split(".")
    if not colon or ":" in path or not all(part.isidentifier() for part in parts):
        raise Refusal("'%s' is not of the form module:callable" % target)
    check_origin(module_name, trusted_uid)
    found = _import(module_name, config_dir)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            where = getattr(found, "__file__", module_name)
            raise Refusal("%s: no '%s' in it" % (where, name)) from None
    return found


def check_origin(module_name, trusted_uid):
    """Refuses a module that others than root and we could change (as rbit does for a plugin)."""
    top = module_name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    places = [spec.origin] if spec.has_location and spec.origin else []
    for place in places + list(spec.submodule_search_locations or []):
        place = os.path.realpath(place)
        while True:
            _check_owner(place, trusted_uid)
            if place == os.path.dirname(place):
                break
            place = os.path.dirname(place)


def _check_owner(path, trusted_uid):
    info = os.stat(path)
    if info.st_uid not in (0, os.geteuid(), trusted_uid):
        raise Refusal("%s: belongs to user %d, who could change it" % (path, info.st_uid),
                      "chown it to root or to the user rbit runs as")
    sticky = stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        raise Refusal("%s: users other than its owner may write to it" % path,
                      "chmod go-w %s" % path)


def _import(module_name, config_dir):
    try:
        return importlib.import_module(module_name)
    except SyntaxError as error:
        cure = "it may be Python 2; rbit runs Python 3" if error.filename else ""
        raise Refusal("%s:%s: %s: %s" % (error.filename, error.lineno, type(error).__name__,
                                         error.msg), cure) from None
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            raise Refusal("no module named '%s'" % error.name,
                          "put it beside the INI file, in %s, or install it for %s"
                          % (config_dir, "python3")) from None
        raise Refusal(_place(error) + "%s: %s" % (type(error).__name__, error),
                      "install it for python3") from None
    except BaseException as error:  # SystemExit too: whatever its code does at import
        raise Refusal(_place(error) + "%s: %s" % (type(error).__name__, error)) from None


def _place(error):
    """"file:line: " of the last line of somebody's code that the error came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not frame.filename.startswith("<") and frame.filename != __file__
              and os.sep + "importlib" + os.sep not in frame.filename]
    return "%s:%s: " % (frames[-1].filename, frames[-1].lineno) if frames else ""
