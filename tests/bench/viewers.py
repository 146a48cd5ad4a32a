"""What viewers of the page cost: processor time of rbit's one thread with N of them listening to
/events, while jobs come at a rate, against the same without any.

    RBIT_BINARY_DIR=build/release python3 -B tests/bench/viewers.py [VIEWERS [JOBS-A-SECOND [SECONDS]]]
"""

import os
import selectors
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "suites"))
from rbit_suite import Suite, free_port, wait_until  # noqa: E402


class Viewers(Suite):
    def runTest(self):
        viewers, rate, seconds = self.given
        self.port = free_port()
        self.configure({"build": "message = json\nrunner = shell!true"}, rbit="slots = 2",
                       more=f"[monitor]\nlisten = 127.0.0.1:{self.port}\n[log]\nlevel = warning\n")
        self.start(until=None)
        wait_until(lambda: os.path.exists(self.path("state", "control.sock")), "rbit")
        self.measure(0, rate, 3)  # it fills the lists
        alone, _ = self.measure(0, rate, seconds)
        watched, heard = self.measure(viewers, rate, seconds)
        self.assertGreater(heard, 0)
        quiet, heard_in_peace = self.measure(viewers, 0, seconds)
        print(f"{rate} jobs a second: {alone:.2%} of a processor without viewers, {watched:.2%} with "
              f"{viewers}, so {watched - alone:.2%} for them ({heard / seconds / viewers / 1024:.1f} "
              f"KiB a second each); {quiet:.2%} in peace ({heard_in_peace} bytes heard)")

    def processor_seconds(self):
        with open(f"/proc/{self.rbit.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, viewers, rate, seconds):
        """The share of a processor, and the bytes that were heard."""
        selector, heard = selectors.DefaultSelector(), 0
        for _ in range(viewers):
            peer = socket.create_connection(("127.0.0.1", self.port))
            peer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(peer.recv(12).endswith(b" 200"))  # before it has less to lose than others
            peer.setblocking(False)
            selector.register(peer, selectors.EVENT_READ)
        settled = time.monotonic() + (8 if rate == 0 else 2)  # the last changes, and the first states
        begun, end, jobs, first = None, None, 0, None
        while end is None or time.monotonic() < end:
            now = time.monotonic()
            if end is None and now > settled:
                begun, end, first, heard, jobs = now, now + seconds, self.processor_seconds(), 0, 0
            if begun and rate and jobs < (now - begun) * rate:
                self.ask(do="submit", queue="build", properties="{}", bytes="e30=")
                jobs += 1
            for key, _ in selector.select(0.01):
                try:
                    piece = key.fileobj.recv(1 << 20)
                    self.assertTrue(piece, "a viewer was cut off")
                    heard += len(piece)
                except BlockingIOError:
                    pass
        used = self.processor_seconds() - first
        for key in list(selector.get_map().values()):
            key.fileobj.close()
        return used / (time.monotonic() - begun), heard


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]] + [100, 20, 20][len(sys.argv) - 1:]
    test = Viewers()
    test.given = given
    result = test.run()
    sys.exit(0 if result.wasSuccessful() else 1)
