"""`rbit log`, live; the output that `submit --wait` and `try` show; `rbit retry`."""

import json
import subprocess

import rbit_suite
from job_commands import JobCommands
from rbit_suite import PATIENCE, wait_until


class Log(JobCommands):
    def follow(self, *arguments):
        output = self.path("output")
        with open(output, "w") as file, open(self.path("errors"), "w") as errors:
            process = subprocess.Popen([self.program, *arguments], cwd=self.directory,
                                       env=self.environment(), stdin=subprocess.DEVNULL, stdout=file,
                                       stderr=errors)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_it_is_followed_while_the_job_writes(self):
        one, two = self.gate("one"), self.gate("two")
        self.orders(f"runner = shell!echo first; read -r _ < {one.path}; echo second; "
                    f"read -r _ < {two.path}; printf third")
        self.send("orders", "order-17")
        one.wait_for_job()
        process = self.follow("log", self.config, "order", "-f")
        wait_until(lambda: self.read("output") == "first\n", "the first line")
        one.let_through()
        wait_until(lambda: self.read("output") == "first\nsecond\n", "the second")
        self.assertEqual(self.say("log", "order"), "first\nsecond\n")
        self.assertIsNone(process.poll())
        two.let_through()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(self.read("output"), "first\nsecond\nthird")
        # Of one that is over it prints what there is.
        self.assertEqual(self.say("log", "-f", "order"), "first\nsecond\nthird")

    def test_a_next_attempt_is_waited_for(self):
        flag = self.path("flag")
        self.orders(f"retry-delay = 1s\nrunner = shell!echo attempt $RBIT_ATTEMPT; test -e {flag} || exit 75")
        self.send("orders", "order-17")
        self.wait_for_status("order-17", "Blocked")
        process = self.follow("log", self.config, "last", "-f")
        wait_until(lambda: "attempt 2 has not begun: the job comes again at 20" in self.read("errors")
                   or "attempt 2" in self.read("output"), "the pause")
        self.write("flag", "")
        self.assertEqual(process.wait(PATIENCE), 0)
        lines = self.read("output").splitlines()
        self.assertEqual(lines[0], "attempt 1")
        self.assertEqual(lines, [f"attempt {n + 1}" for n in range(len(lines))])
        self.assertGreaterEqual(len(lines), 2)
        self.assertEqual(self.say("log", "last", "--attempt", "1"), "attempt 1\n")
        self.assertEqual(self.say("log", "last", "--attempt", "1", "-f"), "attempt 1\n")
        self.assertIn(f"has no attempt {len(lines) + 1} (the last one is {len(lines)})",
                      self.wrong("log", "last", "--attempt", str(len(lines) + 1)))
        self.assertIn("--attempt: there is none before the first",
                      self.wrong("log", "last", "--attempt", "0", expect=2))

    def test_its_path(self):
        self.orders("runner = shell!test $RBIT_KEY = quiet || echo some")
        for key in ("loud", "quiet"):
            self.send("orders", key)
            self.wait_for_status(key, "Done")
        path = wait_until(lambda: self.command("log", self.config, "loud", "--path").stdout.strip(),
                          "its log")
        with open(path) as file:
            self.assertEqual(file.read(), "some\n")
        self.assertIn("job quiet: wrote nothing", self.wrong("log", "quiet", "--path"))
        self.assertEqual(self.say("log", "quiet"), "")
        self.assertIn("job quiet, attempt 1: wrote nothing, or its log was removed",
                      self.wrong("log", "quiet", "--attempt", "1"))
        self.wrong("log", "loud", "--path", "-f", expect=2)
        self.rbit.stop()
        self.assertEqual(self.say("log", "loud", "--path").strip(), path)
        self.assertEqual(self.say("log", "loud", "-f"), "some\n")

    def test_followed_on_a_terminal_nothing_moves_the_cursor(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!printf 'a\\033[2Jb\\nrest\\033[H'; read -r _ < {gate.path}")
        self.send("orders", "one")
        gate.wait_for_job()
        process, screen = self.terminal("log", self.config, "one", "-f")
        wait_until(lambda: "a\\x1b[2Jb\n" in screen(), "a line")
        gate.let_through()
        wait_until(lambda: "rest\\x1b[H\n" in screen(), "the rest")
        process.wait(PATIENCE)
        self.assertNotIn("\x1b", screen())

    def test_one_that_outgrows_its_limit_is_followed_to_its_end(self):
        gate = self.gate("gate")
        self.orders(f"log-limit = 8KiB\nrunner = shell!i=0; while [ $i -lt 4000 ]; do echo line $i; "
                    f"i=$((i+1)); done; read -r _ < {gate.path}; echo the end")
        self.send("orders", "one")
        gate.wait_for_job()
        process = self.follow("log", self.config, "one", "-f")
        wait_until(lambda: "line 3999\n" in self.read("output"), "the last line")
        gate.let_through()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertTrue(self.read("output").endswith("line 3999\nthe end\n"), self.read("output")[-300:])

    def test_left_by_a_crash_it_ends(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!echo so far; read -r _ < {gate.path}")
        self.send("orders", "one")
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        wait_until(lambda: self.say("log", "one") == "so far\n", "its output")
        process = self.follow("log", self.config, "one", "-f")
        wait_until(lambda: self.read("output") == "so far\n", "what there is")
        self.rbit.kill()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertIn("no rbit runs: the job goes on when one is started", self.read("errors"))


class Output(JobCommands):
    def test_submit_shows_it_between_the_statuses(self):
        self.orders("retry-delay = 100ms\nrunner = shell!echo attempt $RBIT_ATTEMPT; "
                    "test $RBIT_ATTEMPT = 2 || exit 75")
        said = self.say("submit", "--queue", "orders", "--json", "{}", "--wait", "--output")
        self.assertEqual(said, "Building\nattempt 1\nBlocked exit 75: attempt 1\nBuilding\n"
                               "attempt 2\nDone\n")
        self.assertIn("--output: is about --wait (give both)",
                      self.wrong("submit", "--queue", "orders", "--json", "{}", "--output", expect=2))

    def test_submit_shows_it_as_it_comes(self):
        gate = self.gate("gate")
        self.orders(f"runner = shell!echo first; read -r _ < {gate.path}; echo second")
        with open(self.path("output"), "w") as file:
            client = subprocess.Popen([self.program, "submit", self.config, "--queue", "orders", "--json",
                                       "{}", "--wait", "--output"], cwd=self.directory,
                                      env=self.environment(), stdin=subprocess.DEVNULL, stdout=file,
                                      stderr=subprocess.DEVNULL)
        wait_until(lambda: self.read("output") == "Building\nfirst\n", "the first line")
        gate.let_through()
        self.assertEqual(client.wait(PATIENCE), 0)
        self.assertEqual(self.read("output"), "Building\nfirst\nsecond\nDone\n")

    def test_try_shows_it_as_it_comes(self):
        gate = self.gate("gate")
        self.configure({"orders": f"message = json\nrunner = shell!echo first; read -r _ < {gate.path}; "
                                  f"echo second"})
        message = self.write("message", "{}")
        with open(self.path("output"), "w") as file:
            client = subprocess.Popen([self.program, "try", self.config, "orders", message, "--output"],
                                      cwd=self.directory, env=self.environment(),
                                      stdin=subprocess.DEVNULL, stdout=file)
        wait_until(lambda: self.read("output") == "Building\nfirst\n", "the first line")
        gate.let_through()
        self.assertEqual(client.wait(PATIENCE), 0)
        self.assertEqual(self.read("output"), "Building\nfirst\nsecond\nDone\n")
        self.configure({"orders": "message = json\nrunner = shell!echo first"})
        done = self.command("try", self.config, "orders", message, "--output", "--json")
        self.assertEqual(json.loads(done.stdout)["status"], "Done")
        self.assertEqual(done.stderr, "first\n")


class Retry(JobCommands):
    def test_a_done_job_runs_again_as_a_new_one(self):
        self.orders("runner = shell!cat; echo $RBIT_KEY")
        self.send("orders", "order-17", "--header", "kind=book", text='{"order": 17}')
        self.wait_for_status("order-17", "Done")
        again = self.say("retry", "order").strip()
        self.assertRegex(again, r"^[0-9a-f-]{36}$")
        self.wait_for_status(again, "Done")
        wait_until(lambda: self.command("log", self.config, again).stdout == f'{{"order": 17}}{again}\n',
                   "its output")
        self.assertEqual(self.statuses("order-17"), ["Building", "Done"])
        said = json.loads(self.say("retry", "order-17", "--json"))
        self.assertEqual((said["queue"], said["retry_of"]), ("orders", "order-17"))
        self.wait_for_status(said["key"], "Done")

    def test_a_failed_job_takes_its_dead_letter_along(self):
        flag = self.path("flag")
        self.orders(f"runner = shell!test -e {flag}")
        self.send("orders", "order-17")
        self.wait_for_status("order-17", "Failed")
        wait_until(lambda: self.command("dead", "list", self.config).stdout, "the dead letter")
        self.write("flag", "")
        again = self.say("retry", "last").strip()
        self.wait_for_status(again, "Done")
        self.assertEqual(self.command("dead", "list", self.config).stdout, "")
        # Its letter is gone, and its message is held all the same.
        more = self.say("retry", "order-17").strip()
        self.assertNotIn(more, ("order-17", again))
        self.wait_for_status(more, "Done")

    def test_after_a_restart_of_a_done_job_nothing_is_held(self):
        self.orders("runner = shell!test $RBIT_KEY != fails")
        for key, status in (("done", "Done"), ("fails", "Failed")):
            self.send("orders", key)
            self.wait_for_status(key, status)
        wait_until(lambda: self.command("dead", "list", self.config).stdout, "the dead letter")
        self.rbit.stop()
        self.assertIn("job done: its message is not held any more (submit it again from where it came: "
                      "rbit holds those of the last 250 jobs", self.wrong("retry", "done"))
        done = self.command("retry", self.config, "fails")
        self.assertEqual(done.returncode, 0)
        self.assertIn("no rbit runs with this configuration: the job runs when one is started", done.stderr)
        self.start()
        self.wait_for_status(done.stdout.strip(), "Done")
        self.assertIn("is not held any more", self.wrong("retry", "done"))

    def test_what_is_not_over_is_not_retried(self):
        gate = self.gate("gate")
        self.orders(f"retry-delay = 1h\nrunner = shell!test $RBIT_KEY = blocks && exit 75; "
                    f"read -r _ < {gate.path}")
        self.send("orders", "blocks")
        self.wait_for_status("blocks", "Blocked")
        self.send("orders", "runs")
        gate.wait_for_job()
        self.assertIn("job runs: runs (rbit cancel stops it)", self.wrong("retry", "runs"))
        self.assertIn("job blocks: comes again by itself (rbit explain tells when)",
                      self.wrong("retry", "blocks"))
        self.say("cancel", "runs")
        self.wait_for_status("runs", "Cancelled")
        gate.end.close()
        gate.end = None
        again = wait_until(lambda: self.command("retry", self.config, "runs").stdout.strip(), "its retry")
        gate.let_through()
        self.wait_for_status(again, "Done")


if __name__ == "__main__":
    rbit_suite.main()
