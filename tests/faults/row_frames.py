"""Rows in which the broker says what none should, or a message carries what none should. The one
of the odd frames is played against the build with the sanitizers, if there is one."""

import collections
import concurrent.futures
import json
import os
import re
import threading
import time

import odd_scripts
from evidence import Report
from fake_broker import FakeBroker
from pybit_messages import build_request
from rbit_suite import BINARY_DIR, readable, wait_until
from row import Row
from world import World

AT_ONCE = 4           # rbits; a script is mostly waiting
SLOW = 3              # seconds to be worth a figure
MEMORY_KIB = 512 << 10  # of an rbit with the address sanitizer, whatever bodies are announced
SANITIZED = os.path.join(os.path.dirname(BINARY_DIR), "sanitize", "rbit")
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


def play(context, number, name, function):
    """One script: it strikes, then the broker behaves, and a second job is done as if nothing had
    been."""
    broker = FakeBroker()
    broker.log = ""
    world = FakeWorld(os.path.join(context.directory, f"{os.getpid()}s{number}-{name}"), context.schedule, broker,
                      program=SANITIZED if os.path.exists(SANITIZED) else "rbit")
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
        highest = re.search(rb"VmHWM:\s+(\d+)", readable(f"/proc/{world.rbit.pid}/status"))
        if highest and int(highest[1]) > MEMORY_KIB:
            found.notes.append(f"rbit used {int(highest[1]) >> 10} MiB")
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
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        cases = [pool.submit(play, context, number, name, function)
                 for number, (name, function) in enumerate(odd_scripts.SCRIPTS.items(), 1)]
        return [one.result() for one in cases]


ROWS = [
    Row(14, "odd frames", odd_frames, "frames", needs_broker=False),
]
