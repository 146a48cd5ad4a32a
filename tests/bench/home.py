"""An rbit that is measured: it has a directory of its own, and its log is counted."""

import glob
import json
import os
import shutil
import socket
import time

from pybit_messages import build_request
from rbit_suite import BINARY_DIR, Rbit

CONSUMING = "consuming"  # in the line that says rbit takes jobs now
BURST = 32  # submissions under way at once: they share commits


class Home:
    """An rbit with a directory of its own: configuration, state, log."""

    def __init__(self, directory, port=None):
        self.directory = directory
        self.port = port
        os.mkdir(directory)
        self.config = os.path.join(directory, "rbit.ini")
        self.state = os.path.join(directory, "state")
        self.lives = 0
        self.rbit = None

    def configure(self, runners, slots=1):
        amqp = (f"host = 127.0.0.1\nport = {self.port}\n" if self.port else "url = local:\n")
        mappings = "".join(f"\n    {queue}:{queue}" for queue in runners)
        with open(self.config, "w") as file:
            file.write(f"[rbit]\nstate-dir = state\nslots = {slots}\nqueue-mappings ={mappings}\n"
                       f"[amqp]\n{amqp}" +
                       "".join(f"[runner:{queue}]\nrunner = {line}\n"
                               for queue, line in runners.items()))

    def start(self, until=CONSUMING):
        self.lives += 1
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("RBIT_")}
        self.rbit = Rbit(os.path.join(BINARY_DIR, "rbit"), [self.config], self.directory,
                         self.lives, environment)
        self.tail = Tail(self.rbit)
        if until:
            self.rbit.wait_for(until)
        return self.rbit

    def stop(self):
        if self.rbit is None or self.rbit.process.poll() is not None:
            return
        self.rbit.process.terminate()
        self.rbit.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def submit(self, queue, numbers):
        """Over the control socket, many at once."""
        numbers = list(numbers)
        for first in range(0, len(numbers), BURST):
            waiting = []
            for number in numbers[first:first + BURST]:
                peer = socket.socket(socket.AF_UNIX)
                peer.connect(os.path.join(self.state, "control.sock"))
                line = {"do": "submit", "queue": queue, "body": request(number).decode()}
                peer.sendall(json.dumps(line).encode() + b"\n")
                waiting.append(peer)
            for peer in waiting:
                answer = peer.recv(65536)
                peer.close()
                if b'"ok":true' not in answer.replace(b" ", b""):
                    raise RuntimeError(f"not taken: {answer!r}")

    def wait_for_done(self, count):
        """Until so many jobs are done; when that was seen."""
        while self.tail.look() < count:
            if self.tail.failed:
                raise RuntimeError(f"a job failed:\n{self.rbit.log[-2000:]}")
            if self.rbit.process.poll() is not None:
                raise RuntimeError(f"rbit ended:\n{self.rbit.log[-2000:]}")
            time.sleep(0.002)
        return time.monotonic()

    def leaders(self):
        """Pids of its rbit-leaders."""
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as file:
                    name, _, rest = file.read().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if name == "rbit-leader" and int(rest.split()[1]) == self.rbit.pid:
                found.append(int(path.split("/")[2]))
        return found


class Tail:
    """Counts what the growing log of an rbit says; reads each byte once."""

    def __init__(self, rbit):
        self.file = open(rbit.log_file, "rb")
        self.rest = b""
        self.begun = self.done = self.failed = 0

    def look(self):
        text = self.rest + self.file.read()
        cut = text.rfind(b"\n") + 1
        self.rest = text[cut:]
        text = text[:cut]
        self.begun += text.count(b", timestamp: ")
        self.done += text.count(b"'s state is now 'Done'")
        self.failed += text.count(b"'s state is now 'Failed'")
        return self.done


def request(number):
    """One like no other: rbit's log directory has a link for each package, version and second."""
    return build_request(package=f"col{number}", job=number)
