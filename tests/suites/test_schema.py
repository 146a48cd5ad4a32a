"""Messages that must fit a JSON Schema: what becomes of those that do not, and rbit validate."""

import json
import os

import rbit_suite
from local_queue import LocalQueue
from pybit_messages import build_request

ORDER = """{"type": "object", "required": ["order"], "properties":
 {"order": {"type": "object", "required": ["id"], "properties": {"id": {"type": "number"}}}}}"""
GOOD, BAD = b'{"order": {"id": 17}}', b'{"order": {"id": "17"}}'
WRONG = "/order/id: expected a number"


class Schema(LocalQueue):
    def with_schema(self, *lines, schema=ORDER, kind="json"):
        self.write("order.json", schema)
        self.configure({"orders": "\n".join(("runner = shell!cat", f"message = {kind}",
                                             "schema = order.json", *lines))})

    def run_with(self, *bodies):
        """An rbit that finds them in its queue."""
        self.start()
        self.rbit.stop()
        self.put("orders", bodies)
        return self.start()

    def test_a_dead_letter_says_where_and_why(self):
        self.with_schema()
        self.run_with(GOOD, BAD).wait_for("becomes a dead letter: ")
        self.assertIn(WRONG, self.rbit.log)
        listed = self.command("dead", "list", self.config)
        self.assertIn("invalid: it does not fit the schema; " + WRONG, listed.stdout)
        [letter] = map(json.loads, self.command("dead", "list", self.config, "--json", "--reason",
                                                "invalid").stdout.splitlines())
        self.assertEqual(letter["detail"], WRONG)
        shown = self.command("dead", "show", self.config, letter["id"]).stdout
        self.assertIn("x-rbit-detail: " + WRONG, shown)
        self.rbit.stop()
        [(_, reason, properties, body)] = self.dead()
        self.assertEqual((reason, body), ("invalid: it does not fit the schema", BAD))
        self.assertIn(["x-rbit-detail", WRONG], json.loads(properties)["headers"])

    def test_a_detail_that_somebody_forged_is_gone(self):
        self.with_schema()
        self.start()
        self.rbit.stop()
        forged = json.dumps({"headers": [["x-rbit-detail", "forged"]]})
        self.put_messages([("orders", forged, b"no JSON")])
        self.start().wait_for("becomes a dead letter")
        self.rbit.stop()
        self.assertNotIn("forged", self.dead()[0][2])

    def test_drop(self):
        self.with_schema("on-invalid = drop")
        self.run_with(BAD, GOOD).wait_for("is dropped (on-invalid = drop)")
        self.rbit.wait_for("state is now 'Done'")
        self.rbit.stop()
        self.assertEqual(self.dead(), [])

    def test_retry_and_at_last_a_dead_letter(self):
        self.with_schema("on-invalid = retry", "attempts = 3", "retry-delay = 20ms")
        self.run_with(BAD).wait_for("becomes a dead letter")
        self.assertEqual(len(self.rbit.lines_with("is tried again in 20 ms")), 1)
        self.assertEqual(len(self.rbit.lines_with("is tried again in 40 ms")), 1)
        self.rbit.stop()
        [(_, reason, properties, _)] = self.dead()
        self.assertEqual(reason, "invalid: it does not fit the schema")
        self.assertIn(["x-rbit-attempt", 3], json.loads(properties)["headers"])

    def test_what_is_no_json_is_a_dead_letter_in_any_case(self):
        self.with_schema("on-invalid = drop")
        self.run_with(b"{").wait_for("becomes a dead letter: undecodable")

    def test_build_requests_have_schemas_too(self):
        self.with_schema(schema='{"properties": {"transport": {"required": ["uri"]}}}', kind="pybit")
        message = self.write("message", build_request(job=36).replace(b'"uri"', b'"url"'))
        done = self.command("submit", self.config, "--queue", "orders", message)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/transport: 'uri' is missing", done.stderr)

    def test_a_costly_message_costs_little(self):
        self.with_schema(schema='{"pattern": "^(a+)+$"}')
        self.run_with(json.dumps("a" * 100_000 + "!").encode(), b'"aa"').wait_for("dead letter")
        self.assertIn("takes too long to match with a pattern", self.rbit.log)
        self.rbit.wait_for("state is now 'Done'")

    def test_validate(self):
        self.with_schema()
        files = [self.write("good", GOOD), self.write("bad", BAD), self.write("none", b"{")]
        done = self.command("validate", self.config, "orders", *files)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[:2],
                         [f"{files[0]}: ok", f"{files[1]}: {WRONG}"])
        self.assertTrue(done.stdout.splitlines()[2].startswith(files[2] + ": undecodable: "))
        self.assertEqual(self.command("validate", self.config, "orders", files[0]).returncode, 0)
        gone = self.command("validate", self.config, "orders", self.path("gone"), files[0])
        self.assertEqual((gone.returncode, gone.stdout), (1, f"{files[0]}: ok\n"))
        self.assertIn("gone: cannot be read", gone.stderr)
        for wrong in (("orders",), ("order", files[0]), ()):
            self.assertEqual(self.command("validate", self.config, *wrong).returncode, 2, wrong)
        self.assertFalse(os.path.exists(self.path("state")))

    def test_submit_refuses_in_the_same_words(self):
        self.with_schema()
        done = self.command("submit", self.config, "--queue", "orders", "--json", BAD.decode())
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(WRONG, done.stderr)
        self.assertIn("nothing was sent", done.stderr)

    def test_mistakes_are_found_at_the_start(self):
        for schema, words in (('{"type": "strng"}', "order.json: /type: 'strng' is no type (did you"),
                              ("{", "order.json: not JSON at byte"),
                              ('{"items": {"$ref": "http://x.example/y"}}',
                               "order.json#/items: $ref 'http://x.example/y' leads to a URL (it may"),
                              ('{"items": {"$ref": "../y.json"}}', "out of the schema's directory"),
                              ('{"items": {"$ref": "y.json"}}', "y.json: No such file")):
            with self.subTest(schema):
                self.with_schema(schema=schema)
                for command in ("check", "run", "validate"):
                    more = ["orders", self.config] if command == "validate" else []
                    done = self.command(command, self.config, *more)
                    self.assertEqual(done.returncode, 78, command)
                    self.assertIn(words, done.stdout + done.stderr)
                    self.assertIn("[runner:orders] schema: ", done.stdout + done.stderr)

    def test_a_schema_that_is_not_there(self):
        self.with_schema()
        os.unlink(self.path("order.json"))
        done = self.command("run", self.config)
        self.assertEqual(done.returncode, 78)
        self.assertIn("order.json", done.stderr)


if __name__ == "__main__":
    rbit_suite.main()
