"""A PyBit front-end for tests: takes PUT /job/ID, records it, can be away or ill."""

import base64
import http.server
import json
import socket
import threading
import urllib.parse


class FrontEnd:
    """Listens on 127.0.0.1:`port`. `reports` holds one (job, status) for each report it took, in
    the order they came; `requests` everything that came, taken or not.

    go_down() ends it with all its connections, come_up() brings it back on the same port.
    `answer` is what it says to a report: 200, or 401, 404, 500, a redirect, ...
    """

    def __init__(self, user=None, password=None):
        self.user, self.password = user, password
        self.answer = 200
        self.headers = {}
        self.known = True  # what it says of a job it was never told of: one that waits, or 404
        self.reports = []
        self.requests = []
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
        self._server = _Server(("127.0.0.1", self.port or 0), _Handler)
        self._server.front_end = self
        self.port = self._server.server_address[1]
        # A short interval, or each shutdown() takes half a second.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def go_down(self):
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.end_connections()
            self._server = None

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
            self.reports.append((job, status))
            return 200

    def history(self, job):
        """What GET /job/ID/status answers, or None for 404."""
        names = self.statuses(job) or (["Waiting"] if self.known else [])
        if not names:
            return None
        return [{"py/object": "pybit.models.JobHistory", "status": name, "job_id": int(job),
                 "buildclient": None, "time": "2013-04-30 11:48:53.904134"} for name in names]


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
        history = self.server.front_end.history(self.path.split("/")[2])
        if history is None:
            self._send(404)
        else:
            self._send(200, json.dumps(history).encode())

    def _send(self, code, body=b""):
        self.send_response(code)
        for name, value in self.server.front_end.headers.items():
            self.send_header(name, value)
        if code == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="PyBit"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
