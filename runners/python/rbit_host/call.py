"""The two forms of functions, and which of them a function has."""

import inspect

from rbit_host.refusal import Refusal

OLD = "old"  # f(message, set_status, settings)
NEW = "new"  # f(build_request, settings)
BARE = "bare"  # f(build_request)


def form_of(function, name):
    """OLD, NEW or BARE; a Refusal for a function that cannot be called in any of these ways."""
    if not callable(function):
        raise Refusal("%s is a %s and cannot be called" % (name, type(function).__name__))
    if inspect.iscoroutinefunction(function):
        raise Refusal("%s is an async function" % name, "call asyncio.run() in an ordinary one")
    try:
        signature = inspect.signature(function)  # looks through functools.wraps
    except (TypeError, ValueError):
        raise Refusal("%s: its parameters cannot be read" % name,
                      "wrap it in a function of (build_request, settings)") from None
    parameters = list(signature.parameters.values())
    positional = [p.name for p in parameters
                  if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    form = None
    if "set_status" in positional:
        form = OLD
    elif positional and (positional[0] == "build_request" or len(positional) in (1, 2)):
        form = BARE if len(positional) == 1 else NEW
    elif len(positional) == 3:
        form = OLD
    if form is not None:
        try:
            signature.bind(*[None] * {OLD: 3, NEW: 2, BARE: 1}[form])
            return form
        except TypeError:
            pass
    raise Refusal("%s%s has neither the form (build_request, settings) nor (message, set_status, "
                  "settings)" % (name, signature))
