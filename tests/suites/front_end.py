"""A PyBit front-end for tests. It answers as PyBit-web does, its errors included, can
be away or ill, and, if it is given a channel, sends its cancels by AMQP as PyBit-web does."""

import base64
import http.server
import json
import re
import socket
import threading
import urllib.parse

from rbit_suite import free_port

STATUSES = ("Waiting", "Blocked", "Cancelled", "Building", "Failed", "Uploaded", "Done")
# What bottle sends with an error.
ERROR_PAGE = ("<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head><title>Error {0}"
              "</title></head><body><h1>Error {0}</h1></body></html>")


class FrontEnd:
    """Listens on 127.0.0.1:`port`. `reports` holds one (job, status) for each report it took, in
    the order they came; `requests` every report that came, taken or not; `asked` the jobs whose
    history was asked for.

    go_down() ends it with all its connections, come_up() brings it back on the same port.
    `answer` is what it says to a report: 200, or 401, 404, 500, a redirect, ...; `says[job]` the raw
    body of the answer to a query, or a number: that error; `hangs` holds such answers up.
    `known`: a job that it was never told of is one that waits; else it knows `jobs` only.
    """

    def __init__(self, user=None, password=None):
        self.user, self.password = user, password
        self.answer = 200
        self.headers = {}
        self.known = True
        self.jobs = {}  # id: list of (status, client) that others reported
        self.clients = {}  # id: name of the build client
        self.says = {}
        self.hangs = threading.Event()
        self.hangs.set()  # it does not
        self.reports = []
        self.requests = []
        self.asked = []
        self.port = None
        self._lock = threading.Lock()
        self._server = None
        self.come_up()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def statuses(self, job):
        with self._lock:
            return [status for of, status in self.reports if of == str(job)]

    def come_up(self):
        self._server = _Server(("127.0.0.1", self.port or free_port()), _Handler)
        self._server.front_end = self
        self.port = self._server.server_address[1]
        # A short interval, or each shutdown() takes half a second.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def go_down(self):
        self.hangs.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.end_connections()
            self._server = None

    def add(self, job, *statuses, client=None):
        """A job that PyBit knows, with what was reported of it so far."""
        with self._lock:
            self.jobs[str(job)] = list(statuses) or ["Waiting"]
            if client:
                self.clients[str(job)] = client

    def take(self, path, job, form, authorization):
        """The status code for one report."""
        with self._lock:
            status = form.get("status")
            self.requests.append({"path": path, "job": job, "form": form,
                                  "authorization": authorization})
            if self.answer != 200:
                return self.answer
            if self.user is not None:
                pair = f"{self.user}:{self.password}".encode()
                if authorization != "Basic " + base64.b64encode(pair).decode():
                    return 401
            if not status:
                return 400
            if not self._names(job) or status not in STATUSES:
                return 500  # its 404 cannot be reached
            self.jobs.setdefault(job, ["Waiting"]).append(status)
            if form.get("client"):
                self.clients[job] = form["client"]
            self.reports.append((job, status))
            return 200

    def _names(self, job):
        return self.jobs.get(job) or (["Waiting"] if self.known else [])

    def history(self, job):
        """What GET /job/ID/status answers, or None for 404."""
        with self._lock:
            self.asked.append(job)
            client = self.clients.get(job)  # the current one, on every row
            return [{"py/object": "pybit.models.JobHistory", "status": name, "job_id": int(job),
                     "buildclient": client, "time": "2013-04-30 11:48:53.904134"}
                    for name in self._names(job)] or None

    def cancel(self, job, publish):
        """As GET /job/ID/cancel: to the client that builds it, by publish(client), or else it is
        cancelled at once."""
        job = str(job)
        with self._lock:
            client = self.clients.get(job)
            if self._names(job)[-1] != "Building" or not client:
                self.jobs.setdefault(job, ["Waiting"]).append("Cancelled")
                return
        publish(client)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.open_sockets = set()

    def process_request(self, request, client_address):
        self.open_sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def end_connections(self):
        for one in list(self.open_sockets):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request, client_address):
        pass  # a connection cut by go_down() is no news


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept, as PyBit's server does

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        job = self.path.split("/")[2]
        authorization = self.headers.get("Authorization")
        self._send(self.server.front_end.take(self.path, job, form, authorization))

    do_POST = do_PUT

    def do_GET(self):
        front_end = self.server.front_end
        asked = re.fullmatch(r"/job/(\d+)/status", self.path)
        if not asked:
            self._send(404)
            return
        front_end.hangs.wait()
        history = front_end.history(asked[1])
        said = front_end.says.get(asked[1])
        if isinstance(said, int):
            self._send(said)
        elif said is not None:
            self._send(200, said)
        elif history is None:
            self._send(404)
        else:
            self._send(200, json.dumps(history).encode())

    def _send(self, code, body=None):
        if body is None:
            body = b"" if code == 200 else ERROR_PAGE.format(code).encode()
        self.send_response(code)
        for name, value in self.server.front_end.headers.items():
            self.send_header(name, value)
        if code == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="PyBit"')
        self.send_header("Content-Type", "text/html" if code != 200 else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
