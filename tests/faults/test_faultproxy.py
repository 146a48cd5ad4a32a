"""The fault proxy does what it says: a harness that passes everything would prove nothing."""

import socket
import threading
import time
import unittest

import amqp_codec as codec
from faultproxy import DOWN, UP, DeadHost, FaultProxy, Mishap
from faultproxy_by_hand import run_command


class Echo:
    """A server that sends back what it got, and says how each connection ended."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got, self.ends = [], []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        got = bytearray()
        self.got.append(got)
        try:
            while True:
                data = client.recv(65536)
                if not data:
                    self.ends.append("fin")
                    client.sendall(b"bye")
                    break
                got += data
                client.sendall(data)
        except OSError as error:
            self.ends.append(type(error).__name__)
        client.close()


def wait_until(condition, patience=20):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.005)


class Proxy(unittest.TestCase):
    def setUp(self):
        self.server = Echo()
        self.addCleanup(self.server.listener.close)
        self.proxy = FaultProxy(self.server.port)
        self.addCleanup(self.proxy.close)

    def connect(self, proxy=None):
        client = socket.create_connection(("127.0.0.1", (proxy or self.proxy).port), 20)
        self.addCleanup(client.close)
        return client

    def exchange(self, client, data):
        client.sendall(data)
        return self.receive(client, len(data))

    def receive(self, client, size):
        got = b""
        while len(got) < size:
            more = client.recv(65536)
            if not more:
                break
            got += more
        return got

    def silent(self, client, seconds=0.2):
        client.settimeout(seconds)
        try:
            client.recv(1)
            return False
        except TimeoutError:
            return True
        finally:
            client.settimeout(20)

    def test_pass(self):
        data = bytes(range(256)) * 4000
        client = self.connect()
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        self.assertEqual(self.receive(client, len(data)), data)
        sender.join()
        # It counts what it has sent, a moment after we have it.
        wait_until(lambda: self.proxy.connections[0].through == {UP: len(data), DOWN: len(data)})

    def test_the_end_passes_too(self):
        client = self.connect()
        self.exchange(client, b"a")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive(client, 4), b"bye")
        wait_until(lambda: not self.proxy.open_now())

    def test_reset(self):
        client = self.connect()
        self.exchange(client, b"a")
        self.proxy.reset()
        with self.assertRaises(ConnectionResetError):
            client.recv(1)
        wait_until(lambda: self.server.ends == ["ConnectionResetError"])

    def test_half_close(self):
        client = self.connect()
        self.exchange(client, b"a")
        self.proxy.half_close(UP)
        wait_until(lambda: self.server.ends == ["fin"])
        self.assertEqual(self.receive(client, 3), b"bye")

    def test_cut_after_each_byte_of_each_direction(self):
        for direction in (UP, DOWN):
            for at in range(5):
                with self.subTest(direction=direction, at=at):
                    self.proxy.plan(Mishap(direction, at))
                    client = self.connect()
                    client.sendall(b"abcd")
                    try:
                        got = self.receive(client, 4)
                        got += client.recv(1)
                    except ConnectionResetError:
                        pass
                    wait_until(lambda: not self.proxy.open_now())
                    self.assertEqual(self.proxy.connections[-1].through[direction], min(at, 4))

    def test_corrupt(self):
        self.proxy.plan(Mishap(UP, 2, "corrupt"))
        self.assertEqual(self.exchange(self.connect(), b"\0\0\0\0"), b"\0\0\xff\0")

    def test_blackhole_each_way_and_what_was_sent_comes_late(self):
        client = self.connect()
        self.exchange(client, b"a")
        self.proxy.blackhole(DOWN)
        client.sendall(b"b")
        wait_until(lambda: self.server.got[0] == b"ab")
        self.assertTrue(self.silent(client))
        self.proxy.clear()
        self.assertEqual(client.recv(1), b"b")
        self.proxy.blackhole(UP)
        client.sendall(b"c")
        self.assertTrue(self.silent(client))
        self.assertEqual(self.server.got[0], b"ab")
        self.proxy.clear()
        self.assertEqual(client.recv(1), b"c")

    def test_blackhole_hides_a_close(self):
        client = self.connect()
        self.exchange(client, b"a")
        self.proxy.blackhole()
        client.close()
        time.sleep(0.2)
        self.assertEqual(self.server.ends, [])
        self.proxy.clear()
        wait_until(lambda: self.server.ends)

    def test_stalled_the_sender_is_stopped(self):
        client = self.connect()
        self.exchange(client, b"a")
        self.proxy.blackhole(stall=True)
        client.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            for _ in range(1000):
                client.sendall(b"x" * 65536)

    def test_throttle(self):
        client = self.connect()
        self.proxy.throttle(20, UP)
        begun = time.monotonic()
        self.exchange(client, b"0123456789")
        self.assertGreater(time.monotonic() - begun, 0.4)

    def test_delay_keeps_the_order_and_does_not_add_up(self):
        client = self.connect()
        self.proxy.delay(0.3, DOWN)
        begun = time.monotonic()
        for letter in b"abcdefgh":
            client.sendall(bytes([letter]))
            time.sleep(0.02)
        self.assertEqual(self.receive(client, 8), b"abcdefgh")
        took = time.monotonic() - begun
        self.assertGreater(took, 0.4)
        self.assertLess(took, 8 * 0.3)

    def test_down_and_up(self):
        client = self.connect()
        self.exchange(client, b"a")
        self.proxy.go_down()
        with self.assertRaises(OSError):
            if not client.recv(1):
                raise ConnectionResetError
        with self.assertRaises(ConnectionRefusedError):
            self.connect()
        self.proxy.come_up()
        self.assertEqual(self.exchange(self.connect(), b"b"), b"b")

    def test_a_dead_host_does_not_answer(self):
        with DeadHost() as dead:
            with self.assertRaises(TimeoutError):
                socket.create_connection(("127.0.0.1", dead.port), 0.5)

    def test_by_hand(self):
        client = self.connect()
        self.exchange(client, b"a")
        wait_until(lambda: "1 open up 1 down 1" in run_command(self.proxy, ["status"]))
        self.assertEqual(run_command(self.proxy, ["blackhole", "down"]), "ok")
        client.sendall(b"b")
        self.assertTrue(self.silent(client))
        run_command(self.proxy, ["pass"])
        self.assertEqual(client.recv(1), b"b")
        self.assertIn("blackhole", run_command(self.proxy, ["what?"]))

    def test_frames_are_known_before_they_pass(self):
        seen = []

        def on_frame(one, direction, frame, what):
            if direction == UP and what is not None:
                seen.append((what.name, bytes(self.server.got[-1]).count(frame.raw)))
                if what.name == "basic.ack" and what.method.tag == 2:
                    return "rst"
            return None
        proxy = FaultProxy(self.server.port, on_frame=on_frame)
        self.addCleanup(proxy.close)
        client = self.connect(proxy)
        first, second = (codec.method(1, "basic.ack", tag=tag) for tag in (1, 2))
        self.exchange(client, codec.HEADER + codec.BEAT + first[:5])
        with self.assertRaises(OSError):
            client.sendall(first[5:] + second + codec.BEAT)
            while True:
                if not client.recv(100):
                    raise ConnectionResetError
        self.assertEqual(proxy.errors, [])
        self.assertEqual(seen, [("basic.ack", 0), ("basic.ack", 0)])
        # What came before the frame that was struck has passed, and nothing of it or behind it.
        self.assertEqual(proxy.connections[0].through[UP], 16 + len(first))


class Codec(unittest.TestCase):
    def test_methods_there_and_back(self):
        samples = {"o": 515, "U": 70000, "L": 1 << 40, "O": 9, "s": "text", "l": b"long",
                   "b": True, "t": {"one": 1, "text": "x", "yes": True, "in": {"a": [1, None]}}}
        for name, key in codec.NUMBERS.items():
            arguments = {argument: samples[kind] for argument, kind in codec.METHODS[key][1]}
            frames = list(codec.FrameReader().feed(codec.method(3, name, **arguments)))
            self.assertEqual(len(frames), 1)
            found = codec.decode_method(frames[0])
            self.assertEqual((found.name, found.arguments), (name, arguments))

    def test_contents_there_and_back(self):
        properties = {"content_type": "t", "headers": {"x": 5}, "delivery_mode": 2,
                      "message_id": "m", "timestamp": 7}
        frames = list(codec.FrameReader().feed(codec.content_header(1, 10, properties)
                                               + codec.bodies(1, b"0123456789", 12)))
        self.assertEqual(codec.decode_content_header(frames[0]), (10, properties))
        self.assertEqual([one.payload for one in frames[1:]], [b"0123", b"4567", b"89"])

    def test_byte_by_byte(self):
        reader, found = codec.FrameReader(), []
        for byte in codec.HEADER + codec.method(0, "connection.open", virtual_host="/"):
            found += reader.feed(bytes([byte]))
        self.assertEqual([codec.decode_method(one).name for one in found], ["connection.open"])

    def test_what_is_no_frame(self):
        reader = codec.FrameReader()
        broken = codec.frame(codec.METHOD, 1, b"xxxx", end=0)
        self.assertEqual(list(reader.feed(broken)), [])
        self.assertTrue(reader.corrupt)


if __name__ == "__main__":
    unittest.main(verbosity=1)
