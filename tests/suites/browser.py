"""A headless Chromium, driven over two pipes (its DevTools protocol): no package beside Debian's
chromium-headless-shell."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

import rbit_suite

PROGRAM = shutil.which("chromium-headless-shell")
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), " ": (32, " ")}


class Browser:
    """One page. `requests` are the addresses that it asked for, `errors` what its console said."""

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="rbit-browser.")
        there, ours = os.pipe()   # what it reads as 3
        back, theirs = os.pipe()  # what it writes as 4
        command = [PROGRAM, "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
                   "--disable-dev-shm-usage", "--disable-background-networking", "--no-sandbox",
                   "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-GB",
                   f"--user-data-dir={self.home}", "about:blank"]
        # 3 and 4 as Chromium wants them; ours may be these, so both go up first.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in (there, theirs)]
        shell = f"exec 3<&{high[0]} 4>&{high[1]} {high[0]}<&- {high[1]}>&-; exec \"$@\""
        self.process = subprocess.Popen(["bash", "-c", shell, "bash", *command],
                                        pass_fds=high, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": self.home, "TZ": "UTC"})
        for end in (there, theirs, *high):
            os.close(end)
        self.to, self.back = ours, back
        self.read, self.number, self.session = b"", 0, None
        self.requests, self.errors = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        os.close(self.to)
        self.process.kill()
        self.process.wait()
        os.close(self.back)
        # Its children end a moment later, and write there until then.
        rbit_suite.wait_until(lambda: shutil.rmtree(self.home, ignore_errors=True) or not
                              os.path.exists(self.home), f"{self.home} to go")

    # ---- the protocol

    def _receive(self, end):
        while b"\0" not in self.read:
            ready, _, _ = select.select([self.back], [], [], max(0, end - time.monotonic()))
            if not ready:
                return None
            bytes_ = os.read(self.back, 1 << 16)
            if not bytes_:
                raise AssertionError("the browser has ended")
            self.read += bytes_
        line, _, self.read = self.read.partition(b"\0")
        message = json.loads(line)
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(params["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        return message

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + rbit_suite.PATIENCE
        while True:
            answer = self._receive(end)
            if answer is None:
                raise AssertionError(f"the browser does not answer {method}")
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def listen(self, seconds):
        """Hears what happens meanwhile."""
        end = time.monotonic() + seconds
        while self._receive(end) is not None:
            pass

    # ---- what a user does

    def open(self, address):
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def do(self, script):
        """What an expression gives."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                           returnByValue=True, userGesture=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, script, what=None):
        def holds():
            try:
                return self.do(script)
            except AssertionError as error:  # between two documents
                if "Cannot find context" in str(error) or "navigat" in str(error):
                    return None
                raise
        return rbit_suite.wait_until(holds, what or script)

    def text(self, selector):
        return self.do(f"(document.querySelector({json.dumps(selector)}) || {{}}).innerText || ''")

    def until_text(self, selector, text):
        rbit_suite.wait_until(lambda: text in self.text(selector), f"{text!r} in {selector}")

    def click(self, selector):
        """It may come with the next change."""
        self.until(f"!!document.querySelector({json.dumps(selector)})")
        self.do(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, key, shift=False):
        code, text = KEYS[key]
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code="Space" if key == " " else key,
                      windowsVirtualKeyCode=code, modifiers=8 if shift else 0, **more)

    def look(self, width, height=800, dark=False):
        """As a screen of that size has it, in that scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])

    def picture(self, path, whole=True):
        """Writes a PNG of the page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
