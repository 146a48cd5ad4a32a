#!/usr/bin/python3
"""A scripted AMQP broker: by itself it behaves as a small, well-mannered one (durable queues in
memory, prefetch, confirms, returns, redelivery); a script hangs hooks on what the client says and
then sends whatever it likes, odd frames included.

    broker = FakeBroker()
    broker.on("basic.consume", lambda s, channel, method: s.close_channel(channel, 404, "no"))
    broker.put("build", b"...")

A hook gets (session, channel, method) and runs in the session's thread; what it returns as true is
"handled", and the broker does nothing of its own. Beside the methods there are "header" (a client
has said hello), "deliver" (session, channel, consumer, message) before a delivery and "confirm"
(session, channel, publication) before a confirm.

As a program it is that well-mannered broker, and prints what it hears: --listen PORT.
"""

import argparse
import collections
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import amqp_codec as codec
from fake_session import Message, Session


class FakeBroker:
    """`heard` has everything that clients said: (session number, channel, Method); `acked` the
    bodies that were acknowledged, `published` the Publications."""

    def __init__(self, port=0, heartbeat=60, frame_max=131072, channel_max=2047):
        self.tune = {"heartbeat": heartbeat, "frame_max": frame_max, "channel_max": channel_max}
        self.queues = {}
        self.bindings = {}  # (exchange, routing key): queue
        self.hooks = collections.defaultdict(list)
        self.heard, self.acked, self.published, self.errors = [], [], [], []
        self.sessions, self.timers = [], []
        self.lock = threading.RLock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for one in self.timers:
            one.cancel()
        # A thread in accept() would keep the port: shutdown wakes it.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for one in list(self.sessions):
            one.end()

    def on(self, name, hook, times=None):
        """Hangs `hook` on `name`, for so many times (None: always)."""
        left = [times]

        def counted(*arguments):
            if left[0] == 0:
                return False
            if left[0] is not None:
                left[0] -= 1
            return hook(*arguments)
        with self.lock:
            self.hooks[name].append(counted)

    def forget(self):
        """From now on it behaves."""
        with self.lock:
            self.hooks.clear()

    def later(self, seconds, act):
        """`act()` after a while, unless the broker is closed before."""
        timer = threading.Timer(seconds, act)
        timer.daemon = True
        self.timers.append(timer)
        timer.start()
        return True

    def put(self, queue, body, **properties):
        """A message into a queue, which is made if it is not there."""
        with self.lock:
            message = Message(body, {"delivery_mode": codec.PERSISTENT, **properties},
                              routing_key=queue)
            self.queues.setdefault(queue, collections.deque()).append(message)
        self.deliver_all()

    def said(self, name):
        """How often clients have said it."""
        with self.lock:
            return sum(1 for _, _, method in self.heard if method.name == name)

    def depth(self, queue):
        """(ready, unacknowledged)"""
        with self.lock:
            out = sum(1 for one in self.sessions for channel in one.channels.values()
                      for where, _ in channel.unacked.values() if where == queue)
            return len(self.queues.get(queue, ())), out

    def ask(self, name, *arguments):
        """Whether a hook has handled it."""
        with self.lock:
            hooks = list(self.hooks[name])
        return any([hook(*arguments) for hook in hooks])

    def deliver_all(self):
        for one in list(self.sessions):
            one.deliver()

    def route(self, message):
        """The queue for a message, or None."""
        with self.lock:
            if message.exchange == "":
                return message.routing_key if message.routing_key in self.queues else None
            return self.bindings.get((message.exchange, message.routing_key))

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                one = Session(self, len(self.sessions) + 1, client)
                self.sessions.append(one)
            threading.Thread(target=one.run, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", type=int, default=0, metavar="PORT")
    with FakeBroker(parser.parse_args().listen) as broker:
        print(f"127.0.0.1:{broker.port}", flush=True)
        said = 0
        while True:
            for session, channel, method in broker.heard[said:]:
                print(session, channel, method.name, method.arguments, flush=True)
                said += 1
            time.sleep(0.05)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
