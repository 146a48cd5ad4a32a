"""rbit submit --from on the embedded queue, to an rbit that takes many at once, and to one that ends
or is older. What runs is played: it says what rbit would."""

import fcntl
import json
import os
import socket
import subprocess

import rbit_suite
from local_queue import LocalQueue

LINES = [f'{{"n": {n}}}' for n in range(5)]
UNKNOWN = {"thing": "control socket", "reason": "no such request",
           "cure": "use an rbit of the same version"}


class Lines(LocalQueue):
    def setUp(self):
        super().setUp()
        runner = f"runner = shell!(cat; echo) >> {self.path('runs')}\nmessage = json"
        self.configure({"json": runner}, rbit="slots = 1")  # one after the other
        self.start()
        self.assertEqual(self.rbit.stop(), 0)
        self.listen()

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.settimeout(rbit_suite.PATIENCE)
        self.listener.bind(self.path("state", "control.sock"))
        self.listener.listen()

    def submit(self):
        return subprocess.Popen(
            [self.program, "submit", self.config, "--queue", "json", "--from",
             self.write("lines", "\n".join(LINES))], text=True, env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def answer(self, say):
        """Takes one connection: `say(request)` gives the answer, or None. The request."""
        client, _ = self.listener.accept()
        with client, client.makefile("rb") as lines:
            request = json.loads(lines.readline())
            line = say(request)
            if line is not None:
                client.sendall(json.dumps(line).encode() + b"\n")
        return request

    def assert_sent(self, command, count, code=0):
        said, wrong = command.communicate(timeout=60)
        self.assertEqual((command.returncode, said),
                         (code, f"{count} messages were sent to json\n"), wrong)
        return wrong

    def test_they_go_in_one_request_and_one_commit(self):
        command = self.submit()
        request = self.answer(lambda request: {"ok": True, "taken": len(request["messages"])})
        self.assert_sent(command, 5)
        self.assertEqual(request["do"], "submit_many")
        self.assertEqual([one["body"] for one in request["messages"]], LINES)

    def test_what_is_refused_is_said_and_the_others_count(self):
        command = self.submit()
        self.answer(lambda _: {"ok": True, "taken": 3,
                               "refused": {"thing": "a", "reason": "is no b", "cure": "be one"}})
        self.assertIn("a is no b", self.assert_sent(command, 3, code=1).replace(":", ""))

    def test_an_older_rbit_takes_one_at_a_time(self):
        command = self.submit()
        self.answer(lambda _: {"error": UNKNOWN})
        taken = [self.answer(lambda request: {"ok": True, "key": request["message_id"]})
                 for _ in LINES]
        self.assert_sent(command, 5)
        self.assertEqual([(one["do"], one["again"], one["body"]) for one in taken],
                         [("submit", False, line) for line in LINES])

    def cut_off(self, takes):
        """It ends before it has answered, and has taken so many of them."""
        command = self.submit()

        def say(request):
            os.unlink(self.path("state", "control.sock"))
            self.put_messages(("json", one["properties"], one["body"].encode())
                              for one in request["messages"][:takes])
        self.answer(say)
        self.assert_sent(command, 5)
        self.start()
        rbit_suite.wait_until(lambda: len(self.rbit.lines_with("'Done'")) == 5, "the jobs")
        self.assertEqual(self.rbit.stop(), 0)
        with self.database() as database:
            self.assertEqual(database.execute("SELECT count(*) FROM message").fetchone(), (0,))
        self.assertEqual(self.read("runs").splitlines(), LINES)

    def test_what_one_that_ends_had_taken_is_not_sent_again(self):
        for takes in (0, 2, 5):
            with self.subTest(takes):
                self.cut_off(takes)
                os.unlink(self.path("runs"))
                self.listen()

    def test_another_one_is_asked_for_what_the_first_had_taken(self):
        lock = open(self.path("state", "lock"))
        self.addCleanup(lock.close)
        fcntl.flock(lock, fcntl.LOCK_EX)  # it starts: the file is not for others
        command = self.submit()
        self.answer(lambda _: None)
        asked = [self.answer(lambda _: {"ok": True}) for _ in range(2)]  # it has these
        asked.append(self.answer(lambda request: {"ok": True, "key": request["message_id"]}))
        rest = self.answer(lambda request: {"ok": True, "taken": len(request["messages"])})
        self.assert_sent(command, 5)
        self.assertEqual([(one["again"], one["body"]) for one in asked],
                         [(True, line) for line in LINES[:3]])
        self.assertEqual([one["body"] for one in rest["messages"]], LINES[3:])


if __name__ == "__main__":
    rbit_suite.main()
