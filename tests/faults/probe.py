"""What the machine itself allows, measured beside rbit: our limits are those of a
machine with time to spare, and what a plain client has to wait for here, rbit has to wait for too.
"""

import functools
import socket
import threading
import time

import amqp_codec as codec

STEP = 0.02       # seconds
WORTH_IT = 0.05   # a thread that wakes up so much later than asked was kept waiting


class Lateness:
    """Since its making: how much later than asked a thread of this process was woken up."""

    def __init__(self):
        self.late = []  # (from, how much)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            begun = time.monotonic()
            time.sleep(STEP)
            late = time.monotonic() - begun - STEP
            if late > WORTH_IT:
                self.late.append((begun, late))

    def between(self, first, last):
        """All of it together, in seconds: what waits for several things in turn may meet all."""
        return sum(late for begun, late in list(self.late) if begun < last and begun + late > first)


@functools.cache
def lateness():
    """The one of this process."""
    return Lateness()


class Handshakes:
    """A plain client that connects, over and over, while rbit does the same."""

    PAUSE = 0.1  # seconds between two

    def __init__(self, port):
        self.port = port
        self.took = []  # (from, to) of each that came through
        self.begun = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(1)  # it may be in the middle of one that hangs, and ends with that

    def _run(self):
        while not self.over.wait(self.PAUSE):
            self.begun = time.monotonic()
            try:
                connect_once(self.port)
                self.took.append((self.begun, time.monotonic()))
            except OSError:
                pass  # the broker is away
            self.begun = None

    def slowest(self, first, last):
        """In seconds, of those that were under way between the two; the one that still is, too."""
        begun, now = self.begun, time.monotonic()
        those = list(self.took) + ([(begun, now)] if begun is not None else [])
        return max((min(end, last) - max(begin, first) for begin, end in those
                    if begin < last and end > first), default=0.0)


def connect_once(port, patience=20):
    """All that it takes until a consumer could be asked for; OSError if the broker is not there."""
    with socket.create_connection(("127.0.0.1", port), patience) as client:
        reader = codec.FrameReader()

        def hear(name):
            while True:
                data = client.recv(65536)
                if not data:
                    raise OSError(f"the broker went before {name}")
                for frame in reader.feed(data):
                    if frame.type != codec.METHOD:
                        continue
                    said = codec.decode_method(frame)
                    if said.name == name:
                        return said
                    if said.name.endswith(".close"):
                        raise OSError(f"the broker said {said.text}")

        def ask(question, answer):
            client.sendall(question)
            return hear(answer)
        ask(codec.HEADER, "connection.start")
        ask(codec.method(0, "connection.start-ok", mechanism="PLAIN", locale="en_US",
                         response=b"\0guest\0guest"), "connection.tune")
        ask(codec.method(0, "connection.tune-ok", channel_max=8, frame_max=131072)
            + codec.method(0, "connection.open", virtual_host="/"), "connection.open-ok")
        ask(codec.method(1, "channel.open"), "channel.open-ok")
        ask(codec.method(1, "basic.qos", count=1), "basic.qos-ok")
        ask(codec.method(0, "connection.close", code=200, text="bye"), "connection.close-ok")
