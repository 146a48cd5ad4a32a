"""The page of the monitor in a browser, on any queue."""

import http.client
import json
import os
import socket
import unittest

import browser
from monitor_visitor import MonitorVisitor
from rbit_suite import BINARY_DIR, PATIENCE

TOKEN = "t0ken-of-a-test-0123"
PICTURES = os.path.join(BINARY_DIR, "pictures")
needs_browser = unittest.skipUnless(
    browser.PROGRAM, "no browser (apt-get install chromium-headless-shell)")
# A job that says how far it is and waits at the gate `name`.
STEPS = """
    message = json
    runner = shell!
        printf '\\033[1;32mok\\033[0m <script>alert(1)</script> \\033]0;title\\007\\n'
        echo '{{"progress": {{"done": 3, "total": 9, "text": "<b>pages</b>"}}}}' >&3
        read -r _ < {gate}
    """


class PageCase(MonitorVisitor):
    """Of a suite that sets `port` and starts an rbit with the token of `with_token`."""

    def with_token(self):
        self.write("token", TOKEN + "\n")
        os.chmod(self.path("token"), 0o600)
        return f"[monitor]\nlisten = 127.0.0.1:{self.port}\ntoken-file = token\n"

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def browse(self):
        one = browser.Browser()
        self.addCleanup(one.close)
        one.look(1440)
        one.open(self.address + "/")
        return one

    def sign_in(self, at_the_door=lambda page: None):
        one = self.browse()
        one.until("!!document.querySelector('#token')")
        at_the_door(one)
        one.do(f"document.querySelector('#token').value = '{TOKEN}'")
        one.press("Enter") if one.do("document.activeElement.id") == "token" else one.click("button")
        one.until("!!document.querySelector('#queues td.name')", "the page")
        return one

    def post(self, path, body="", **headers):
        """The code and the body of the answer to a POST; a header is named with _ for -."""
        peer = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(peer.close)
        peer.request("POST", path, body, {name.replace("_", "-"): value
                                          for name, value in headers.items()})
        answer = peer.getresponse()
        return answer.status, answer.read().decode()

    def act(self, **order):
        code, body = self.post("/api/act", json.dumps(order), Authorization="Bearer " + TOKEN)
        return code, json.loads(body)

    def take_pictures(self, page, name, whole=True):
        """In three widths and both schemes, to be looked at."""
        os.makedirs(PICTURES, exist_ok=True)
        for width in (360, 820, 1440):
            for scheme in ("light", "dark"):
                page.look(width, dark=scheme == "dark")
                page.picture(os.path.join(PICTURES, f"{name}-{width}-{scheme}.png"), whole)
                self.assertLessEqual(page.do("document.documentElement.scrollWidth"), width,
                                     "nothing sticks out")
        page.look(320)
        self.assertLessEqual(page.do("document.documentElement.scrollWidth"), 320)
        page.look(1440)

    def listener(self):
        """A connection to /events whose head has been read."""
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.addCleanup(peer.close)
        peer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                     + TOKEN.encode() + b"\r\n\r\n")
        seen = b""
        while b"\r\n\r\n" not in seen:
            seen += peer.recv(1)
        return peer, seen

    def events_of(self, peer, until, seen=b""):
        """What it hears until `until` stands there."""
        while until.encode() not in seen:
            piece = peer.recv(65536)
            self.assertTrue(piece, f"{until!r} before the end of {seen[-500:]!r}")
            seen += piece
        return seen.decode()
