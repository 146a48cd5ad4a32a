"""Nasty children: whatever a job does, it ends within grace + 6 s of its
limit, with the right verdict and word, and nothing of it lives on.

Each fixture is a runner. All run at once on one rbit, RBIT_CHILDREN_EACH times each (3; 50 is the
long run).
"""

import json
import os
import re
import textwrap

import rbit_suite
from pybit_messages import build_request
from rbit_suite import Suite, processes_of, wait_until

EACH = int(os.environ.get("RBIT_CHILDREN_EACH", "3"))
GRACE = 1
LIMIT = 1.5  # the timeout of those that would not end
OVERTIME = 6  # what the end of a job may take beside its limit and grace, on a quiet machine
# This machine may be slow, and run other tests beside this one.
PATIENCE_FACTOR = float(os.environ.get("RBIT_CHILDREN_SLOW", "8"))
MOVES_CURSOR = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
AS_ROOT = os.geteuid() == 0

# name: (script of /bin/sh, more keys, state, outcome, reason)
DONE = ("done", "done", "")
LATE = ("failed", "timed-out", "timeout")
OUTPUT = ("failed", "failed", "output")


def ended(reason):
    return ("failed", "crashed" if reason.startswith(("signal", "plugin", "memory")) else "failed",
            reason)


SHELL = {
    "ignores-term": ("trap '' TERM HUP INT; while :; do sleep 0.1; done", "timeout = 1500ms", LATE),
    "stops-itself": ("kill -STOP $$", "timeout = 1500ms", LATE),
    "ignores-and-stops": ("trap '' TERM; kill -STOP $$; kill -STOP $$; sleep 100",
                          "timeout = 1500ms", LATE),
    "late-handler": ("trap 'sleep 30; exit 0' TERM; while :; do sleep 0.1; done",
                     "timeout = 1500ms", LATE),
    "exit-0-after-term": ("trap 'exit 0' TERM; while :; do sleep 0.1; done", "timeout = 1500ms",
                          LATE),
    "silent": ("sleep 1000", "idle-timeout = 1500ms", ("failed", "timed-out", "idle")),
    "daemon": ("(setsid sh -c 'sleep 1000 & sleep 1000' &); exit 3", "", ended("exit 3")),
    "daemon-ignores-all": ("(setsid sh -c 'trap \"\" TERM HUP INT QUIT; sleep 1000; sleep 1000' &)",
                           "", DONE),
    "daemon-of-late": ("(setsid sh -c 'sleep 1000 & sleep 1000' &); sleep 1000",
                       "timeout = 1500ms", LATE),
    "holds-stdout": ("sleep 1000 & exit 0", "", DONE),
    "floods-after-its-end": ("yes & exit 5", "", ended("exit 5")),
    "closes-stdout": ("exec 1>&- 2>&-; sleep 0.2; exit 4", "", ended("exit 4")),
    "closes-all": ("exec 0<&- 1>&- 2>&- 3>&-; sleep 1000", "timeout = 1500ms", LATE),
    "fork-chasers": ("exec /usr/bin/python3 '{directory}/scripts/chasers.py'", "", DONE),
    "1-gib": ("head -c 1200000000 /dev/zero", "", DONE),
    "1-gib-on-3": ("head -c 1200000000 /dev/zero >&3", "", DONE),
    "more-than-allowed": ("head -c 3000000 /dev/zero; sleep 60", "output-limit = 1M", OUTPUT),
    "more-than-kept": ("yes; exit 0", "output-limit = 3M\nlog-limit = 4K", OUTPUT),
    "as-much-as-allowed": ("head -c 1048576 /dev/zero", "output-limit = 1M", DONE),
    "more-on-3": ("head -c 3000000 /dev/zero >&3; sleep 60", "output-limit = 1M", OUTPUT),
    "100-mb-line": ("head -c 100000000 /dev/zero | tr '\\0' x", "log-limit = 1M", DONE),
    "binary": ("head -c 3000000 /dev/urandom; exit 6", "log-limit = 1M", ended("exit 6")),
    "odd-text": ("printf '\\033[2J\\033]0;x\\007\\r\\n\\000\\377\\n'; exit 7", "", ended("exit 7")),
    "garbage-on-3": ("head -c 3000000 /dev/urandom >&3; yes '{' | head -n 10000 >&3", "", DONE),
    "no-such-command": ("true; /nonexistent/program", "", ended("exit 127")),
    "not-executable": ("true; /etc/passwd", "", ended("exit 126")),
    "bad-interpreter": ("printf '#!/nonexistent/x\\n' > x; chmod +x x; exec ./x", "",
                        ended("exit 127")),
    "cwd-gone": ("rm -rf \"$PWD\"; (setsid sleep 1000 &) ; exit 0", "", DONE),
    "cwd-locked": ("mkdir -p a/b; touch a/b/c; chmod 000 a/b a; chmod 000 .; exit 8", "",
                   ended("exit 8")),
    "stdin-unread": ("exit 0", "", DONE),
    "stdin-half-read": ("head -c 100000 >/dev/null; exit 9", "", ended("exit 9")),
    "kills-itself": ("kill -KILL $$", "", ended("signal KILL")),
    "kills-its-group": ("sleep 1000 & kill -KILL 0", "", ended("signal KILL")),
    "segv": ("(setsid sleep 1000 &); kill -SEGV $$", "", ended("signal SEGV")),
    "exit-137": ("exit 137", "", ended("exit 137")),
    "kills-its-leader": ("(setsid sleep 1000 &); kill -KILL $PPID; sleep 1000", "",
                         ended("signal KILL")),
    "stops-its-leader": ("(setsid sleep 1000 &); kill -STOP $PPID; sleep 1000", "",
                         ended("signal KILL")),
    "stops-its-leader-and-ends": ("kill -STOP $PPID", "timeout = 1500ms", ended("signal KILL")),
    # A shell that lists its descriptors has one more for that.
    "four-descriptors": ("""cd /proc/$$/fd; test -e 0 -a -e 1 -a -e 2 -a -e 3 || exit 1
for n in 4 5 6 7 8 9 10 11 12 20 63 255; do test -e $n && exit 2; done
while read -r name value; do case $name in
SigIgn:|SigBlk:) test $value = 0000000000000000 || exit 3;; esac; done </proc/$$/status""", "",
                         DONE),
}

# Bodies of functions in Python: `die` makes a child that marks itself and sleeps.
PYTHON = {
    "py-zombies": ("""
        for i in range(50):
            if os.fork() == 0:
                os._exit(0)
        """, "", DONE),
    "py-daemon": ("""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                sleep()
            os._exit(0)
        """, "", DONE),
    "py-ignores-term": ("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sleep()
        """, "timeout = 1500ms", LATE),
    "py-stops-itself": ("os.kill(os.getpid(), signal.SIGSTOP)\nsleep()", "timeout = 1500ms", LATE),
    "py-exits": ("child()\nos._exit(3)", "", ended("plugin-crash")),
    "py-closes-all": ("os.closerange(0, 1000)\nos._exit(0)", "", ended("plugin-crash")),
    "py-half-an-event": ("""os.write(3, b'{"artifact": ')""", "timeout = 20s", DONE),
    "py-reopens-3": ("os.closerange(3, 1000)\nfor i in range(100): os.open('/dev/null', os.O_RDONLY)",
                     "timeout = 20s", ended("plugin-crash")),
    "py-100-mb-line": ("os.write(1, b'')\nfor i in range(100): sys.stdout.write('x' * 1000000)",
                       "log-limit = 1M", DONE),
    "py-raises": ("child()\nraise RuntimeError('\\033[2J odd')", "", ("failed", "failed", "failed")),
    "py-threads": ("""
        threading.Thread(target=sleep, daemon=True).start()
        child()
        """, "", DONE),
}

PLUGIN = {
    "hangs": ("hangs", "timeout = 1500ms", LATE),
    "plugin-segv": ("segv", "", ended("plugin-crash")),
    "plugin-exits": ("exit3", "", ended("plugin-crash")),
    "plugin-leaks": ("leak", "", DONE),
    "plugin-half-an-event": ("half_an_event", "timeout = 20s", DONE),
    "plugin-closes-3": ("closes_3", "timeout = 20s", DONE),
    "plugin-closes-all": ("closes_all", "timeout = 20s", ended("plugin-crash")),
}

MODULE = """
import os, signal, sys, threading, time


def sleep():
    time.sleep(1000)


def child():
    if os.fork() == 0:
        os.setsid()
        sleep()

"""

# Forks until it is refused, then waits. The limit counts all processes of its user.
FORK_BOMB = """
import os, time
refused = 0
children = 0
while refused < 20:
    try:
        if os.fork() == 0:
            time.sleep(1000)
        children += 1
    except BlockingIOError:
        refused += 1
print("refused after", children, flush=True)
assert 20 < children <= 200, children
time.sleep(1000)
"""


# Processes that are never the same for long: each forks and ends, in a session of its own.
CHASERS = """
import os, time
for i in range(8):
    if os.fork() == 0:
        os.setsid()
        while True:
            if os.fork():
                os._exit(0)
time.sleep(0.2)
"""


class Children(Suite):
    def setUp(self):
        super().setUp()
        os.chmod(self.directory, 0o711)  # the fork bomb runs as somebody else

    def runners(self):
        """INI text by runner, and what is expected of it."""
        texts, expected = {}, {}

        def add(name, line, more, verdict):
            texts[name] = f"runner = {line}\ngrace = {GRACE}s\nattempts = 1\n{more}"
            expected[name] = verdict

        os.mkdir(self.path("scripts"), 0o755)
        self.write("scripts/chasers.py", CHASERS)
        for name, (script, more, verdict) in SHELL.items():
            if name.endswith(("-its-leader", "-its-leader-and-ends")) and not AS_ROOT:
                continue
            script = script.replace("{directory}", self.directory)
            add(name, "shell!" + script.replace("\n", "\n    "), more, verdict)
        functions = MODULE
        for name, (body, more, verdict) in PYTHON.items():
            function = name.replace("-", "_")
            body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
            functions += (f"def {function}(build_request, settings):\n"
                          f"    os.environ['RBIT_JOB_ID'] = build_request.get_package()\n"
                          f"{body}\n\n\n")
            add(name, f"python!children:{function}", more, verdict)
        self.write("children.py", functions)
        library = os.path.join(rbit_suite.BINARY_DIR, "tests", "libnaughty.so")
        if os.path.exists(library):
            for name, (entry, more, verdict) in PLUGIN.items():
                add(name, f"plugin!{library}:{entry}", more, verdict)
        if AS_ROOT:
            bomb = self.write("scripts/bomb.py", FORK_BOMB)
            os.chmod(bomb, 0o755)
            add("fork-bomb", f"shell!exec /usr/bin/python3 {bomb}",
                "timeout = 6s\nmax-processes = 200\nuser = nobody\nslots = 1", LATE)
        return texts, expected

    def test_each_ends_in_time_with_the_right_word_and_leaves_nothing(self):
        texts, expected = self.runners()
        work = f"work-dir = {self.path('work')}\nslots = 8"
        self.configure(texts, rbit=work)
        self.start()
        large = build_request(package="large", job=0) + b" " * (4 * 1024 * 1024 - 4096)
        jobs = {}
        for turn in range(EACH):
            for name in expected:
                number = len(jobs) + 1
                jobs[number] = name
                if name.startswith("stdin"):
                    body = large.replace(b'"id": 0,', b'"id": %d,' % number)
                    self.submit(name, file=self.write("message", body))
                else:
                    self.submit(name, f"p{number}", job=number)
        for number in jobs:
            wait_until(lambda: self.is_over(number), f"the end of job {number}, {jobs[number]}",
                       patience=60 + 20 * EACH)

        trouble = []
        for number, name in jobs.items():
            story = json.loads(self.command("explain", self.config, str(number), "--json").stdout)
            attempt = story["attempts"][-1]
            found = (story["state"], attempt["outcome"], attempt["reason"])
            if found != expected[name]:
                trouble.append(f"{name}: {found}, not {expected[name]}: {story['message']}")
            # To write that much is not what is measured.
            limit = {"fork-bomb": 6, "1-gib": 10, "1-gib-on-3": 10, "100-mb-line": 10, "py-100-mb-line": 10}.get(
                name, LIMIT if "timed-out" in expected[name] else 0)
            took = attempt["wall_us"] / 1e6
            if took > limit + GRACE + OVERTIME * PATIENCE_FACTOR:
                trouble.append(f"{name} took {took:.1f} s")
            if len(story["attempts"]) != 1:
                trouble.append(f"{name} was tried {len(story['attempts'])} times")
            # Another test beside this one may have a job of the same number.
            ours = set(processes_of(os.path.basename(self.directory)))
            left = (ours.intersection(processes_of(f"RBIT_JOB_ID={number}\0")) |
                    set(processes_of(f"RBIT_JOB_ID=p{number}\0")))
            if left:
                trouble.append(f"{name} left {left}")
            if not attempt["log_kept"]:
                if attempt["output_bytes"]:
                    trouble.append(f"{name} has no log")
            elif os.path.getsize(attempt["log"]) > 17 << 20:
                trouble.append(f"{name} has a log of {os.path.getsize(attempt['log'])} bytes")
        self.assertFalse(trouble, "\n".join(trouble))
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(os.listdir(self.path("work")), [])
        for line in self.rbit.log.split("\n"):  # whatever they wrote: one record, one line
            self.assertIsNone(MOVES_CURSOR.search(line), line)

    def is_over(self, number):
        return any(status in ("Done", "Failed") for status in self.statuses(number))


class Unkillable(Suite):
    """A process in a frozen group (v1) does not even hear SIGKILL."""

    def test_it_is_told_and_the_rest_goes_on(self):
        freezer = f"/sys/fs/cgroup/freezer/rbit-test-{os.getpid()}"
        try:
            os.mkdir(freezer)
        except OSError as error:
            self.skipTest(f"no freezer to make a process unkillable with: {error}")
        state = os.path.join(freezer, "freezer.state")
        if not os.path.exists(state):
            os.rmdir(freezer)
            self.skipTest("no freezer (v1) here")
        self.addCleanup(os.rmdir, freezer)
        self.configure({"stuck": f"runner = shell!echo $$ > {freezer}/cgroup.procs; echo FROZEN > "
                                 f"{state}; sleep 1000\ntimeout = 500ms\ngrace = 0\nattempts = 1",
                        "quick": "runner = shell!true"}, rbit="slots = 2")
        self.start()
        self.submit("stuck", "col1", job=1)
        try:
            self.rbit.wait_for("cannot be killed")
            self.assertIn("job ", self.rbit.lines_with("cannot be killed")[0])
            self.submit("quick", "col2", job=2, wait=True)
            self.assertEqual(self.statuses(1), ["Building"])  # and its slot stays taken
        finally:
            with open(state, "w") as file:
                file.write("THAWED")
        self.assert_statuses(1, "Building", "Failed")
        self.assertEqual(self.rbit.stop(), 0)
        wait_until(lambda: not rbit_suite.readable(f"{freezer}/cgroup.procs"), "an empty group")


if __name__ == "__main__":
    rbit_suite.main()
