"""What a Python function that rbit runs may import: `from rbit import Failed, Blocked`.

The text of either is the reason that people see.
"""


class Failed(Exception):
    """Raised by a runner: the job failed, for good."""


class Blocked(Exception):
    """Raised by a runner: not now; try again later."""


class Cancelled(BaseException):
    """Raised in the middle of a runner when rbit asks the job to stop.

    Like KeyboardInterrupt it is no Exception, so that `except Exception` does not stop it. Once a
    job; what a runner does about it (nothing, in most cases) is its own business.
    """


__all__ = ["Blocked", "Cancelled", "Failed"]
