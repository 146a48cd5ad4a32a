"""Row 31: what jobs publish. rbit is killed between the end of a job and the broker's confirm of
what it sends; the broker is away, has no such exchange, does not allow it, routes it nowhere."""

import concurrent.futures
import os

from evidence import HEARING, Sent
from rbit_suite import BINARY_DIR, readable, wait_until
from row import Row
from world import PATIENCE

# Done, done in the second attempt, failed: all of them say that they publish.
WORK = ("30-0-0", "10-75-1", "10-1-9", "20-0-0")
DONE = 3
POINTS = ("V", "V.noted", "J3.before", "J3.after", "A.before", "O.sent", "O.after")


class Receiver:
    """Where the jobs of a world publish to, and what came there."""

    def __init__(self, world, exchange="", key=None):
        self.world = world
        self.queue = f"{world.name}-sent"
        self.exchange, self.key = exchange, key or self.queue
        self.file = os.path.join(world.directory, "sent")
        self.arrived = []
        if world.node is not None:
            world.channel().queue_declare(self.queue, durable=True)

    def configure(self, amqp=""):
        job = os.path.join(BINARY_DIR, "fault_job")
        local = self.world.node is None
        self.world.configure(
            slots=1, amqp=amqp,
            rbit=f"    {self.queue}:keep\n" if local else "",
            command=f"shell!exec {job} {self.world.run_log} '{self.exchange}' {self.key}",
            runner=f"may-publish = {self.exchange}:{self.key}\n",
            more="" if not local else
            "[runner:keep]\nmessage = raw\nmetadata-fd = 4\nrunner = shell!id=$(sed "
            "'s/.*\"message_id\":\"\\([^\"]*\\)\".*/\\1/' <&4); "
            f"echo \"$(cat) $id\" >> {self.file}\n")

    def look(self):
        """All that has arrived so far."""
        if self.world.node is None:
            # Who writes it down is a job itself, and may run twice: its key tells.
            lines = sorted({line for line in readable(self.file).decode().splitlines()})
            self.arrived = [line.split() for line in lines]
        else:
            while True:
                method, properties, body = self.world.channel().basic_get(self.queue, auto_ack=True)
                if method is None:
                    break
                self.arrived.append((*body.decode().split(), properties.message_id))
        return len({one[2] for one in self.arrived})

    def evidence(self, wanted):
        """Waits until so many have arrived; what is missing then is found by I11."""
        try:
            wait_until(lambda: self.look() >= wanted, "what was sent", 60)
        except AssertionError:
            pass
        found = self.world.evidence()
        self.look()
        found.sent = [Sent(job, int(attempt), key) for job, attempt, key in self.arrived]
        if self.world.node is not None:
            self.world.channel().queue_delete(self.queue)
        return found


def crash(context, transport, point, nth):
    world = context.world(transport, "rbit-faulty", f"{transport[0]}-{point}-")
    receiver = Receiver(world)
    receiver.configure()
    log = os.path.join(world.directory, "failpoints")
    world.publish(WORK)
    world.start(until=None, RBIT_FAIL=f"{point}:abort@{nth}", RBIT_FAIL_LOG=log)
    if not world.wait_for_failpoint(point, log):
        world.kill()
    elif point == "V":
        # Done it is only with what it sends, which nobody had noted: it may run again.
        world.found.kills[-1].dying = HEARING
    world.start()
    world.wait_for_all(60)
    return receiver.evidence(DONE)


def killed(context):
    draw, todo = context.schedule, []
    for transport in ("classic", "local"):
        for point in POINTS:
            for repeat in range(context.pick(2, 20)):
                # Told and published of these jobs are thirteen reports; of the others' points each
                # attempt has one.
                most = 13 if point.startswith("O.") and transport != "local" else 4
                todo.append((transport, point,
                             draw.number(f"{transport} {point} {repeat}", 1, most)))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda case: crash(context, *case), todo))
    return [(f"{transport}, {point}@{nth}", one)
            for (transport, point, nth), one in zip(todo, found)]


def refused(context):
    """The broker refuses what is sent, is mended, and gets all of it."""
    found = []

    def mended(name, exchange, harm, cure, said, user=""):
        world = context.world("classic", name=name)
        receiver = Receiver(world, f"{world.name}-{exchange}" if exchange else "", "key")
        harm(world, receiver)
        receiver.configure(user)
        world.publish(WORK)
        world.start()
        world.wait_for_all()
        wait_until(lambda: world.rbit.lines_with(said), said, PATIENCE)
        if receiver.look():
            world.found.notes.append("something arrived that was refused")
        if len(world.rbit.lines_with("waits, and so do all to there")) != 1:
            world.found.notes.append("it is not said once")
        cure(world, receiver)
        found.append((name, receiver.evidence(DONE)))

    def make(world, receiver):
        world.channel().exchange_declare(receiver.exchange, "topic")

    def bind(world, receiver):
        world.channel().queue_bind(receiver.queue, receiver.exchange, "key")

    def make_and_bind(world, receiver):
        make(world, receiver)
        bind(world, receiver)

    def forbid(world, receiver):
        make_and_bind(world, receiver)
        context.node.ctl("add_user", "writer", "writer")
        context.node.ctl("set_permissions", "writer", ".*", r"^(amq\.default|rbit\..*)?$", ".*")

    def allow(world, receiver):
        context.node.ctl("set_permissions", "writer", ".*", ".*", ".*")

    mended("missing", "late", lambda *_: None, make_and_bind, "declare the exchange")
    mended("returned", "unbound", make, bind, "bind a queue to exchange")
    mended("forbidden", "closed", forbid, allow, "the right to write to exchange",
           "user = writer\npassword = writer\n")
    return found


def away(context):
    """The broker goes while what jobs send is on its way."""
    world = context.world("classic", name="away")
    receiver = Receiver(world)
    receiver.configure()
    world.start()
    for _ in range(context.pick(2, 20)):
        world.publish(WORK * 3)
        wait_until(lambda: len(world.ended()) > world.jobs - 8, "most of the ends")
        context.node.halt()
        context.node.start()
        world.reconnect()
    world.wait_for_all()
    for job in map(str, range(1, world.jobs + 1)):  # each time may have cost it a confirm
        world.found.resent[job] = world.found.answered[job] = context.pick(2, 20)
    return receiver.evidence(world.jobs * DONE // len(WORK))


MUST = ("I1", "I2", "I3", "I4", "I11")
ROWS = [
    Row(31, "killed while a job's messages leave", killed, "sending", must_cover=MUST),
    Row(31, "the broker refuses what jobs send", refused, "sending", must_cover=MUST),
    Row(31, "the broker goes while it is sent", away, "sending", must_cover=MUST),
]
