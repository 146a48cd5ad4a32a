"""One generator, one seed; every decision of a fault passes through here and is written down, so
that `--seed` repeats the choices and `--replay FILE` plays exactly those of a run that failed."""

import json
import random


class Schedule:
    """The decisions of one row. `write` is an open file or None; `lines` what is replayed."""

    def __init__(self, row, seed, file=None, lines=None):
        self.row = row
        self.random = random.Random(f"{seed}/{row}")  # rows do not disturb each other
        self.file = file
        self.lines = None if lines is None else iter([one for one in lines if one["row"] == row])

    def draw(self, what, choose):
        """`choose(random)`, or what was chosen in the run that is replayed."""
        if self.lines is not None:
            line = next(self.lines, None)
            if line is None or line["what"] != what:
                raise ReplayEnded(f"row {self.row}: the schedule has {line and line['what']!r} "
                                  f"where {what!r} is to be decided")
            value = line["value"]
        else:
            value = choose(self.random)
        if self.file is not None:
            self.file.write(json.dumps({"row": self.row, "what": what, "value": value}) + "\n")
            self.file.flush()  # the run may not live to close it
        return value

    def between(self, what, least, most):
        return self.draw(what, lambda one: round(one.uniform(least, most), 3))

    def number(self, what, least, most):
        return self.draw(what, lambda one: one.randint(least, most))

    def one_of(self, what, choices):
        return self.draw(what, lambda one: one.choice(list(choices)))


class ReplayEnded(Exception):
    """The program takes another way than the recorded one did."""


def read(path):
    """(seed, lines) of a schedule file."""
    with open(path) as file:
        head, *lines = [json.loads(line) for line in file if line.strip()]
    return head["seed"], lines


def new_seed():
    return random.SystemRandom().getrandbits(64)
