"""A network between a client and its server that can fall ill, on loopback.

    with FaultProxy(broker_port) as proxy: ... proxy.port, proxy.blackhole("up")

faultproxy_by_hand.py is a program of it.

`up` is the way from the client to the server, `down` the way back. The weather holds for every
connection, those to come included; a Mishap hangs on the Nth byte, or on a frame, of one. With
`frames` the AMQP frames are decoded (`log`, see wire_log.py) before they are let through, so that
whoever reads the journal in `on_frame` does so before the broker can have the frame.

One thread with an asyncio loop; every method may be called from any other thread, and has its
effect before it returns.
"""

import asyncio
import collections
import dataclasses
import socket
import struct
import threading
import time

import amqp_codec as codec
from wire_log import DOWN, UP, WireLog

BOTH = (UP, DOWN)
CHUNK = 65536
STEPS = 20  # a throttled second is cut into as many sends, if it has as many bytes


@dataclasses.dataclass
class Weather:
    """Of one direction. `held` reads and keeps everything, as a network that loses packets: what
    was sent comes late, when it is over. `stalled` does not even read: the sender's buffers fill,
    as they do when nobody acknowledges. Delay in seconds, rate in bytes a second (0: no limit)."""
    held: bool = False
    stalled: bool = False
    delay: float = 0.0
    rate: int = 0


@dataclasses.dataclass
class Mishap:
    """What happens to one connection when `at` bytes of a direction were let through: rst, fin,
    half (this direction only), corrupt (the next byte is inverted), hold, stall."""
    direction: str
    at: int
    what: str = "rst"


class Connection:
    """One client's. `through`: bytes let through so far. `name` is what an AMQP client calls its
    connection ("" until it did)."""

    def __init__(self, number, client):
        self.number = number
        self.name = ""
        self.through = {UP: 0, DOWN: 0}
        self.is_open = True
        self.gone = None  # when the client let go of it, or lost it (time.monotonic())
        self.gone_wall = None
        self.client, self.server = client, None
        self.borders = {UP: [], DOWN: []}  # how many bytes were through at each frame's end
        self.own = {UP: Weather(), DOWN: Weather()}  # beside the network's
        self.mishaps = []
        self.readers = {UP: codec.FrameReader(), DOWN: codec.FrameReader()}
        self.tasks = []

    def note_gone(self):
        """The first time counts. A test may say so of a connection that is stalled: the proxy does
        not see its client go."""
        if self.gone is None:
            self.gone, self.gone_wall = time.monotonic(), time.time()


def reset_on_close(one):
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class FaultProxy:
    def __init__(self, port, host="127.0.0.1", listen=0, frames=False, on_frame=None, on_open=None):
        """`on_open(connection)` is called at each accept and may return Mishaps; `on_frame(
        connection, direction, frame, seen)` before a frame passes and may return the name of a
        mishap, which then happens before it. Both run in the proxy's thread, and call no method."""
        self.target = (host, port)
        self.weather = {UP: Weather(), DOWN: Weather()}
        self.frames = frames or on_frame is not None
        self.log = WireLog()
        self.on_frame, self.on_open = on_frame, on_open
        self.errors = []       # exceptions of the two above: a test must look at them
        self.connections = []  # all there ever were
        self._plan = []
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", listen), backlog=128)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._call(self._listen)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._thread.is_alive():
            self._call(self._go_down, "rst")
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    # ---- the weather

    def clear(self):
        """Everything passes again; what was held comes through."""
        self._call(self._set, BOTH, Weather())

    def blackhole(self, *directions, stall=False):
        """Nothing passes any more, closing included; `directions` UP, DOWN, or both."""
        self._call(self._set, directions or BOTH, Weather(held=not stall, stalled=stall))

    def delay(self, seconds, *directions):
        self._call(self._set, directions or BOTH, Weather(delay=seconds))

    def throttle(self, bytes_a_second, *directions):
        self._call(self._set, directions or BOTH, Weather(rate=bytes_a_second))

    # ---- harm to what is open

    def reset(self, *those):
        """RST to both ends of these connections (all)."""
        self._call(self._end_all, those, "rst")

    def finish(self, *those):
        """FIN to both ends."""
        self._call(self._end_all, those, "fin")

    def half_close(self, direction, *those):
        """FIN in one direction; the other goes on."""
        def shut():
            for one in those or self.open_now():
                self._strike(one, direction, "half")
        self._call(shut)

    def go_down(self, how="rst"):
        """Nobody listens any more, and what is open ends."""
        self._call(self._go_down, how)

    def come_up(self):
        def again():
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            self._listener.setblocking(False)
            self._listen()
        self._call(again)

    def plan(self, *mishaps):
        """One for each of the next connections, in their order; None leaves one alone."""
        self._call(self._plan.extend, mishaps)

    def strike(self, connection, mishap):
        """For one that is open; `at` counts from its beginning."""
        self._call(connection.mishaps.append, mishap)

    def open_now(self):
        return [one for one in list(self.connections) if one.is_open]

    # ---- in the loop's thread

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _call(self, function, *arguments):
        async def run():
            return function(*arguments)
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _set(self, directions, weather):
        for direction in directions:
            self.weather[direction] = dataclasses.replace(weather)
        self._wake()

    def _wake(self):
        self._changed.set()
        self._changed = asyncio.Event()

    def _listen(self):
        self._accepting = self._loop.create_task(self._accept(self._listener))

    def _go_down(self, how):
        self._accepting.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._end_all((), how)

    def _end_all(self, those, how):
        for one in those or self.open_now():
            self._end(one, how)

    def _end(self, one, how):
        """Closes both sockets; the pumps end with it."""
        if not one.is_open:
            return
        one.is_open = False
        one.note_gone()
        for end in (one.client, one.server):
            if end is None:
                continue
            self._loop.remove_reader(end)
            self._loop.remove_writer(end)
            if how == "rst":
                reset_on_close(end)
            end.close()
        for task in one.tasks:
            if task is not asyncio.current_task(self._loop):
                task.cancel()

    def _strike(self, one, direction, what):
        """Whether the connection may go on in this direction."""
        if what in ("rst", "fin"):
            self._end(one, what)
            return False
        if what in ("hold", "stall"):
            one.own[direction] = Weather(held=what == "hold", stalled=what == "stall")
        elif what == "half":
            sink = one.server if direction == UP else one.client
            if sink is not None:
                try:
                    sink.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            return False
        return True

    async def _accept(self, listener):
        while True:
            client, _ = await self._loop.sock_accept(listener)
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one = Connection(len(self.connections) + 1, client)
            self.connections.append(one)
            planned = self._plan.pop(0) if self._plan else None
            if planned is not None:
                one.mishaps.append(planned)
            one.mishaps += self._ask(self.on_open, one) or []
            one.tasks.append(self._loop.create_task(self._serve(one)))

    def _ask(self, function, *arguments):
        if function is None:
            return None
        try:
            return function(*arguments)
        except Exception as error:  # the proxy goes on; who owns it looks at `errors`
            self.errors.append(error)
            return None

    async def _serve(self, one):
        while self.weather[UP].held or self.weather[UP].stalled or self.weather[DOWN].held:
            await self._changed.wait()  # the server does not even hear that somebody comes
        one.server = socket.socket()
        one.server.setblocking(False)
        one.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._loop.sock_connect(one.server, self.target)
        except OSError:
            self._end(one, "rst")
            return
        for direction, source, sink in ((UP, one.client, one.server),
                                        (DOWN, one.server, one.client)):
            waiting = collections.deque()
            news = asyncio.Event()
            one.tasks.append(self._loop.create_task(self._read(one, direction, source, waiting,
                                                               news)))
            one.tasks.append(self._loop.create_task(self._write(one, direction, sink, waiting,
                                                                news)))

    async def _read(self, one, direction, source, waiting, news):
        while True:
            while self.weather[direction].stalled or one.own[direction].stalled:
                await self._changed.wait()
            if len(waiting) > 64 and not self.weather[direction].held:
                await asyncio.sleep(0.001)  # the other end is slow; so are we
                continue
            try:
                data = await self._loop.sock_recv(source, CHUNK)
            except OSError:
                data = None  # reset
            if not data and direction == UP:
                one.note_gone()
            waiting.append((self._loop.time(), data))
            news.set()
            if not data:
                return

    async def _write(self, one, direction, sink, waiting, news):
        while True:
            while not waiting:
                news.clear()
                await news.wait()
            came, data = waiting.popleft()
            while self._closed(one, direction):
                await self._changed.wait()
            late = came + self.weather[direction].delay - self._loop.time()
            if late > 0:
                await asyncio.sleep(late)
                while self._closed(one, direction):
                    await self._changed.wait()
            try:
                if data is None:
                    return self._end(one, "rst")
                if data == b"":
                    return self._forward_end(one, direction)
                if not await self._forward(one, direction, sink, data):
                    return
            except OSError:
                return self._end(one, "rst")

    def _closed(self, one, direction):
        both = (self.weather[direction], one.own[direction])
        return any(weather.held or weather.stalled for weather in both)

    def _forward_end(self, one, direction):
        """The sender has finished; so does the connection when both have."""
        self._strike(one, direction, "half")
        one.own[direction].delay = -1  # done
        if all(one.own[each].delay == -1 for each in BOTH):
            self._end(one, "fin")

    async def _forward(self, one, direction, sink, data):
        """Lets `data` through, as far as mishaps allow. False: this direction has ended."""
        while data:
            coming = [each for each in one.mishaps if each.direction == direction]
            room = min((each.at - one.through[direction] for each in coming), default=len(data))
            if room > 0:
                piece, data = data[:room], data[room:]
                if not await self._pass(one, direction, sink, piece):
                    return False
                continue
            mishap = min(coming, key=lambda each: each.at)
            one.mishaps.remove(mishap)
            if mishap.what == "corrupt":
                data = bytes([data[0] ^ 0xFF]) + data[1:]
            if not self._strike(one, direction, mishap.what):
                return False
            while self._closed(one, direction):
                await self._changed.wait()
        # One that hangs on the very last byte must not wait for a next one.
        for mishap in [each for each in one.mishaps if each.direction == direction
                       and each.at <= one.through[direction] and each.what != "corrupt"]:
            one.mishaps.remove(mishap)
            if not self._strike(one, direction, mishap.what):
                return False
        return True

    async def _pass(self, one, direction, sink, piece):
        if self.frames and not await self._inspect(one, direction, sink, piece):
            return False
        if not self.frames:
            await self._send(one, direction, sink, piece)
        return True

    async def _inspect(self, one, direction, sink, piece):
        """Frame by frame: each is known before its last byte passes."""
        reader = one.readers[direction]
        sent, through = 0, one.through[direction]
        for frame in reader.feed(piece):
            one.borders[direction].append(through + len(piece) - len(reader.buffer))
            seen = self.log.take(one.number, direction, frame)
            if seen is not None and seen.name == "connection.start-ok":
                one.name = seen.method.properties.get("connection_name", "")
            what = self._ask(self.on_frame, one, direction, frame, seen)
            if what is None:
                continue
            # The reader's buffer begins behind the frame; the frame may have begun in an
            # earlier piece, and that much of it is gone.
            end = max(sent, len(piece) - len(reader.buffer) - len(frame.raw))
            await self._send(one, direction, sink, piece[sent:end])
            sent = end
            if not self._strike(one, direction, what):
                return False
            while self._closed(one, direction):
                await self._changed.wait()
        await self._send(one, direction, sink, piece[sent:])
        return True

    async def _send(self, one, direction, sink, piece):
        while piece:
            rate = self.weather[direction].rate
            size = max(1, rate // STEPS) if rate else len(piece)
            await self._loop.sock_sendall(sink, piece[:size])
            one.through[direction] += len(piece[:size])
            piece = piece[size:]
            if rate:
                await asyncio.sleep(size / rate)


class DeadHost:
    """A port whose connects hang: nobody takes them, and the queue of the kernel is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self.listener.getsockname())
            self.fillers.append(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.fillers:
            one.close()
        self.listener.close()
