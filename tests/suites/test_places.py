"""Where jobs work: a place that the next job gets if this one left nothing there; and the log,
which is there only if the job wrote something."""

import itertools
import os
import pwd

import rbit_suite
from rbit_suite import Suite, wait_until

AS_ROOT = os.geteuid() == 0
WATCHED = ("work", "slots", "logs")


class Places(Suite):
    def setUp(self):
        super().setUp()
        self.numbers = itertools.count(1)

    def serve(self, lines, rbit="slots = 1", more=""):
        self.configure({name: f"runner = shell!{line}\nmessage = raw\n{more}"
                        for name, line in lines.items()}, rbit=rbit)
        self.start()

    def do(self, queue, body="the body", status="Done"):
        """One job, to its end; gives its key."""
        key = f"key{next(self.numbers)}"
        done = self.command("submit", self.config, "--queue", queue, "--body", body,
                            "--message-id", key, "--wait")
        self.assertIn(status, done.stdout, done.stderr)
        return key

    def below(self, *names):
        """All that is there, with its number, and the times of directories: what comes or goes in
        one changes them."""
        found = {}
        for name in names or WATCHED:
            for folder, _, files in os.walk(self.path("state", name)):
                info = os.stat(folder)
                found[folder] = (info.st_ino, info.st_mtime_ns)
                for file in files:
                    path = os.path.join(folder, file)
                    found[path] = os.lstat(path).st_ino
        return found

    def roots(self):
        return sorted(os.listdir(self.path("state", "work")))

    def wait_for_roots(self, *expected):
        wait_until(lambda: self.roots() == sorted(expected), f"only {expected} in work")

    def test_a_hundred_jobs_that_leave_nothing_make_nothing(self):
        self.serve({"build": "true"})
        self.do("build")
        before = self.below()
        self.assertEqual(len([path for path in before if path.endswith("/message")]), 1)
        self.write("bodies", "".join(f"body {number}\n" for number in range(100)))
        self.command("submit", self.config, "--queue", "build", "--from", self.path("bodies"))
        wait_until(lambda: self.command("jobs", self.config, "--limit", "200", "--json").stdout
                   .count('"state":"done"') >= 101, "all of them done")
        self.assertEqual(self.below(), before)
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.roots(), [])
        self.assertEqual(os.listdir(self.path("state", "slots")), [])
        self.assertEqual(os.listdir(self.path("state", "logs", ".spare")), [])

    def test_what_a_job_uses_and_tidies_up_costs_it_nothing(self):
        self.serve({"build": 'f=$(mktemp) && cat "$RBIT_MESSAGE_FILE" > $f && cmp $f - && mkdir d '
                             '&& cp $f d/a && rm -r d $f && pwd'})
        keys = [self.do("build", "x" * size) for size in (5000, 10, 70000, 1)]
        said = {self.command("log", self.config, key).stdout for key in keys}
        self.assertEqual(len(said), 1, said)

    def test_what_a_job_leaves_is_gone_and_not_seen_by_the_next(self):
        look = 'test -z "$(ls -A . "$TMPDIR" | grep -v :)" && pwd; test -e "$RBIT_MESSAGE_FILE";'
        self.serve({"left": f"{look} echo a > .a; mkdir -p \"$TMPDIR/b/c\"", "clean": f"{look}"})
        said = [self.command("log", self.config, self.do(queue)).stdout
                for queue in ("left", "left", "clean", "left", "clean", "clean")]
        self.assertNotIn("", said)
        self.assertEqual(len(set(said)), 4, said)  # one after each that left something
        self.wait_for_roots(os.path.basename(os.path.dirname(said[-1].strip())))
        self.assertEqual(len(os.listdir(self.path("state", "slots"))), 1)

    def test_of_a_message_nothing_stays(self):
        self.serve({"build": "true"})
        self.do("build", "a secret")
        for path in self.below("work"):
            if path.endswith("/message"):
                self.assertEqual(os.stat(path).st_size, 0)

    def test_as_another_user(self):
        if not AS_ROOT:
            self.skipTest("only root can run jobs as somebody else")
        self.let_everybody_run_it()
        work = self.path("work")
        self.serve({"build": "id -un; pwd; grep -q body \"$RBIT_MESSAGE_FILE\"",
                    "left": "id -un; pwd; chmod 777 ."},
                   rbit=f"slots = 1\nwork-dir = {work}", more="user = nobody\n")
        name = pwd.getpwnam("nobody").pw_name
        said = [self.command("log", self.config, self.do(queue)).stdout
                for queue in ("build", "build", "left", "build")]
        self.assertTrue(all(text.startswith(name + "\n") for text in said), said)
        self.assertEqual([text == said[0] for text in said], [True, True, True, False])
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(os.listdir(work), [])

    def test_what_is_kept_has_the_name_of_its_attempt(self):
        self.serve({"build": 'pwd; echo a > file; echo b > "$TMPDIR/tmp"'},
                   more="keep-work = yes\n")
        keys = [self.do("build", f"body {number}") for number in range(2)]
        self.assertEqual(self.roots(), sorted(f"build+{key}-1" for key in keys))
        for number, key in enumerate(keys):
            root = ("state", "work", f"build+{key}-1")
            self.assertEqual(self.read(*root, "work", "file"), "a\n")
            self.assertEqual(self.read(*root, "tmp", "tmp"), "b\n")
            self.assertEqual(self.read(*root, "message"), f"body {number}")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(len(self.roots()), 2)

    def killed_in_a_job(self, more=""):
        """rbit is, and has a place that waits and one that is in use."""
        gate = self.gate("gate")
        self.configure({"build": "message = raw\ngrace = 1s\n"
                                 f"runner = shell!echo a > file; read -r _ < {gate.path}\n{more}",
                        "quick": "message = raw\nrunner = shell!true"}, rbit="slots = 3")
        self.start()
        self.do("quick")
        self.command("submit", self.config, "--queue", "build", "--body", "x")
        gate.wait_for_job()
        self.do("quick")
        self.assertEqual(len([name for name in self.roots() if name.startswith("slot-")]), 2)
        self.rbit.kill()
        gate.end.close()
        gate.end = None
        return gate

    def test_the_next_start_removes_what_a_killed_one_left(self):
        gate = self.killed_in_a_job()
        os.mkdir(self.path("state", "work", "somebodys"))
        before = self.roots()
        self.assertEqual(len(before), 3)
        self.start()
        gate.wait_for_job()
        gate.let_through()
        wait_until(lambda: not set(self.roots()) & set(before) - {"somebodys"}, "places gone")
        self.do("quick")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.roots(), ["somebodys"])
        self.assertEqual(os.listdir(self.path("state", "slots")), [])
        self.assertEqual(os.listdir(self.path("state", "logs", ".spare")), [])

    def test_the_next_start_keeps_what_is_to_be_kept(self):
        gate = self.killed_in_a_job("keep-work = yes\n")
        self.start()
        gate.wait_for_job()
        gate.let_through()
        wait_until(lambda: not any(name.startswith("slot-") for name in self.roots()),
                   "names that tell")
        kept = [name for name in self.roots() if name.startswith("build+")]
        self.assertTrue(kept)
        self.assertEqual(self.read("state", "work", kept[0], "work", "file"), "a\n")

    def test_a_job_without_output_has_no_log(self):
        gate = self.gate("gate")
        self.serve({"silent": "true", "loud": "echo out", "late": f"read -r _ < {gate.path}"})
        silent, loud = self.do("silent"), self.do("loud")
        told = self.command("log", self.config, silent)
        self.assertEqual((told.stdout, told.stderr), ("", f"job {silent} wrote nothing\n"))
        self.assertEqual(self.command("log", self.config, loud).stdout, "out\n")
        self.assertNotIn("output:", self.command("explain", self.config, silent).stdout)
        self.assertEqual(sorted(os.listdir(self.path("state", "logs"))), [".spare", "loud"])
        self.command("submit", self.config, "--queue", "late", "--body", "x", "--message-id", "l8")
        gate.wait_for_job()
        told = self.command("log", self.config, "l8")
        self.assertEqual((told.stdout, told.stderr), ("", "job l8 has written nothing yet\n"))
        gate.let_through()


if __name__ == "__main__":
    rbit_suite.main()
