"""What the suites of [hook:NAME] share."""

import json
import os

import rbit_suite
from rbit_suite import Suite, wait_until

TELL = ('echo "$RBIT_HOOK $RBIT_EVENT $RBIT_STATUS $RBIT_JOB_ID $RBIT_ATTEMPT $RBIT_REASON" '
        '>> {told}')


class HookSuite(Suite):
    def hook(self, runners, hooks, rbit="", **more):
        """Writes rbit.ini; each of `hooks`, by name, is the text of its section."""
        sections = "".join(f"[hook:{name}]\n{rbit_suite.unindented(text)}\n"
                           for name, text in hooks.items())
        if isinstance(runners, str):
            runners = {"build": runners}
        self.configure(runners, rbit, more=sections, **more)

    @property
    def tell(self):
        """A shell line that notes what it is told."""
        return TELL.format(told=self.path("told"))

    def told(self, name="told"):
        return self.read(name).splitlines() if os.path.exists(self.path(name)) else []

    def wait_for_told(self, *lines, name="told"):
        wait_until(lambda: len(self.told(name)) >= len(lines),
                   f"{lines} in {name}, there is {self.told(name)}")
        self.assertEqual([line.rstrip() for line in self.told(name)], list(lines))

    def reports_of(self, job, target):
        """The states of the rows of that target."""
        done = self.command("explain", self.config, str(job), "--json")
        story = json.loads(done.stdout)
        return [one["state"] for one in story["reports"] if one["target"] == target]

    def run_job(self, job=36, queue="build"):
        self.submit(queue, "col10642", job=job)
