"""The host of Python functions with messages of any kind, driven without rbit."""

import os
import textwrap

from host_case import PYTHON, SOURCE, HostCase

HOST = os.path.join(SOURCE, "runners", "python", "rbit_host")


class PythonCase(HostCase):
    def host(self, source, message):
        config = os.path.join(self.directory, "config")
        os.makedirs(config, exist_ok=True)
        with open(os.path.join(config, "mine.py"), "w") as file:
            file.write(textwrap.dedent(source))
        return self.start([PYTHON, "-I", "-B", HOST, "--config-dir=" + config,
                           "--message=" + message, "mine:run"])

    def ready(self, source, message="json"):
        host = self.host(source, message)
        self.assertEqual({"ready": True}, host.event(), host.log())
        return host

    def refusal(self, source, message="json"):
        host = self.host(source, message)
        event = host.event()
        self.assertIn("refused", event or {}, host.log())
        return event

    def run_once(self, source, payload="{}", message="json", settings=None, **members):
        self.setUp()
        host = self.ready(source, message)
        events = host.job(settings, payload, kind=message, **members)
        self.assertEqual(0, host.end())
        self.log = host.log()
        return events

    def value_of(self, expression, payload="{}", message="json", **members):
        """What `expression` is in a function of (body, context)."""
        events = self.run_once("import rbit\ndef run(body, context):\n    return [%s]\n"
                               % expression, payload, message, **members)
        self.assertVerdict(events, "done")
        return events[-1]["value"][0]
