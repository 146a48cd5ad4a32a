"""What the scripts of row 14 are made of: odd_connections.py, odd_deliveries.py and odd_confirms.py
have what a broker may say that none should. A script is a function that hangs hooks on a FakeBroker
before rbit comes, and calls `hit` when it has struck.

A mark in brackets at a docstring's end: [dead] job 1 goes to the dead letters; [again] the last
report of job 1 is told again, for the broker gives the job again; [jobs: 2] so many are waiting
at the beginning; [said: TEXT] rbit's log must have this text.
"""


class Scripts(dict):
    """Those of one module by their names, in their order."""

    def add(self, function):
        self[function.__name__] = function
        return function

    def add_named(self, name, document, function):
        function.__name__, function.__doc__ = name, document
        self.add(function)


def once(broker, hit, name, act, times=1):
    """Where the client says `name`, `act(session, channel, method)` instead of an answer; at
    "deliver" and "confirm" it gets what their hooks get. Several times, so that both of rbit's
    connections meet it; it has struck at the last."""
    left = [times]

    def hook(*arguments):
        act(*arguments)
        left[0] -= 1
        if left[0] == 0:
            hit()
        return True
    broker.on(name, hook, times)


def after(broker, hit, name, act):
    """As `once`, but the broker answers as well, afterwards."""
    def hook(*arguments):
        act(*arguments)
        hit()
    broker.on(name, hook, 1)
