"""Messages that are no build requests: what their jobs are told, and what becomes of those that a
runner does not take, on the embedded queue."""

import json
import os
import signal

import rbit_suite
import record_file
from local_queue import LocalQueue

ODD_BODIES = {"none": b"", "a NUL": b"\0", "binary": bytes(range(256)) * 40, "no UTF-8": b"\xff\xfe",
              "a line": b"hello\n", "JSON": b' {"a": 1}\n'}


class AnyMessage(LocalQueue):
    def send(self, queue, *messages):
        """Puts (message id, body[, properties]) there while no rbit runs, then starts one."""
        if not self.rbits:  # an idle one makes the database
            self.start()
            self.assertEqual(self.rbit.stop(), 0)
        rows = []
        for key, body, *more in messages:
            properties = {"message_id": key, **(more[0] if more else {})}
            rows.append((queue, json.dumps(properties), body))
        self.put_messages(rows)
        self.start()

    def told(self, name):
        with open(self.path("told", name), "rb") as file:
            return file.read()

    def make_told(self):
        os.mkdir(self.path("told"))
        return self.path("told")

    def reasons(self):
        self.assertEqual(self.rbit.stop(), 0)
        return [reason for _, reason, *_ in self.dead()]


class Facts(AnyMessage):
    def test_a_plain_order_in_six_lines(self):
        # The first file of the README; only the broker is another.
        self.configure_text("[rbit]\nqueue-mappings = work:orders\nstate-dir = state\n"
                            "[amqp]\nurl = local:\n"
                            "[runner:orders]\nmessage = json\n"
                            f"runner = shell!echo order %{{/order}} > {self.path('seen')}\n")
        self.send("work", ("one", b'{"order": 17}'))
        self.wait_for_status("one", "Done")
        self.assertEqual(self.read("seen"), "order 17\n")
        self.assertEqual(self.rbit.stop(), 0)

    def test_what_a_json_job_is_told(self):
        told = self.make_told()
        self.configure({"work": f"""
            message = json
            runner = shell!env -0 > {told}/env; cat > {told}/body; cp "$RBIT_MESSAGE_FILE" {told}/file;
                printf '%s|' %{{/order/id}} "<%{{/order/items}}>" %{{/none}} %{{header:x-kind}} %{{key}} \
                    %{{queue}} %{{routing-key}} > {told}/line
            """})
        body = b' {"order": {"id": 17, "items": [1, {"a": null}]}, "who": "A \\u0026 B", "no": null}\n'
        self.send("work", ("one", body, {
            "exchange": "shop", "routing_key": "order.new", "correlation_id": "c1",
            "reply_to": "answers", "type": "order", "app_id": "web", "priority": 3,
            "content_type": "application/json", "timestamp": 1700000000,
            "headers": [["x-kind", "big one"], ["n", 5], ["yes", True]]}))
        self.wait_for_status("one", "Done")
        self.assertEqual(self.told("body"), body)
        self.assertEqual(self.told("file"), body)
        self.assertEqual(self.told("line").decode(),
                         '17|<[1,{"a":null}]>||big one|one|work|order.new|')
        told = dict(one.split("=", 1) for one in self.told("env").decode().split("\0") if one)
        expected = {
            "RBIT_KEY": "one", "RBIT_QUEUE": "work", "RBIT_RUNNER": "work", "RBIT_ATTEMPT": "1",
            "RBIT_MESSAGE_KIND": "json", "RBIT_EXCHANGE": "shop", "RBIT_ROUTING_KEY": "order.new",
            "RBIT_CORRELATION_ID": "c1", "RBIT_REPLY_TO": "answers", "RBIT_TYPE": "order",
            "RBIT_APP_ID": "web", "RBIT_PRIORITY": "3", "RBIT_CONTENT_TYPE": "application/json",
            "RBIT_MESSAGE_ID": "one", "RBIT_MESSAGE_TIMESTAMP": "1700000000",
            "RBIT_HEADER_X_KIND": "big one", "RBIT_HEADER_N": "5", "RBIT_HEADER_YES": "true",
            "RBIT_BODY_WHO": "A & B", "RBIT_BODY_NO": ""}
        self.assertEqual({name: told.get(name) for name in expected}, expected)
        for name in ("RBIT_PACKAGE", "RBIT_JOB_ID", "RBIT_BODY_ORDER", "RBIT_LEFT_OUT"):
            self.assertNotIn(name, told)
        self.assertEqual(self.rbit.stop(), 0)

    def test_raw_bodies_arrive_byte_for_byte(self):
        told = self.make_told()
        self.configure({"work": f"message = raw\nrunner = shell!cat > {told}/%{{key}}.in; "
                                f"cp \"$RBIT_MESSAGE_FILE\" {told}/%{{key}}.file; "
                                f"test -s \"$RBIT_MESSAGE_FILE\" || touch {told}/%{{key}}.empty"})
        names = {f"k{number}": body for number, body in enumerate(ODD_BODIES.values())}
        self.send("work", *[(key, body, {"content_encoding": "gzip"}) for key, body in names.items()])
        for key in names:
            self.wait_for_status(key, "Done")
        for key, body in names.items():
            self.assertEqual(self.told(f"{key}.in"), body)
            self.assertEqual(self.told(f"{key}.file"), body)
            self.assertEqual(os.path.exists(self.path("told", f"{key}.empty")), not body)
        self.assertEqual(self.reasons(), [])

    def test_a_job_that_is_tried_again_has_the_same_facts(self):
        self.configure({"work": f"message = json\nretry-delay = 10ms\nrunner = shell!"
                                f"echo %{{/a/0}} %{{header:h}} $RBIT_BODY_B $RBIT_ATTEMPT >> "
                                f"{self.path('seen')}; [ $RBIT_ATTEMPT = 3 ] || exit 75"})
        self.send("work", ("one", b'{"a": ["x"], "b": 2}', {"headers": [["h", "y"]]}))
        self.wait_for_status("one", "Done")
        self.assertEqual(self.read("seen"), "x y 2 1\nx y 2 2\nx y 2 3\n")
        self.assertEqual(self.rbit.stop(), 0)

    def test_arguments_of_a_script(self):
        path = self.write("run.sh", f"#!/bin/sh\nprintf '%s|' \"$@\" > {self.path('seen')}\n")
        os.chmod(path, 0o755)
        self.configure({"work": 'message = json\nscript = run.sh %{/a b} "x %{header:h}" %{/c}'})
        self.send("work", ("one", b'{"a b": "1 2; $(id)"}', {"headers": [["h", "'\"`"]]}))
        self.wait_for_status("one", "Done")
        self.assertEqual(self.read("seen"), "1 2; $(id)|x '\"`||")
        self.assertEqual(self.rbit.stop(), 0)


class OutputDirectory(AnyMessage):
    def test_it_is_a_part_of_the_message(self):
        self.configure({"work": "message = json\nartifacts = a\nrunner = shell!echo hi > a\n"
                                "output-dir = out/%{/order/id}/%{header:kind}"})
        self.send("work", ("one", b'{"order": {"id": "../17"}}', {"headers": [["kind", ".x/y"]]}))
        self.wait_for_status("one", "Done")
        self.assertEqual(self.read("out", "%2E.%2F17", "%2Ex%2Fy", "a"), "hi\n")
        self.assertEqual(self.rbit.stop(), 0)

    def test_artifacts_find_it_after_a_crash_of_rbit(self):
        gate = self.gate("gate")
        self.configure({"work": f"message = json\nartifacts = a\noutput-dir = out/%{{/id}}\n"
                                f"runner = shell!echo hi > a; read -r _ < {self.path('gate')}"})
        self.send("work", ("one", b'{"id": 17}'))
        gate.wait_for_job()
        self.rbit.signal(signal.SIGSTOP)  # it does not hear that the job has ended
        gate.let_through()
        rbit_suite.wait_until(lambda: any(record_file.ends(self.path("state")).values()),
                              "the record of the end")
        self.rbit.kill()
        self.start()
        self.wait_for_status("one", "Done")
        self.assertEqual(self.read("out", "17", "a"), "hi\n")
        self.assertEqual(self.rbit.stop(), 0)


class Refused(AnyMessage):
    def test_the_reason_has_the_cure(self):
        self.configure({"work": "runner = shell!true"})
        cure = "(message = json or raw in [runner:work] takes any message)"
        self.send("work", ("a", b'{"order": 17}'), ("b", b"17"), ("c", b'{"job": "resize"}'),
                  ("d", b"hello"), ("e", b""))
        self.rbit.wait_for("becomes a dead letter", times=5)
        [line, *_] = self.rbit.lines_with("becomes a dead letter")
        self.assertIn(f"invalid: no PyBit build request {cure}; job is missing", line)
        listed = self.command("dead", "list", self.config).stdout
        self.assertEqual(listed.count(f"invalid: no PyBit build request {cure}"), 3)
        reasons = self.reasons()
        self.assertEqual(reasons[:3], [f"invalid: no PyBit build request {cure}"] * 3)
        raw = "(message = raw in [runner:work] takes any message)"
        self.assertEqual(reasons[3:], [f"undecodable: not JSON at byte 1 {raw}",
                                       f"undecodable: the body is empty {raw}"])

    def test_what_the_line_needs_and_a_message_has_not(self):
        self.configure({"work": "message = json\noutput-dir = out/%{/dir!}\n"
                                "runner = shell!true %{/a/b!} %{header:x-kind!} %{/c}"})
        whole = {"headers": [["x-kind", ""]]}
        self.send("work", ("a", b'{"a": {"b": ""}, "dir": 1}', whole), ("b", b'{"a": {}, "dir": 1}', whole),
                  ("c", b'{"a": {"b": 1}, "dir": 1}'), ("d", b'{"a": {"b": null}, "dir": 1}', whole),
                  ("e", b'{"a": {"b": 1}}', whole))
        self.wait_for_status("a", "Done")
        self.rbit.wait_for("becomes a dead letter", times=4)
        self.assertEqual(self.reasons(), [
            "invalid: /a/b is missing ([runner:work] needs %{/a/b!})",
            "invalid: header x-kind is missing ([runner:work] needs %{header:x-kind!})",
            "invalid: /a/b is missing ([runner:work] needs %{/a/b!})",
            "invalid: /dir is missing ([runner:work] needs %{/dir!})"])

    def test_limits_of_json(self):
        self.configure({"work": "message = json\nrunner = shell!true"})
        deep = b"[" * 33 + b"]" * 33
        self.send("work", ("a", b'{"a": 1, "a": 2}'), ("b", deep), ("c", b"\"\xff\""),
                  ("d", b"{}", {"content_encoding": "gzip"}), ("e", b" " * (5 << 20)),
                  ("f", b"[" * 32 + b"]" * 32))
        self.wait_for_status("f", "Done")
        self.rbit.wait_for("becomes a dead letter", times=5)
        cure = " (message = raw in [runner:work] takes any message)"
        self.assertEqual(self.reasons(), [
            f"undecodable: member 'a' stands twice{cure}",
            f"undecodable: nested deeper than 32{cure}", f"undecodable: not UTF-8{cure}",
            f"undecodable: content_encoding 'gzip'{cure}",
            "undecodable: the body has 5242880 bytes, more than 4 MiB"])

    def test_a_value_that_no_environment_holds(self):
        told = self.make_told()
        # The same messages: a line that uses the member, and one that does not.
        self.configure({"uses": "message = json\nrunner = shell!true %{/text}",
                        "reads": f"message = json\nrunner = shell!echo \"$RBIT_LEFT_OUT\" > "
                                 f"{told}/%{{key}}.out; cat > {told}/%{{key}}.in"})
        bodies = {"long": json.dumps({"text": "x" * 200_000}).encode(),
                  "nul": b'{"text": "a\\u0000b"}'}
        self.send("uses", *[(f"u{key}", body) for key, body in bodies.items()])
        for key, why in (("ulong", "is too long for the environment"), ("unul", "has a NUL in it")):
            self.wait_for_status(key, "Failed")
            story = json.loads(self.command("explain", self.config, key, "--json").stdout)
            self.assertIn(f"the message's text for %{{/text}} {why}", json.dumps(story))
        self.assertEqual(self.reasons(), ["invalid", "invalid"])
        self.send("reads", *bodies.items())
        for key, body in bodies.items():
            self.wait_for_status(key, "Done")
            self.assertEqual(self.told(f"{key}.out"), b"RBIT_BODY_TEXT\n")
            self.assertEqual(self.told(f"{key}.in"), body)
        self.assertEqual(self.rbit.stop(), 0)


class Checked(AnyMessage):
    def errors(self, text):
        self.configure({"work": text})
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 78, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_check_tells_which_kind_a_placeholder_needs(self):
        for text, error in [
                ("runner = shell!x %{/order}",
                 "%{/order} needs message = json: a build request has %ID, %VERSION and so on"),
                ("message = raw\nrunner = shell!x %{/order}",
                 "%{/order} needs message = json: a raw message has no members"),
                ("message = json\nrunner = shell!x %ID",
                 "%ID is empty for message = json (write %{/POINTER} for a member of the message)"),
                ("message = json\nrunner = shell!x %JOB",
                 "%JOB is empty for message = json (write %{key})"),
                ("message = raw\nrunner = shell!x %URI",
                 "%URI is empty for message = raw (write %{header:NAME}, or read the message from "
                 "standard input)"),
                ("message = json\nrunner = shell!true\noutput-dir = out/%ID",
                 "output-dir: %ID is empty for message = json"),
                ("runner = shell!true\noutput-dir = out/%{/a}",
                 "output-dir: %{/a} needs message = json"),
                ("message = json\nrunner = shell!true\noutput-dir = out/%{/a~2}",
                 "%{/a~2} is no JSON Pointer"),
                ("message = json\nrunner = shell!true\noutput-dir = out/%{order}",
                 "unknown placeholder %{order}"),
                ("message = json\nrunner = shell!x %{/a~2}", "%{/a~2} is no JSON Pointer"),
                ("message = json\nrunner = shell!x '%{/a}'", "%{/a} stands in single quotes"),
                ("message = json\nrunner = shell!x %{task}", "%{task} needs message = task")]:
            with self.subTest(text):
                found = self.errors(text)
                self.assertIn(error, found)
                self.assertRegex(found, r"rbit\.ini:\d+: \[runner:work\] ")

    def test_what_fits_every_kind(self):
        for kind in ("pybit", "json", "raw"):
            self.configure({"work": f"message = {kind}\nrunner = shell!true %STAMP %{{key}} "
                                    "%{header:x} %{queue} %{routing-key}\noutput-dir = out/%JOB"})
            done = self.command("check", self.config)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_try_reads_as_its_runner_does(self):
        self.configure({"work": "message = json\nrunner = shell!echo %{/order!} %{key}",
                        "pybit": "runner = shell!true"})
        good, bad = self.write("good", '{"order": 17}'), self.write("bad", "{}")
        done = self.command("try", self.config, "work", good)
        self.assertEqual((done.returncode, done.stdout), (0, "Building\n17 try\nDone\n"))
        done = self.command("try", self.config, "work", bad)
        self.assertEqual(done.returncode, 1)
        self.assertIn("invalid: /order is missing ([runner:work] needs %{/order!})", done.stderr)
        done = self.command("try", self.config, "pybit", good)
        self.assertEqual(done.returncode, 1)
        self.assertIn("message = json or raw in [runner:pybit] takes any message", done.stderr)


if __name__ == "__main__":
    rbit_suite.main()
