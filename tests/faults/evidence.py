"""What a fault leaves behind to judge it by. Times are time.monotonic() of this machine, which is
CLOCK_MONOTONIC in every process, unless it says otherwise."""

import dataclasses

TERMINAL = frozenset({"Done", "Failed", "Cancelled"})
# What was said so many seconds before an end may not have been heard: a moment, on a busy machine.
HEARING = 0.25


@dataclasses.dataclass
class Run:
    """One run of a job's work, as the job itself wrote it down. `end` is None if it never said."""
    job: str
    attempt: int
    pid: int
    begin: float
    end: float = None
    code: int = None


@dataclasses.dataclass
class Kill:
    """An rbit (or, `of`, a leader, a host, a job) that was killed. `first` is the last moment at
    which it surely lived, `last` the first at which nothing of it was left. `dying`: a job that said
    its end so many seconds before may not have been heard. `interrupted`: jobs
    of which a leader's record says so, whatever they said themselves."""
    first: float
    last: float
    dying: float = HEARING
    of: str = "rbit"
    job: str = None  # whose leader, host or process it was
    interrupted: frozenset = frozenset()


@dataclasses.dataclass
class Report:
    """A status as a target got it; the list's order is the order of arrival. `attempt` and `seq`
    are None where the target is not told of them (PyBit's form)."""
    job: str
    status: str
    attempt: int = None
    seq: int = None


@dataclasses.dataclass
class Ack:
    """An acknowledgement the proxy saw on the wire. `wall`: seconds since 1970."""
    job: str
    wall: float


@dataclasses.dataclass
class Row:
    """A job in the journal. `owned` and `ended` are when the claim and the verdict were committed
    (wall, seconds since 1970; None: not)."""
    job: str
    state: str
    claim: str = "settled"
    settled: bool = True
    attempt: int = 1
    owned: float = None
    ended: float = None


@dataclasses.dataclass
class Recovery:
    """From `reachable` on the broker answered; `consuming` is when rbit said so, or None. `plain`:
    how long a plain client beside it waited for a channel, in seconds (probe.py)."""
    reachable: float
    consuming: float = None
    backoff: float = 1.0   # the ceiling that rbit was configured with, in seconds
    plain: float = 0.0


@dataclasses.dataclass
class Sent:
    """A message that a job published, as it arrived: which attempt of it says so, and its id."""
    job: str
    attempt: int
    id: str


@dataclasses.dataclass
class Resources:
    descriptors: int
    threads: int
    rss_kib: int


@dataclasses.dataclass
class Call:
    """An operation that must not hang, and how long it took, in seconds."""
    name: str
    seconds: float
    heartbeat: float = 3.0


@dataclasses.dataclass
class Evidence:
    confirmed: set = dataclasses.field(default_factory=set)      # ids the broker has confirmed
    unconfirmed: set = dataclasses.field(default_factory=set)    # sent, answer unknown: may run
    planned_runs: dict = dataclasses.field(default_factory=dict)  # id: runs wanted, if not 1
    runs: list = dataclasses.field(default_factory=list)
    kills: list = dataclasses.field(default_factory=list)
    redeliveries: dict = dataclasses.field(default_factory=dict)  # id: to another rbit (row 23)
    resent: dict = dataclasses.field(default_factory=dict)       # id: reports without a confirm
    answered: dict = dataclasses.field(default_factory=dict)     # id: deliveries to this rbit again
    reports: list = dataclasses.field(default_factory=list)
    acks: list = dataclasses.field(default_factory=list)
    sent: list = None                                            # Sent; None: jobs publish nothing
    journal: dict = None                                         # id: Row; None: not collected
    leftovers: list = dataclasses.field(default_factory=list)    # "pid command line"
    before: Resources = None
    after: Resources = None
    recoveries: list = dataclasses.field(default_factory=list)
    missed_heartbeats: list = dataclasses.field(default_factory=list)  # lines of the broker's log
    heartbeat_is_the_fault: bool = False
    calls: list = dataclasses.field(default_factory=list)
    cuts: int = 0                                                # connections that were lost
    figures: dict = dataclasses.field(default_factory=dict)      # what the row measured, to print
    notes: list = dataclasses.field(default_factory=list)        # violations a row found itself
