"""Finds the function: imports its module, with every mistake in it told by file and line."""

import importlib
import os
import sys
import traceback

from rbit_host.code import LoadedCode
from rbit_host.refusal import Refusal
from rbit_host.trust import trust_only


def load(target, config_dir, trusted_uid, imports):
    """The object that "package.module:callable" names, and the LoadedCode it is made of; a Refusal
    if there is none."""
    module_name, colon, path = target.partition(":")
    parts = module_name.split(".") + path.split(".")
    if not colon or ":" in path or not all(part.isidentifier() for part in parts):
        raise Refusal("'%s' is not of the form module:callable" % target)
    code = LoadedCode(parts[0])
    trust_only(trusted_uid, code, imports)
    found = _import(module_name, config_dir)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            where = getattr(found, "__file__", module_name)
            raise Refusal("%s: no '%s' in it" % (where, name)) from None
    return found, code


def _import(module_name, config_dir):
    try:
        return importlib.import_module(module_name)
    except Refusal:
        raise
    except SyntaxError as error:
        cure = "it may be Python 2; rbit runs Python 3" if error.filename else ""
        raise Refusal("%s:%s: %s: %s" % (error.filename, error.lineno, type(error).__name__,
                                         error.msg), cure) from None
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            raise Refusal("no module named '%s'" % error.name,
                          "put it beside the INI file, in %s, or install it for %s"
                          % (config_dir, sys.executable)) from None
        raise Refusal(_place(error) + "%s: %s" % (type(error).__name__, error),
                      "install it for " + sys.executable) from None
    except BaseException as error:  # SystemExit too: whatever its code does at import
        raise Refusal(_place(error) + "%s: %s" % (type(error).__name__, error)) from None


def _place(error):
    """"file:line: " of the last line of somebody's code that the error came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not frame.filename.startswith("<") and frame.filename != __file__
              and os.sep + "importlib" + os.sep not in frame.filename]
    return "%s:%s: " % (frames[-1].filename, frames[-1].lineno) if frames else ""
