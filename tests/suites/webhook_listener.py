"""Somebody who listens for webhooks in tests: over plain sockets, so that he may be as slow, wrong
or malicious as a test wants him."""

import hashlib
import hmac
import json
import socket
import threading

from rbit_suite import free_port


class Post:
    """One request as it came."""

    def __init__(self, line, headers, body):
        self.line, self.headers, self.body = line, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def delivery(self):
        return self.headers["x-rbit-delivery"]

    def is_signed_with(self, secret):
        mac = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return self.headers.get("x-rbit-signature") == "sha256=" + mac


def answer(status, headers="", body=b""):
    return (f"HTTP/1.1 {status} Somehow\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
            ).encode() + body


class Listener:
    """Listens on 127.0.0.1:`port`. `posts` are those that came whole, in order, whatever they were
    answered; `taken` those that got a 2xx.

    `answers`: what the next ones get, one each, then `usual` for ever. Each is a number, bytes that
    are sent as they are before the connection is closed, or a function of (post, socket), which
    returns one of these or, if it has answered itself, None."""

    def __init__(self, path="/hook"):
        self.path = path
        self.posts, self.taken = [], []
        self.answers, self.usual = [], 204
        self.port = free_port()
        self._lock = threading.Lock()
        self._socket = None
        self._open = set()
        self.come_up()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.path}"

    def come_up(self):
        self._socket = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def go_down(self):
        if self._socket is None:
            return
        with self._lock:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None
            for one in self._open:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def statuses(self, job):
        """What it took of a job, each delivery once, in the order they came first."""
        seen, found = set(), []
        with self._lock:
            for post in self.taken:
                if str(post.json["job"]) == str(job) and post.delivery not in seen:
                    seen.add(post.delivery)
                    found.append(post.json["status"])
        return found

    def _accept(self, listening):
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(one)
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one):
        try:
            with one, one.makefile("rb") as stream:
                while self._take(one, stream):
                    pass
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(one)

    def _take(self, one, stream):
        line = stream.readline().decode().strip()
        if not line:
            return False
        headers = {}
        while text := stream.readline().decode().strip():
            name, _, value = text.partition(": ")
            headers[name.lower()] = value
        post = Post(line, headers, stream.read(int(headers.get("content-length", 0))))
        with self._lock:
            self.posts.append(post)
            what = self.answers.pop(0) if self.answers else self.usual
        if callable(what):
            what = what(post, one)
        if isinstance(what, bytes):
            one.sendall(what)
            return False
        if what is None:
            return False
        if 200 <= what < 300:
            with self._lock:
                self.taken.append(post)
        one.sendall(answer(what))
        return True
