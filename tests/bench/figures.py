"""The figures: each is a function that measures a Bench and yields Rows. README.rst says what they
mean."""

from footprint import growth, idle, memory, start
from journal import journal
from moments import latency, submit
from parts import leader, schema
from rates import call, embedded, shell, slots
from scale import backlog, queues_1000

FIGURES = {one.__name__: one for one in (
    shell, call, embedded, slots, journal, latency, submit, start, memory, idle, leader, schema,
    queues_1000, backlog, growth)}
LONG = ("slots", "schema")  # not asked for by themselves: they have no target, or are no rate
DEFAULT = tuple(name for name in FIGURES if name not in LONG)
