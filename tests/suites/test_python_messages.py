"""The host of Python functions with messages of any kind, and what functions send."""

import json
import os
import unittest

import record_file
from python_case import PythonCase


class PythonMessages(PythonCase):
    # What a function is given

    def test_the_old_form_with_json(self):
        events = self.run_once("""
            def run(message, set_status, settings):
                assert isinstance(message, str) and message == message.body
                assert message.json == {"order": 17} and message.json is message.json
                set_status("Building", message.headers["x-kind"])
                return [message.kind, message.key, message.queue, message.exchange,
                        message.routing_key, message.attempt, message.redelivered,
                        message.properties, settings["name"]]
            """, '{"order": 17}', settings={"name": "n"}, id="k", exchange="e", routing_key="r",
            attempt=2, redelivered=True, headers={"x-kind": "new"}, properties={"reply_to": "a"})
        self.assertEqual([{"status": "Building", "message": "new"},
                          {"result": "done", "message": "",
                           "value": ["json", "k", "q", "e", "r", 2, True, {"reply_to": "a"}, "n"]}],
                         events)

    def test_the_old_form_with_bytes(self):
        for body in (b"", b"\0", b"a\0\n", bytes(range(256)), b"\xff" * 100000):
            events = self.run_once("""
                def run(message, set_status, settings):
                    assert isinstance(message, bytes) and message == message.body
                    assert type(message.body) is bytes and not hasattr(message, "json")
                    return [len(message), message[:1000].hex(), message.kind]
                """, body, "raw")
            self.assertEqual([len(body), body[:1000].hex(), "raw"], events[-1].get("value"), events)
        events = self.run_once("""
            def run(message, set_status, settings): return message.hex()
            """, "text \u20ac", "raw")
        self.assertEqual("text \u20ac".encode().hex(), events[-1]["value"])

    def test_a_raw_message_has_no_json(self):
        events = self.run_once("def run(message, set_status, settings): return message.json",
                               b"{}", "raw")
        self.assertVerdict(events, "failed",
                           "AttributeError: message.json: a raw message is bytes; message = json "
                           "in its section makes it JSON")

    def test_the_form_of_body_and_context(self):
        self.assertEqual({"a": [1, 2.5, None, "\u20ac"]},
                         self.value_of("body", '{"a": [1, 2.5, null, "\\u20ac"]}'))
        self.assertEqual("616200ff", self.value_of("body.hex()", b"ab\0\xff", "raw"))
        self.assertEqual("", self.value_of("body.hex()", "", "raw"))
        self.assertEqual(
            ["36", "k", "q", 1, {"name": "n"}, {"h": 1.5}, {"type": "t"}, "json", "r"],
            self.value_of("[context['rbit'][name] for name in ('job', 'key', 'queue', 'attempt', "
                          "'settings', 'headers', 'properties', 'kind', 'runner')]",
                          settings={"name": "n"}, id="k", fields={"job_id": "36"},
                          headers={"h": 1.5}, properties={"type": "t"}))
        self.assertEqual("job-1", self.value_of("context['rbit'].job"))
        self.assertEqual(True, self.value_of("context['rbit'].publish is rbit.publish"))
        self.assertEqual(17, self.run_once("def run(body): return body", "17")[-1]["value"])

    def test_a_body_that_is_not_strict_json(self):
        for body in ("NaN", "[Infinity]", "{", "", "1 2", "nul"):
            events = self.run_once("def run(body, context): return 1", body)
            self.assertEqual("failed", events[-1]["result"])
            self.assertTrue(events[-1]["message"].startswith("ValueError: ") or
                            events[-1]["message"].startswith("JSONDecodeError: "), events)
            events = self.run_once("def run(message, set_status, settings): message.json", body)
            self.assertEqual("failed", events[-1]["result"])

    def test_what_is_wrong_with_a_body_is_said(self):
        for body, words in [("NaN", "NaN and infinity are no JSON"),
                            ("[-Infinity]", "NaN and infinity are no JSON"),
                            ("\ufeff{}", "the text is no JSON: it starts with a byte order mark"),
                            ("{}\0", "the text is no JSON: something follows at 2"),
                            (" {} {}", "the text is no JSON: something follows at 2"),
                            (b"\xff", "the text is no JSON: it is not UTF-8")]:
            self.assertVerdict(self.run_once("def run(body): pass", body), "failed",
                               "ValueError: " + words)
        self.assertVerdict(self.run_once("def run(body): pass", "\r\n\t {} \n"), "done")

    def test_the_context_lives_as_long_as_its_host(self):
        host = self.ready("""
            def run(body, context):
                context["rbit"].settings["leak"] = 1
                context["count"] = context.get("count", 0) + 1
                return [context["count"], context["rbit"].key, len(context["rbit"].settings)]
            """)
        for number in range(1, 4):
            self.assertEqual([number, "job-%d" % number, 1],
                             host.job(payload="{}", kind="json")[-1]["value"])
        self.assertEqual(0, host.end())

    def test_what_the_first_job_keeps_in_the_context_is_no_leftover(self):
        host = self.ready("""
            import os
            def run(body, context):
                if body == "open" or "file" not in context and body != "none":
                    context["file"] = os.open("/dev/null", os.O_RDONLY)
                return context.get("file", 0) > 3
            """)
        none = host.job(payload='"none"', kind="json", token="0")[-1]
        self.assertNotIn("left_open", none)
        first = host.job(payload='"a"', kind="json", token="1")[-1]
        self.assertEqual([True, None, "1"],
                         [first["value"], first.get("left_open"), first["token"]])
        self.assertNotIn("left_open", host.job(payload='"b"', kind="json", token="2")[-1])
        self.assertEqual(1, host.job(payload='"open"', kind="json", token="3")[-1]["left_open"])

    def test_which_form(self):
        for parameters, form in [("body, context", "dict Context"), ("body", "dict"),
                                 ("order, context", "dict Context"), ("body, more", "dict Context"),
                                 ("a, b, c", "Message method dict"),
                                 ("x, set_status, y", "Message method dict")]:
            events = self.run_once("""
                from rbit import Failed
                def run(%s):
                    raise Failed(" ".join(type(one).__name__ for one in list(locals().values())))
                """ % parameters)
            self.assertVerdict(events, "failed", form)

    def test_no_form(self):
        for parameters in ["", "a", "a, b", "build_request, settings", "message, settings", "*args",
                           "body, context, more, x", "body, context, *, needed"]:
            self.setUp()
            event = self.refusal("def run(%s): pass" % parameters)
            self.assertIn("has neither the form (body, context) nor (message, set_status, settings)",
                          event["refused"], parameters)
        self.setUp()
        self.assertIn("there are no build requests",
                      self.refusal("def run(build_request, settings): pass", "raw")["cure"])

    def test_no_form_and_which_name_makes_one(self):
        for kind in ("json", "raw"):
            for parameters, cure in [("order, settings", "name the second parameter context"),
                                     ("order", "name the parameter body"),
                                     ("a, b, c, d", ""), ("", ""), ("*args", "")]:
                self.setUp()
                self.assertEqual(cure, self.refusal("def run(%s): pass" % parameters, kind)["cure"])

    # Results

    def test_results(self):
        for value in [1, "text \u20ac \U0001f600", [], {}, {"a": {"b": [True, None, 1.5]}}, False, 0,
                      2**63, -1e300, "\0\n"]:
            events = self.run_once("def run(body, context): return %r" % (value,))
            self.assertVerdict(events, "done")
            self.assertEqual(value, events[-1]["value"])
        self.assertEqual([1, 2], self.run_once("def run(body, context): return 1, 2")[-1]["value"])
        self.assertNotIn("value", self.run_once("def run(body, context): pass")[-1])

    def test_what_is_no_result(self):
        for value, words in [
                ("{1, 2}", "TypeError: the function's result: Object of type set is not JSON"),
                ("object()", "TypeError: the function's result: Object of type object"),
                ("b'x'", "TypeError: the function's result: a result is JSON: publish bytes, or "
                 "make them an artifact"),
                ("bytearray(1)", "TypeError: the function's result: a result is JSON: publish"),
                ("[b'x']", "TypeError: the function's result: Object of type bytes"),
                ("float('nan')", "ValueError: the function's result: NaN and infinity are no JSON"),
                ("{float('-inf'): 1}",
                 "ValueError: the function's result: NaN and infinity are no JSON"),
                ("'\\udcff'", "ValueError: the function's result: a text in it has half a letter"),
                ("{1: 1, '1': 2}", "ValueError: the function's result: member '1' stands twice"),
                ("[10 ** 400]", "ValueError: the function's result: a number in it is out of range"),
                ("{(1, 2): 3}", "TypeError: the function's result: keys must be"),
                ("[0] * 20000", "ValueError: the function's result: it has more than 9900 values"),
                ("'x' * 60000", "ValueError: the function's result: a result of 60002 bytes of JSON; "
                 "57344 is the most: write it to a file, which can be an artifact or be published"),
                ("deep(40)", "ValueError: the function's result: it is nested deeper than 32"),
                ("deep(100000)", "RecursionError: the function's result: "),
                ("itself()", "ValueError: the function's result: Circular reference detected")]:
            events = self.run_once("""
                def deep(n):
                    value = []
                    for _ in range(n): value = [value]
                    return value
                def itself():
                    value = []
                    value.append(value)
                    return value
                def run(body, context): return %s
                """ % value)
            self.assertEqual("failed", events[-1]["result"], events)
            self.assertIn(words, events[-1]["message"])
            self.assertNotIn("value", events[-1])

    def test_a_raw_message_is_no_result(self):
        words = "a result is JSON: publish bytes, or make them an artifact"
        for source in ["def run(message, set_status, settings): return message",
                       "def run(message, set_status, settings): return message.body",
                       "def run(body): return body"]:
            events = self.run_once(source, b"\xff", "raw")
            self.assertVerdict(events, "failed", "TypeError: the function's result: " + words)
        events = self.run_once("import rbit\ndef run(body): rbit.result(memoryview(body))", b"\0",
                               "raw")
        self.assertVerdict(events, "failed", "TypeError: " + words)

    def test_the_largest_result_with_much_to_say(self):
        events = self.run_once("""
            def run(message, set_status, settings):
                set_status("Done", "\\U0001f600" * 9000)
                return "x" * (56 * 1024 - 2)
            """)
        self.assertEqual("x" * (56 * 1024 - 2), events[-1]["value"])
        self.assertEqual("\U0001f600" * 500 + "...", events[-1]["message"])
        line = record_file.text_of(os.path.join(self.directory, "record"), record_file.RESULT, 1)
        self.assertGreater(len(line), 56 * 1024)
        self.assertLessEqual(len(line), 65537)

    def test_long_texts_of_any_letters_fit_a_line(self):
        events = self.run_once("""
            def run(message, set_status, settings):
                for letter in ("x", "\\x01", "\\u20ac", "\\U0001f600"):
                    set_status("Building", letter * 100000)
            """)
        for event in events[:-1]:
            self.assertLess(len(json.dumps(event, ensure_ascii=False).encode()), 65536)

    def test_result_said_and_result_returned(self):
        for returned, value in [("None", 1), ("2", 2)]:
            events = self.run_once("""
                import rbit
                def run(body, context):
                    rbit.result(0)
                    rbit.result(1)
                    return %s
                """ % returned)
            self.assertEqual(value, events[-1]["value"])
        events = self.run_once("import rbit\ndef run(body, context): rbit.result({1, 2})")
        self.assertIn("TypeError: Object of type set", events[-1]["message"])

    def test_a_job_that_is_not_done_has_no_result(self):
        for end in ["raise rbit.Failed('x')", "raise rbit.Blocked('x')", "raise ValueError('x')",
                    "raise SystemExit('x')", "rbit.set_status('Failed', 'x'); return {1, 2}"]:
            events = self.run_once("""
                import rbit
                def run(body, context):
                    rbit.result(1)
                    %s
                """ % end)
            self.assertNotEqual("done", events[-1]["result"])
            self.assertNotIn("value", events[-1])
        events = self.run_once("""
            import rbit
            def run(body, context):
                rbit.result(1)
                raise SystemExit
            """)
        self.assertEqual(1, events[-1]["value"])

    def test_a_build_request_may_send_and_returns_artifacts(self):
        events = self.run_once("""
            import rbit
            def run(build_request, settings):
                rbit.publish("", "next", {"package": build_request.get_package()})
                rbit.result({"pages": 3})
                return ["a.pdf"]
            """, None, "pybit")
        self.assertEqual('{"package":"col10642"}', events[0]["publish"]["body"])
        self.assertTrue(events[1]["artifact"].endswith("/a.pdf"))
        self.assertEqual({"pages": 3}, events[2]["value"])
        events = self.run_once("""
            def run(message, set_status, settings):
                assert message.kind == "pybit" and message.json["job"]["id"] == 36
                return {1, 2}
            """, None, "pybit")
        self.assertVerdict(events, "done")

    # What a function says

    def test_what_is_sent(self):
        events = self.run_once("""
            import datetime, pathlib
            import coyote, rbit
            from rbit import publish
            def run(body, context):
                publish("events", "order.new", {"a": "\\u20ac", "b": [1, 2.50]},
                        headers={"x-kind": "new", "n": 3, "f": 0.5, "t": True}, delay="30s",
                        when="now")
                publish("e", "", "text \\u20ac", content_type="text/html", delay=1.5)
                publish("", "q", b"bytes", delay=datetime.timedelta(minutes=1), when="done")
                publish("", "q", b"\\xff\\0", correlation_id="c", reply_to="r", type="t", priority=4)
                publish("", "q", bytearray(b""))
                publish("", "q", file=pathlib.Path("out.bin"))
                publish("", "q", 17)
                publish("", "q", False)
                rbit.progress(3, 9, "pages")
                context["rbit"].progress(0.5)
                coyote.metric("pages_total", add=3, labels={"lang": "en", "n": 1})
                rbit.metric("depth", set=-1.5, when="now")
                rbit.artifact("out.pdf", "pdf")
                rbit.set_status("Building", "half")
            """, token="secret")
        self.assertTrue(all(event.pop("token") == "secret" for event in events), events)
        self.assertEqual([
            {"publish": {"exchange": "events", "key": "order.new",
                         "body": '{"a":"\u20ac","b":[1,2.5]}', "content_type": "application/json",
                         "headers": {"x-kind": "new", "n": 3, "f": 0.5, "t": True},
                         "delay": "30s", "when": "now"}},
            {"publish": {"exchange": "e", "key": "", "body": "text \u20ac", "delay": "1500ms",
                         "content_type": "text/html"}},
            {"publish": {"exchange": "", "key": "q", "body": "bytes", "delay": "60000ms",
                         "content_type": "application/octet-stream"}},
            {"publish": {"exchange": "", "key": "q", "body_base64": "/wA=", "correlation_id": "c",
                         "content_type": "application/octet-stream",
                         "reply_to": "r", "type": "t", "priority": 4}},
            {"publish": {"exchange": "", "key": "q", "body": "",
                         "content_type": "application/octet-stream"}},
            {"publish": {"exchange": "", "key": "q", "file": "out.bin"}},
            {"publish": {"exchange": "", "key": "q", "body": "17",
                         "content_type": "application/json"}},
            {"publish": {"exchange": "", "key": "q", "body": "false",
                         "content_type": "application/json"}},
            {"progress": {"done": 3, "total": 9, "text": "pages"}},
            {"progress": {"done": 0.5, "total": 0, "text": ""}},
            {"metric": {"name": "pages_total", "add": 3, "labels": {"lang": "en", "n": "1"}}},
            {"metric": {"name": "depth", "set": -1.5, "when": "now"}},
            {"artifact": os.path.join(self.directory, "work-1", "out.pdf"), "kind": "pdf"},
            {"status": "Building", "message": "half"},
            {"result": "done", "message": ""}], events)

    def test_mistakes_are_told_at_once(self):
        for call, words in [
                ("publish('e', 'k', 'x' * 70000)",
                 "ValueError: a line of 70049 bytes to rbit; 65536 is the most: write what is to be "
                 "sent to a file and name that with file="),
                ("publish('e', 'k', b'\\xff' * 60000)", "65536 is the most"),
                ("publish('', '', 'x')", "ValueError: the default exchange needs the name of a queue"),
                ("publish('e', 'k')", "ValueError: a message has a body or a file, one of them"),
                ("publish('e', 'k', 'b', file='f')", "ValueError: a message has a body or a file"),
                ("publish('e', 'k' * 256, '')", "ValueError: key is longer than 255 bytes"),
                ("publish(None, 'k', '')", "TypeError: exchange is a NoneType, not a text"),
                ("publish('e', 'a\\0b', '')", "ValueError: key has a NUL in it"),
                ("publish('e', 'k', '\\udcff')", "ValueError: body has half a letter in it"),
                ("publish('e', 'k', {1, 2})", "TypeError: Object of type set"),
                ("publish('e', 'k', [float('inf')])", "ValueError: NaN and infinity are no JSON"),
                ("publish('e', 'k', '', headers={'h': []})",
                 "TypeError: headers['h'] is a list, not a number"),
                ("publish('e', 'k', '', headers={'h': 2 ** 63})", "does not fit 64 bits"),
                ("publish('e', 'k', '', headers={1: 2})", "TypeError: a name in headers is a int"),
                ("publish('e', 'k', '', when='later')", "ValueError: when='later': it is 'now'"),
                ("publish('e', 'k', '', delay=-1)", "ValueError: delay is less than nothing"),
                ("publish('e', 'k', '', delay=[])", "TypeError: delay is a list, not a number"),
                ("progress('half')", "TypeError: done is a str, not a number"),
                ("progress(float('nan'))", "ValueError: done is nan"),
                ("progress(1, 10 ** 400)", "ValueError: total is 1000"),
                ("metric('m')", "ValueError: say add= or set=, one of them"),
                ("metric('m', add=1, set=1)", "ValueError: say add= or set="),
                ("metric('', add=1)", "ValueError: name is empty"),
                ("metric('m', add=True)", "TypeError: add is a bool"),
                ("metric('m', set=float('inf'))", "ValueError: set is inf"),
                ("artifact(3)", "TypeError: ")]:
            events = self.run_once("import rbit\ndef run(body, context): rbit.%s" % call)
            self.assertEqual(1, len(events), events)
            self.assertEqual("failed", events[0]["result"])
            self.assertIn(words, events[0]["message"])

    def test_modules_that_a_job_broke_do_not_break_what_the_host_says(self):
        events = self.run_once("""
            import builtins, json, os, rbit
            def run(body, context):
                for name in ("dumps", "loads", "JSONEncoder", "JSONDecoder"):
                    setattr(json, name, None)
                json.encoder.JSONEncoder.encode = None
                return {"a": 1}
            """)
        self.assertTrue(events[-1]["left"], events)
        self.assertIn(events[-1]["result"], ("done", "failed"))


if __name__ == "__main__":
    unittest.main()
