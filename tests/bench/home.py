"""An rbit that is measured: it has a directory of its own, and its log is counted."""

import glob
import json
import os
import shutil
import socket
import time

from gauges import cpu_seconds
from rbit_suite import BINARY_DIR, Rbit
from stock import request

CONSUMING = "consuming"  # in the line that says rbit takes jobs now
BURST = 32  # submissions under way at once: they share commits
LOOK = 0.01  # seconds between two looks at a log
AHEAD = 16  # prefetch-ahead, where this rbit has it
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(BINARY_DIR, "rbit")


class Home:
    """An rbit with a directory of its own: configuration, state, log."""

    def __init__(self, directory, port=None, prefix=()):
        self.directory = directory
        self.port = port
        self.prefix = list(prefix)  # what it is started under, such as strace
        os.mkdir(directory)
        shutil.copy(os.path.join(HERE, "noop.py"), directory)
        self.config = os.path.join(directory, "rbit.ini")
        self.state = os.path.join(directory, "state")
        self.lives = 0
        self.rbit = None

    def configure(self, runners, slots=1, status="", ahead=AHEAD):
        """`runners`: the line `runner` by queue; more lines may follow in it. `status`: what stands
        in [status]. `ahead`: prefetch-ahead, None for the default."""
        amqp = (f"host = 127.0.0.1\nport = {self.port}\n" if self.port else "url = local:\n")
        mappings = "".join(f"\n    {queue}:{queue}" for queue in runners)

        key = (f"prefetch-ahead = {ahead}\n" if ahead is not None and knows_prefetch_ahead()
               else "")
        with open(self.config, "w") as file:
            file.write(f"[rbit]\nstate-dir = state\nslots = {slots}\n"
                       f"queue-mappings ={mappings}\n[amqp]\n{amqp}[status]\n{status}\n" +
                       "".join(f"[runner:{queue}]\nrunner = {line}\n{key}"
                               for queue, line in runners.items()))

    def start(self, until=CONSUMING):
        self.lives += 1
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("RBIT_")}
        program, *arguments = [*self.prefix, PROGRAM, self.config]
        self.rbit = Rbit(program, arguments, self.directory, self.lives, environment)
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

    def is_running(self):
        """RuntimeError if it has ended, or a job has failed."""
        self.tail.look()
        if self.tail.failed:
            raise RuntimeError(f"a job failed:\n{self.rbit.log[-2000:]}")
        if self.rbit.process.poll() is not None:
            raise RuntimeError(f"rbit ended:\n{self.rbit.log[-2000:]}")
        return True

    def wait_for_done(self, count):
        """Until so many jobs are done."""
        while self.is_running() and self.tail.done < count:
            time.sleep(LOOK)

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

    def cpu(self):
        """Seconds of (rbit, its leaders, their jobs)."""
        leaders = [cpu_seconds(pid) for pid in self.leaders()]
        return (cpu_seconds(self.rbit.pid)[0], sum(one[0] for one in leaders),
                sum(one[1] for one in leaders))


class Tail:
    """Counts what the growing log of an rbit says; reads each byte once."""

    def __init__(self, rbit):
        self.file = open(rbit.log_file, "rb")
        self.rest = b""
        self.begun = self.done = self.failed = 0
        self.last = b""  # the line of the last Done

    def look(self):
        text = self.rest + self.file.read()
        cut = text.rfind(b"\n") + 1
        self.rest = text[cut:]
        text = text[:cut]
        self.begun += text.count(b", timestamp: ")
        done = text.count(b"'s state is now 'Done'")
        if done:
            self.done += done
            place = text.rfind(b"'s state is now 'Done'")
            self.last = text[text.rfind(b"\n", 0, place) + 1:place]
        self.failed += text.count(b"'s state is now 'Failed'")
        return self.done

    def last_done(self):
        """When rbit said the last Done: seconds since 1970, to the millisecond."""
        day_and_time, millis = self.last[:19].decode(), int(self.last[20:23])
        return time.mktime(time.strptime(day_and_time, "%Y-%m-%d %H:%M:%S")) + millis / 1000


def knows_prefetch_ahead():
    """Whether this rbit has the key: it is measured with it where it is there."""
    if not hasattr(knows_prefetch_ahead, "answer"):
        with open(PROGRAM, "rb") as file:
            knows_prefetch_ahead.answer = b"prefetch-ahead" in file.read()
    return knows_prefetch_ahead.answer
