"""What the suites of commands about jobs share: an rbit with a queue `orders`, and terminals."""

import json
import os
import pty
import select
import subprocess

from local_queue import LocalQueue
from rbit_suite import unindented, wait_until


class JobCommands(LocalQueue):
    def say(self, *arguments, expect=0):
        done = self.command(arguments[0], self.config, *arguments[1:])
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def wrong(self, *arguments, expect=1):
        done = self.command(arguments[0], self.config, *arguments[1:])
        self.assertEqual((done.returncode, done.stdout), (expect, ""), done.stderr)
        return done.stderr

    def waiting(self):
        """Of queue orders: what waits, and what is to come at its time."""
        [one] = json.loads(self.say("status", "--json"))["queues"]
        return one["waiting"], one["due"]

    def listed(self, *options):
        return [json.loads(line) for line in self.say("jobs", "--json", *options).splitlines()]

    def names(self, *options):
        return [one["name"] for one in self.listed(*options)]

    def send(self, queue, key, *options, text="{}"):
        self.say("submit", "--queue", queue, "--message-id", key, "--json", text, *options)

    def orders(self, text, rbit="", more=""):
        self.configure({"orders": f"message = json\n{unindented(text)}"}, rbit=rbit, more=more)
        self.start()

    def terminal(self, *arguments, columns=120, environment=None):
        """The command with a terminal for its output; a function that gives what is there so far."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        subprocess.run(["stty", "cols", str(columns), "rows", "30", "-opost"], stdin=theirs, check=True)
        process = subprocess.Popen([self.program, *arguments], cwd=self.directory,
                                   env=environment or self.environment(TERM="xterm"),
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        shown = b""

        def screen():
            nonlocal shown
            if select.select([ours], [], [], 0)[0]:
                try:
                    shown += os.read(ours, 1 << 16)
                except OSError:
                    pass  # nobody has the other end
            return shown.decode()
        return process, screen

    def on_terminal(self, *arguments, **options):
        process, screen = self.terminal(*arguments, **options)

        def is_over():
            screen()
            return process.poll() is not None
        wait_until(is_over, "its end")
        screen()
        return screen()
