"""Rows in which the broker says what none should, or a message carries what none should. The one
of the odd frames is CTest's label `sanitized`: tests/run.sh plays it against the build with the
sanitizers."""

import collections
import concurrent.futures
import json
import os
import re
import socket
import struct
import threading
import time

import amqp_codec as codec
import odd_confirms
import odd_connections
import odd_deliveries
from evidence import Report
from fake_broker import FakeBroker
from pybit_messages import build_request
from rbit_suite import readable, wait_until
from row import Row
from world import World

AT_ONCE = 4           # rbits; a script is mostly waiting
SLOW = 3              # seconds to be worth a figure
SCRIPTS = odd_connections.SCRIPTS | odd_deliveries.SCRIPTS | odd_confirms.SCRIPTS
# What an rbit may need above one whose broker behaves, whatever bodies are announced. The program
# itself, with the address sanitizer, has 500 MiB and more, and grows with each line of it.
MEMORY_KIB = 16 << 10
SANITIZERS = re.compile(r"(AddressSanitizer|LeakSanitizer|runtime error).*")


class FakeWorld(World):
    """A world whose broker is a FakeBroker."""

    def _declare(self):
        for name in (self.queue, self.status_queue):
            self.node.queues.setdefault(name, collections.deque())

    def publish(self, work, with_id=True):
        first = self.jobs + 1
        self.jobs += len(work)
        for number, version in enumerate(work, first):
            self.found.confirmed.add(str(number))
            self.node.put(self.queue, build_request(job=number, package="work", version=version),
                          message_id=f"m{number}")

    def _reports(self):
        """What the status queue took; what was refused or sent back is not in it."""
        told = [(json.loads(one.body), one.properties["headers"])
                for one in self.node.queues[self.status_queue]]
        return [Report(str(body["job"]), body["status"], headers["x-rbit-attempt"],
                       headers["x-rbit-seq"]) for body, headers in told]

    def close(self):
        super().close()
        self.node.close()


def memory_of(rbit):
    """The most that it had so far, in KiB; None: it has ended."""
    highest = re.search(rb"VmHWM:\s+(\d+)", readable(f"/proc/{rbit.pid}/status"))
    return int(highest[1]) if highest else None


def memory_of_a_calm_one(context):
    """The same of an rbit that does one job of a broker that behaves."""
    broker = FakeBroker()
    broker.log = ""
    world = FakeWorld(os.path.join(context.directory, f"{os.getpid()}calm"), context.schedule, broker)
    try:
        world.configure(slots=2)
        world.publish(["5-0-0"])
        world.start()
        wait_until(lambda: world.found.confirmed <= set(world.ended()), "the job's end")
        return memory_of(world.rbit)
    finally:
        world.close()


def play(context, number, name, function, calm):
    """One script: it strikes, then the broker behaves, and a second job is done as if nothing had
    been."""
    broker = FakeBroker()
    broker.log = ""
    directory = os.path.join(context.directory, f"{os.getpid()}s{number}-{name}")
    world = FakeWorld(directory, context.schedule, broker)
    struck = threading.Event()
    found = world.found
    document = function.__doc__ or ""
    try:
        function(broker, struck.set)
        world.configure(slots=2)
        world.publish(["5-0-0"] * int((re.findall(r"\[jobs: (\d)\]", document) or [1])[0]))
        world.start(until=None)
        if not struck.wait(60):
            found.notes.append("the script never struck")
        broker.forget()
        begun = time.monotonic()
        world.publish(["5-0-0"])
        if "[again]" in document:
            found.figures["answers_again"] = 1
        if "[dead]" in document:
            found.confirmed.discard("1")
            found.unconfirmed.add("1")
            wait_until(lambda: broker.depth(f"rbit.dead.{world.queue}")[0], "the dead letter")
        wait_until(lambda: found.confirmed <= set(world.ended())
                   or world.rbit.process.poll() is not None, "the jobs' ends", 90)
        wait_until(lambda: broker.depth(world.queue) == (0, 0)
                   or world.rbit.process.poll() is not None, "all acknowledgements")
        took = time.monotonic() - begun
        if took > SLOW:
            found.figures["recovered_s"] = round(took, 1)
        for text in re.findall(r"\[said: (.*?)\]", document):
            if text not in world.rbit.log:
                found.notes.append(f"rbit did not say {text!r}")
        highest = memory_of(world.rbit)
        if highest and highest > calm + MEMORY_KIB:
            found.notes.append(f"rbit used {highest >> 10} MiB, and {calm >> 10} where all is well")
        world.evidence()
    except AssertionError as error:
        found.notes.append(str(error))
        world.close()
    finally:
        found.notes += [f"the script failed: {one!r}" for one in broker.errors]
        found.notes += [one[0] for one in SANITIZERS.finditer(world.rbit.log)]
        world.close()
    return name, found


def odd_frames(context):
    """Every script, with an rbit of its own."""
    calm = memory_of_a_calm_one(context)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        cases = [pool.submit(play, context, number, name, function, calm)
                 for number, (name, function) in enumerate(SCRIPTS.items(), 1)]
        return [one.result() for one in cases]


# ---- row 15


def nested_tables(depth):
    """A table in a table in a table: six bytes a floor (an empty name, 'F', four of length)."""
    inner = b"".join(b"\x00F" + struct.pack(">I", 6 * below) for below in reversed(range(depth)))
    return codec.short("x") + b"F" + struct.pack(">I", len(inner)) + inner


def nested_arrays(depth):
    inner = b"".join(b"A" + struct.pack(">I", 5 * below) for below in reversed(range(depth)))
    return codec.short("x") + b"A" + struct.pack(">I", len(inner)) + inner


FRAME_MAX = 1 << 20  # of the node, and the longest frame that rbit reads
# The last two just fit one such frame; a reader dies at 174,000 tables with 16 MiB of stack, at
# 21,000 with 2 MiB, at 5,000 with 256 KiB.
BOMBS = {"5000 tables": nested_tables(5000), "21000 tables": nested_tables(21000),
         "26000 arrays": nested_arrays(26000), "174700 tables": nested_tables(174700),
         "209600 arrays": nested_arrays(209600)}
STACKS = (256, 8192)  # KiB, of `ulimit -s`


def publish_raw(port, queue, headers, body):
    """What no client library would write: it recurses, too. Confirmed by the broker, or an error."""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        reader = codec.FrameReader()

        def wait_for(name):
            while True:
                data = client.recv(65536)
                if not data:
                    raise OSError(f"the broker went before {name}")
                for frame in reader.feed(data):
                    if frame.type == codec.METHOD:
                        said = codec.decode_method(frame)
                        if said.name == name:
                            return
                        if said.name.endswith(".close"):
                            raise OSError(f"the broker said {said.text}")
        client.sendall(codec.HEADER)
        wait_for("connection.start")
        client.sendall(codec.method(0, "connection.start-ok", mechanism="PLAIN", locale="en_US",
                                    response=b"\0guest\0guest"))
        wait_for("connection.tune")
        client.sendall(codec.method(0, "connection.tune-ok", channel_max=8, frame_max=FRAME_MAX)
                       + codec.method(0, "connection.open", virtual_host="/"))
        wait_for("connection.open-ok")
        client.sendall(codec.method(1, "channel.open") + codec.method(1, "confirm.select"))
        wait_for("confirm.select-ok")
        table = struct.pack(">I", len(headers)) + headers
        properties = struct.pack(">HHQHB", 60, 0, len(body), 1 << 13 | 1 << 12, 2)
        properties = properties[:-1] + table + properties[-1:]  # headers, then delivery mode
        client.sendall(codec.method(1, "basic.publish", routing_key=queue, mandatory=True)
                       + codec.frame(codec.CONTENT_HEADER, 1, properties)
                       + codec.bodies(1, body, FRAME_MAX))
        wait_for("basic.ack")


def header_bombs(context):
    """At a small and a usual stack: rbit lives, the message is dead, the next job is done."""
    found = []
    for stack in STACKS:
        world = context.world(name=f"bomb{stack}k")
        world.configure(slots=2)
        # The program is one that lowers the limit and becomes rbit.
        launcher = os.path.join(world.directory, "rbit-with-a-small-stack")
        with open(launcher, "w") as file:
            file.write(f'#!/bin/sh\nulimit -s {stack}\nexec {world.program} "$@"\n')
        os.chmod(launcher, 0o755)
        world.start(program=launcher)
        world.publish(["0-0-0"])
        dead = f"rbit.dead.{world.queue}"
        for number, (name, headers) in enumerate(BOMBS.items(), 1):
            publish_raw(context.node.port, world.queue, headers, b"no build request: " + name.encode())
            wait_until(lambda n=number: world.rbit.process.poll() is not None
                       or dead_letters(world, dead) == n, f"the dead letter of {name}")
            if world.rbit.process.poll() is not None:
                world.found.notes.append(f"rbit ended with {world.rbit.process.returncode} at {name}")
                break
            world.publish(["5-0-0"])
        world.wait_for_all()
        found.append((f"{stack} KiB", world.evidence()))
    return found


def dead_letters(world, queue):
    channel = world.channel().connection.channel()
    try:
        count = channel.queue_declare(queue, passive=True).method.message_count
        channel.close()
        return count
    except Exception:  # it is made when it is needed
        return 0


ROWS = [
    Row(15, "header bombs", header_bombs, "cuts"),
    Row(14, "odd frames", odd_frames, "frames", needs_broker=False),
]
