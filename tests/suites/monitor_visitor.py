"""Asks a running rbit over HTTP."""

import re
import urllib.error
import urllib.request

from rbit_suite import wait_until


class MonitorVisitor:
    """Of a suite that sets `port` to that of `[monitor] listen`."""

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def sample(self, name, **labels):
        """The value of a series, by all of its labels; None if it is not there."""
        inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        line = re.escape(name + (f"{{{inner}}}" if inner else ""))
        found = re.search(rf"(?m)^{line} (.*)$", self.get("/metrics")[1])
        return found and float(found[1])

    def wait_for_sample(self, value, name, **labels):
        wait_until(lambda: self.sample(name, **labels) == value, f"{name} {labels} to be {value}")

    def wait_until_ready(self):
        wait_until(lambda: self.get("/ready")[0] == 200, "/ready")

    def wait_for_reason(self, text):
        """Until /ready says so."""
        return wait_until(lambda: (lambda now: now if text in now[1] else None)(
            self.get("/ready")), f"/ready to say {text}")
