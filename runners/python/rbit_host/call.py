"""The forms of functions, and which of them a function has."""

import inspect

from rbit_host.refusal import Refusal

OLD = "old"  # f(message, set_status, settings)
NEW = "new"  # f(build_request, settings)
BARE = "bare"  # f(build_request)
BODY = "body"  # f(body, context)
BODY_ALONE = "body alone"  # f(body)
HANDLER = "handler"  # f(event, context), of tasks: event is all of the task
KWARGS = "kwargs"  # f(**task_kwargs), with a context if there is such a parameter
COUNTS = {OLD: 3, NEW: 2, BARE: 1, BODY: 2, BODY_ALONE: 1, HANDLER: 2}


def _form_by_names(positional, kind):
    if "set_status" in positional:
        return OLD
    if kind != "pybit":
        if positional[:1] == ["body"] or positional[1:2] == ["context"]:
            return BODY_ALONE if len(positional) == 1 else BODY
    elif positional and (positional[0] == "build_request" or len(positional) in (1, 2)):
        return BARE if len(positional) == 1 else NEW
    return OLD if len(positional) == 3 else None


def _form_of_task(parameters, positional, signature, name):
    if "set_status" in positional:
        return OLD
    if positional[:2] == ["event", "context"]:
        return HANDLER
    for one in parameters:
        if one.kind == one.POSITIONAL_ONLY:
            raise Refusal("%s%s has %s by its position alone" % (name, signature, one.name),
                          "task_kwargs are given by name: leave the / out")
    return KWARGS


def arguments_of(function, kwargs, context):
    """What a function of the form KWARGS is called with; a TypeError says what does not fit."""
    signature = inspect.signature(function)
    takes = signature.parameters.get("context")
    if takes is not None and takes.kind in (takes.POSITIONAL_OR_KEYWORD, takes.KEYWORD_ONLY):
        if "context" in kwargs:
            raise TypeError("task_kwargs has 'context', which rbit gives this function")
        kwargs = dict(kwargs, context=context)
    signature.bind(**kwargs)
    return kwargs


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
    if kind == "task":
        return _form_of_task(parameters, positional, signature, name)
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
