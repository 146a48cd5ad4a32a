"""rbit submit of any message on the embedded queue: bodies, properties, many at once, replies."""

import json
import os
import subprocess
import time

import rbit_suite
from rbit_suite import Suite, wait_until

RAW = "runner = shell!cat > body.$RBIT_KEY; env > env.$RBIT_KEY\nmessage = raw\nartifacts = *.*"

class Messages(Suite):
    def setUp(self):
        super().setUp()
        show = f"runner = shell!cat > {self.path('body')}-$RBIT_KEY; env > {self.path('env')}-$RBIT_KEY"
        self.configure({"raw": show + "\nmessage = raw", "json": show + "\nmessage = json",
                        "build": "runner = shell!true"})

    def send(self, queue, *arguments, expect=0, **options):
        done = self.command("submit", self.config, "--queue", queue, *arguments, **options)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def body_of(self, key):
        with open(self.path("body-" + key), "rb") as file:
            return file.read()

    def both_ways(self):
        """Without an rbit, then with one."""
        yield "straight"
        self.start()
        yield "running"

    def test_bodies_of_any_bytes(self):
        any_bytes = bytes(range(256)) * 3
        for way in self.both_ways():
            self.send("raw", self.write("file", any_bytes), "--message-id", way + ".file")
            self.send("raw", "--body", "täxt", "--message-id", way + ".body")
            self.send("json", "--json", '{"order": 17}', "--message-id", way + ".json")
            self.send("raw", self.write("none", b""), "--message-id", way + ".none")
        for way in ("straight", "running"):
            for name, body in (("file", any_bytes), ("body", "täxt".encode()),
                               ("json", b'{"order": 17}'), ("none", b"")):
                self.wait_for_status(f"{way}.{name}", "Done")
                self.assertEqual(self.body_of(f"{way}.{name}"), body)

    def test_the_largest_body(self):
        self.start()
        body = os.urandom(4 << 20)
        self.send("raw", self.write("file", body), "--message-id", "large")
        self.wait_for_status("large", "Done")
        self.assertEqual(self.body_of("large"), body)
        done = self.send("raw", self.write("file", body + b"x"), expect=1)
        self.assertIn("more than 4 MiB", done.stderr)

    def test_headers_and_properties(self):
        for way in self.both_ways():
            self.send("json", "--json", "1", "--message-id", way, "--correlation-id", "c-1",
                      "--priority", "7", "--header", "x-kind=a=b", "--header", "x-n:=17",
                      "--header", "x-f:=true", "--type", "order")
        for way in ("straight", "running"):
            self.wait_for_status(way, "Done")
            env = self.read("env-" + way).splitlines()
            for line in ("RBIT_CORRELATION_ID=c-1", "RBIT_TYPE=order", "RBIT_HEADER_X_KIND=a=b",
                         "RBIT_HEADER_X_N=17", "RBIT_HEADER_X_F=true",
                         "RBIT_CONTENT_TYPE=application/json"):
                self.assertIn(line, env)

    def test_delay(self):
        for way in self.both_ways():
            sent = time.time()
            self.send("raw", "--body", "x", "--message-id", way, "--delay", "1500ms")
            if way == "straight":
                self.start()
            self.wait_for_status(way, "Done")
            self.assertGreater(time.time() - sent, 1.5)
            if way == "straight":
                self.rbit.stop()

    def test_many_lines(self):
        lines = self.write("lines", "".join(f'{{"n": {n}}}\n' for n in range(250)) + "\r\n[1]")
        for way in self.both_ways():
            self.assertEqual(self.send("json", "--from", lines).stdout,
                             "251 messages were sent to json\n")
        wait_until(lambda: len([name for name in os.listdir(self.directory)
                                if name.startswith("body-")]) == 502, "502 jobs")

    def test_lines_of_standard_input_are_sent_as_they_come(self):
        self.start()
        with subprocess.Popen([self.program, "submit", self.config, "--queue", "raw", "--from", "-"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as command:
            self.addCleanup(command.kill)
            for count in (1, 2):
                command.stdin.write(f"{count}\n")
                command.stdin.flush()
                self.rbit.wait_for("state is now 'Done'", count)
            command.stdin.close()
            self.assertEqual(command.stdout.read(), "2 messages were sent to raw\n")

    def test_the_first_bad_line_ends_it(self):
        lines = self.write("lines", "1\n\n2\n{\n3\n")
        for _ in self.both_ways():
            done = self.send("json", "--from", lines, expect=1)
            self.assertEqual(done.stdout, "2 messages were sent to json\n")
            self.assertIn("lines, line 4: not JSON at byte 2", done.stderr)

    def test_what_contradicts_itself(self):
        file = self.write("file", b"1")
        for arguments in (["--json", "1", "--body", "1"], ["--json", "1", file],
                          ["--from", file, file], ["--package", "p", "--json", "1"],
                          ["--json", "1", "--wait", "--reply"], ["--from", file, "--wait"],
                          ["--from", file, "--message-id", "x"], ["--from", file, "--reply"],
                          ["--json", "1", "--timeout", "3s"], ["--json", "1", "--priority", "256"],
                          ["--json", "1", "--priority", "high"], ["--json", "1", "--header", "x"],
                          ["--json", "1", "--header", "=x"], ["--json", "1", "--header", "x:=y"],
                          ["--json", "1", "--header", "x-rbit-attempt:=3"],
                          ["--json", "1", "--header", "a=1", "--header", "a=2"],
                          ["--json", "1", "--delay", "soon"], ["--json", "1", "--delay", "-1s"],
                          ["--json", "1", "--message-id", ""], []):
            with self.subTest(arguments):
                self.assertTrue(self.send("json", *arguments, expect=2).stderr)

    def test_what_the_queue_does_not_take(self):
        self.assertIn("--json: undecodable: not JSON at byte",
                      self.send("json", "--json", "{", expect=1).stderr)
        self.assertIn("--json: undecodable: not JSON at byte",
                      self.send("raw", "--json", "{", expect=1).stderr)
        self.assertIn("no PyBit build request (message = json or raw in [runner:build] takes any",
                      self.send("build", "--json", '{"order": 17}', expect=1).stderr)
        self.assertIn("takes messages of kind raw", self.send("raw", expect=2).stderr)
        self.assertIn("--package: is missing", self.send("build", expect=2).stderr)

    def test_reply(self):
        self.configure({"double": """
            runner = shell!printf '{"result": %s}\\n' $(($(cat) * 2)) >&3
            message = json
            may-publish = :double
            """, "bad": "runner = shell!exit 3\nmessage = json"})
        self.start()
        self.assertEqual(self.send("double", "--json", "21", "--reply").stdout, "42\n")
        twice = [self.send("double", "--json", number, "--reply", "--message-id", "same").stdout
                 for number in ("4", "4")]
        self.assertEqual(twice, ["8\n", "8\n"])
        failed = self.send("bad", "--json", "1", "--reply", expect=1)
        self.assertTrue(failed.stderr.startswith("Failed"), failed.stderr)

    def test_no_reply_in_time(self):
        done = self.send("json", "--json", "1", "--reply", "--timeout", "100ms", expect=75)
        self.assertIn("there is no answer after", done.stderr)

if __name__ == "__main__":
    rbit_suite.main()
