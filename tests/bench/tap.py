"""A tap on the wire between an AMQP client and its broker: whose time is it?

A client's start is mostly waiting for the broker. The tap forwards every byte at once, and notes
for each connection how long the broker took to answer, how many turns there were, and when it
confirmed the subscription (basic.consume-ok).
"""

import select
import socket
import threading
import time

# A method frame on any channel: class 60, method 21.
CONSUME_OK = b"\x00\x3c\x00\x15"


class Connection:
    def __init__(self, client, broker):
        self.client = client
        self.broker = broker
        self.asked = None  # when the client last said something that is not answered yet
        self.broker_seconds = 0.0
        self.turns = 0

    def close(self):
        self.client.close()
        self.broker.close()


class Tap:
    """`port` is the client's broker. `consuming`: (when, Connection) of the first consume-ok."""

    def __init__(self, broker_port):
        self.broker_port = broker_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.consuming = None
        self.is_consuming = threading.Event()
        self.ends = {}  # socket: (Connection, whether it is the client's side)
        self.stop_reader, self.stop_writer = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop_writer.close()
        self.thread.join()
        for connection, _ in self.ends.values():
            connection.close()
        self.listener.close()
        self.stop_reader.close()

    def _run(self):
        poll = select.poll()
        by_number = {one.fileno(): one for one in (self.listener, self.stop_reader)}
        for number in by_number:
            poll.register(number, select.POLLIN)
        while True:
            for number, _ in poll.poll():
                one = by_number.get(number)
                if one is self.stop_reader:
                    return
                if one is self.listener:
                    for end in self._accept():
                        by_number[end.fileno()] = end
                        poll.register(end, select.POLLIN)
                elif one is not None and not self._forward(one):
                    connection, _ = self.ends[one]
                    for end in (connection.client, connection.broker):
                        poll.unregister(end)
                        del by_number[end.fileno()]
                        del self.ends[end]
                    connection.close()

    def _accept(self):
        client, _ = self.listener.accept()
        broker = socket.create_connection(("127.0.0.1", self.broker_port))
        connection = Connection(client, broker)
        for end in (client, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.ends[end] = (connection, end is client)
        return client, broker

    def _forward(self, end):
        connection, is_client = self.ends[end]
        try:
            data = end.recv(65536)
            now = time.monotonic()
            if data:
                (connection.broker if is_client else connection.client).sendall(data)
        except OSError:
            return False
        if is_client:
            connection.asked = now
        elif connection.asked is not None:
            connection.broker_seconds += now - connection.asked
            connection.turns += 1
            connection.asked = None
        if not is_client and self.consuming is None and CONSUME_OK in data:
            self.consuming = (now, connection)
            self.is_consuming.set()
        return bool(data)
