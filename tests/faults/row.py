"""What a row of the fault table is, and what it is given."""

import dataclasses
import itertools
import os
import re
import typing

from world import World


class Skip(Exception):
    """The row cannot run here; the text names the missing package."""


@dataclasses.dataclass
class Row:
    """`run(context)` does the harm and returns Evidence, or several, as (name, Evidence). `part` is
    the CTest test it belongs to. `must_cover` names invariants that the row must bring evidence for,
    or it has failed."""
    number: int
    name: str
    run: typing.Callable
    part: str
    needs_broker: bool = True
    long_only: bool = False
    must_cover: tuple = ("I1", "I2", "I3", "I4", "I6")

    @property
    def slug(self):
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:20]


class Context:
    """A directory, the decisions, the run's broker (None where none is needed), and whether this is
    the long run. The worlds it made are closed with it."""

    def __init__(self, directory, schedule, node, long):
        self.directory = directory
        self.schedule = schedule
        self.node = node
        self.long = long
        self.worlds = []
        self.numbers = itertools.count(1)  # worlds may be made in several threads

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.worlds:
            one.close()

    def pick(self, short, long):
        """The number of CI, or that of the long run."""
        return long if self.long else short

    def world(self, transport="classic", program="rbit", name="world"):
        directory = os.path.join(self.directory, f"{name}{next(self.numbers)}")
        one = World(directory, self.schedule, self.node, transport, program)
        self.worlds.append(one)
        return one
