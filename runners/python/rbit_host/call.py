"""The forms of functions, and which of them a function has."""

import inspect

from rbit_host.refusal import Refusal

OLD = "old"  # f(message, set_status, settings)
NEW = "new"  # f(build_request, settings)
BARE = "bare"  # f(build_request)
BODY = "body"  # f(body, context)
BODY_ALONE = "body alone"  # f(body)
COUNTS = {OLD: 3, NEW: 2, BARE: 1, BODY: 2, BODY_ALONE: 1}


def _form_by_names(positional, kind):
    if "set_status" in positional:
        return OLD
    if kind != "pybit":
        if positional[:1] == ["body"] or positional[1:2] == ["context"]:
            return BODY_ALONE if len(positional) == 1 else BODY
    elif positional and (positional[0] == "build_request" or len(positional) in (1, 2)):
        return BARE if len(positional) == 1 else NEW
    return OLD if len(positional) == 3 else None


def form_of(function, name, kind="pybit"):
    """One of the forms, for messages of that kind; a Refusal for a function that cannot be called
    in any of these ways."""
    forms = ("(build_request, settings)" if kind == "pybit" else "(body, context)",
             "(message, set_status, settings)")
    if not callable(function):
        raise Refusal("%s is a %s and cannot be called" % (name, type(function).__name__))
    if inspect.iscoroutinefunction(function):
        raise Refusal("%s is an async function" % name, "call asyncio.run() in an ordinary one")
    try:
        signature = inspect.signature(function)  # looks through functools.wraps
    except (TypeError, ValueError):
        raise Refusal("%s: its parameters cannot be read" % name,
                      "wrap it in a function of " + forms[0]) from None
    parameters = list(signature.parameters.values())
    positional = [p.name for p in parameters
                  if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    form = _form_by_names(positional, kind)
    if form is not None:
        try:
            signature.bind(*[None] * COUNTS[form])
            return form
        except TypeError:
            pass
    cure = ""
    if kind != "pybit" and positional[:1] == ["build_request"]:
        cure = "message = %s in its section: there are no build requests" % kind
    elif positional[:1] == ["body"]:
        cure = "(body, context) is for message = json or raw in its section"
    elif kind != "pybit" and form is None and len(positional) == 2:
        cure = "name the second parameter context"
    elif kind != "pybit" and form is None and len(positional) == 1:
        cure = "name the parameter body"
    raise Refusal("%s%s has neither the form %s nor %s" % ((name, signature) + forms), cure)
