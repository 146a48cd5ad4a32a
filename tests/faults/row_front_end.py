"""The row of the front-end: fifteen ways to be ill. Jobs never wait for it, its password goes
nowhere else, and what can still be told is told when it is well again."""

import base64
import os
import re
import socket
import struct
import threading
import time
import urllib.parse

from evidence import Report
from front_end import FrontEnd
from network import at_once
from rbit_suite import wait_until
from row import Row
from world import World

JOBS = 34  # of each of 15 scripts, two reports a job: 1,000 rows
SECRET = "s3cret-of-the-suite"
PAIR = base64.b64encode(f"rbit:{SECRET}".encode())


class IllServer:
    """Takes connections and does `act(client, request)` with each; knows what it was told."""

    def __init__(self, port, act):
        self.act, self.heard, self.clients = act, [], []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for one in self.clients:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client:
                request = b""
                while not complete(request):
                    more = client.recv(65536)
                    if not more:
                        return
                    request += more
                self.heard.append(request)
                self.act(client, request)
        except OSError:
            pass


def complete(request):
    head, found, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\nContent-Length: (\d+)", head)
    return found and len(body) >= (int(length[1]) if length else 0)


def told(request):
    """(job, status) of a report as PyBit's form has it."""
    head, _, body = request.partition(b"\r\n\r\n")
    return (head.split()[1].split(b"/")[2].decode(),
            dict(urllib.parse.parse_qsl(body.decode()))["status"])


def answer(status, headers=b"", body=b""):
    text = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n%b\r\n" % (
        status, len(body), headers)
    return lambda client, _: client.sendall(text + body)


def hang(client, _):
    client.recv(1)


def hang_in_the_head(client, _):
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-")
    client.recv(1)


def ten_gib(client, _):
    """As much of it as anybody takes."""
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")
    for _ in range(10 << 10):
        client.sendall(b"x" * (1 << 20))


def ten_gib_of_headers(client, _):
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(10 << 20):
        client.sendall(b"X-%d: %b\r\n" % (number, b"x" * 1000))


def slow(client, _):
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
        client.sendall(bytes([byte]))
        time.sleep(1)


def reset(client, _):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def no_http(client, _):
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


# name: (what it does, what becomes of the reports). They arrive when it is well again, by themselves
# ("late") or after a restart ("paused"); never ("dropped"); or here already, for it said 200 before
# it fell ill ("taken", some late).
ILL = {
    "down": (None, "late"),
    "hanging": (hang, "late"),
    "hanging-in-the-head": (hang_in_the_head, "taken"),
    "500": (answer(b"500 Internal Server Error"), "late"),
    "503-and-later": (answer(b"503 Service Unavailable", b"Retry-After: 1\r\n"), "late"),
    "429": (answer(b"429 Too Many Requests"), "late"),
    "reset": (reset, "late"),
    "no-http": (no_http, "late"),
    "slow": (slow, "taken"),
    "10-gib": (ten_gib, "taken"),
    "10-gib-of-headers": (ten_gib_of_headers, "taken"),
    "401": (answer(b"401 Unauthorized", b'WWW-Authenticate: Basic realm="x"\r\n'), "paused"),
    "403": (answer(b"403 Forbidden"), "paused"),
    "404": (answer(b"404 Not Found"), "dropped"),
    "redirect": (None, "dropped"),
}


def ill(context, name, jobs):
    act, becomes = ILL[name]
    number = list(ILL).index(name)
    directory = os.path.join(context.directory, f"{os.getpid()}f{number}-{name}")
    world = World(directory, context.schedule, None,
                  "local")
    context.worlds.append(world)
    stranger = FrontEnd()
    if name == "redirect":
        where = f"Location: http://127.0.0.1:{stranger.port}/job/1\r\n".encode()
        act = answer(b"307 Temporary Redirect", where)
    world.front_end.go_down()
    server = IllServer(world.front_end.port, act) if act else None
    # The row is about reports; a 404 before a build would mean that nobody wants it.
    world.configure(slots=4, status=f"username = rbit\npassword = {SECRET}\n"
                                    "check-before-build = no\n")
    found = world.found
    try:
        world.start()
        begun = time.monotonic()
        world.publish(["0-0-0"] * jobs)
        if not world.wait_for_all(120):
            found.notes.append("jobs waited for the front-end")
        found.figures["jobs_s"] = round(time.monotonic() - begun, 1)
        if server:
            wait_until(lambda: server.heard, "a report")
            found.notes += [f"a report came without its password: {one}" for one in server.heard
                            if one.startswith(b"PUT") and PAIR not in one][:1]
        if becomes == "dropped":
            # Not only heard: one whose answer does not get through any more is told later.
            wait_until(lambda: len(world.rbit.lines_with(" is dropped: ")) >= 2 * jobs,
                       "all reports, each refused once", 120)
        if becomes == "paused":
            wait_until(lambda: "ERROR" in world.rbit.log, "the target to be paused")
            if len(world.rbit.lines_with("ERROR")) != 1:
                found.notes.append(f"not said once: {world.rbit.lines_with('ERROR')}")
        if server:
            server.close()
        if becomes in ("paused", "dropped"):
            world.stop()
        world.front_end.user, world.front_end.password = "rbit", SECRET
        world.front_end.come_up()
        if becomes in ("paused", "dropped"):
            world.start()
        if becomes == "dropped":
            world.publish(["0-0-0"])
            world.wait_for_all()
            wait_until(lambda: len(world.front_end.reports) >= 2, "the last job's reports")
        else:
            begun = time.monotonic()

            def taken():  # a request that was under way when it was closed is heard a little later
                return [told(one) for one in server.heard] if becomes == "taken" else []
            wait_until(lambda: len({*taken(), *world.front_end.reports}) >= 2 * jobs,
                       "all reports", 180)
            found.figures["told_s"] = round(time.monotonic() - begun, 1)
        world.evidence()
        if becomes == "taken":  # what was asked again for want of a whole answer was told twice
            found.figures["answers_again"] = len(server.heard)
            found.reports = [Report(*one) for one in taken()] + found.reports
        dropped = set(map(str, range(1, jobs + 1))) if becomes == "dropped" else set()
        if {one.job for one in found.reports} & dropped:
            found.notes.append("what was refused for good was told again")
        # What is given up by rule is no loss: the log told it.
        found.reports += [Report(job, world.ended()[job]) for job in sorted(dropped)]
        if stranger.requests:
            found.notes.append(f"the other host was asked: {stranger.requests[0]}")
        for one in world.rbits:
            if SECRET in one.log or PAIR.decode() in one.log:
                found.notes.append("the password stands in the log")
    finally:
        if server:
            server.close()
        stranger.go_down()
    return found


def front_end(context):
    jobs = context.pick(JOBS, 10 * JOBS)
    return at_once([(name, lambda one=name: ill(context, one, jobs)) for name in ILL], 4)


ROWS = [
    Row(20, "a front-end that is ill", front_end, "front_end", needs_broker=False),
]
