"""rbit-plugin-host with plugins that behave and plugins that do not."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from host_case import PYBIT, SOURCE, HostCase, binary

NAUGHTY = binary("tests", "libnaughty.so")


class PluginHost(HostCase):
    def host(self, name, library=NAUGHTY):
        return self.start([binary("rbit-plugin-host"), library, name])

    def ready(self, name, library=NAUGHTY):
        host = self.host(name, library)
        self.assertEqual({"ready": True}, host.event())
        return host

    def refusal(self, name, library=NAUGHTY):
        host = self.host(name, library)
        event = host.event()
        self.assertIn("refused", event)
        self.assertEqual(1, host.process.wait())
        return event

    def test_hello_in_cpp(self):
        host = self.ready("hello", binary("examples", "libhello.so"))
        work = host.submit({"name": "Ann"})
        self.assertEqual([{"status": "Building", "message": "Greeting Ann"},
                          {"artifact": "hello.txt", "kind": ""},
                          {"result": "done", "message": ""}], host.result())
        with open(os.path.join(work, "hello.txt")) as file:
            self.assertEqual("Hello Ann\n", file.read())
        self.assertEqual(0, host.end())

    def test_hello_in_c(self):
        host = self.ready("hello_c", binary("examples", "libhello_c.so"))
        self.assertVerdict(host.job({"name": "Bob"}), "done")
        self.assertIn("package col10642, version 1.2", host.log())
        self.assertEqual(0, host.end())

    def test_many_jobs_on_one_host(self):
        host = self.ready("counter")
        for number in range(1, 51):
            events = host.job({"name": "Ann"})
            self.assertEqual("Ann %d" % number, events[0]["log"])
            self.assertVerdict(events, "done")
        self.assertEqual(0, host.end())
        self.assertIn("closed after 50 jobs", host.log())

    def test_open_may_refuse_and_is_tried_again(self):
        host = self.ready("counter")
        self.assertVerdict(host.job({"name": "nobody"}), "blocked", "nobody is not at home")
        self.assertVerdict(host.job({"name": "Ann"}), "done")

    def test_verdicts(self):
        for name, verdict, message in [
                ("failed", "failed", "no such module"),
                ("blocked", "blocked", "the other one first"),
                ("throws_std", "failed", "index 9 of 3"),
                ("throws_int", "failed", "threw something that is no std::exception"),
                ("throws", "failed", "std::runtime_error out of run(): over the border"),
                ("odd_result", "failed", "run() returned 77, which is no verdict"),
                ("silent", "failed", "")]:
            with self.subTest(name):
                directory = os.path.join(self.directory, name)
                os.mkdir(directory)
                self.directory, before = directory, self.directory
                host = self.ready(name)
                self.assertVerdict(host.job(), verdict, message)
                self.assertVerdict(host.job(), verdict, message)
                self.assertEqual(0, host.end())
                self.directory = before

    def test_a_crash_ends_the_host_without_a_verdict(self):
        host = self.ready("segv")
        self.assertEqual([], host.job())
        self.assertEqual(-signal.SIGSEGV, host.process.wait())

    def test_an_exit_ends_the_host_without_a_verdict(self):
        host = self.ready("exit3")
        self.assertEqual([], host.job())
        self.assertEqual(3, host.process.wait())

    def test_a_hang_survives_the_signal(self):
        host = self.ready("hangs")
        host.submit()
        self.assertEqual("Building", host.event()["status"])
        host.process.terminate()
        self.assertIsNone(host.process.poll())

    def test_cancel(self):
        host = self.ready("cancel_ok")
        for number in (signal.SIGTERM, signal.SIGINT):
            host.submit()
            self.assertEqual("Building", host.event()["status"])
            host.process.send_signal(number)
            self.assertVerdict(host.result(), "cancelled", "cancelled")
        self.assertEqual(0, host.end())

    def test_a_signal_between_jobs_is_forgotten(self):
        host = self.ready("counter")
        self.assertVerdict(host.job({"name": "Ann"}), "done")
        host.process.terminate()
        self.assertVerdict(host.job({"name": "Ann"}), "done")
        self.assertEqual(0, host.end())

    def test_leaks_are_told(self):
        host = self.ready("leak")
        for _ in range(3):
            events = host.job()
            self.assertVerdict(events, "done")
            self.assertEqual(1, events[-1]["left_open"])

    def test_what_a_job_is_told(self):
        host = self.ready("tells")
        events = host.job({"b": "2", "a": "1", "dollar": "$(touch x) %s"}, attempt=3,
                          tmp_dir="/tmp/of/job")
        self.assertVerdict(events, "done")
        texts = [event["log"] for event in events if "log" in event]
        for thread in range(4):
            self.assertEqual(50, texts.count("thread %d" % thread))
        self.assertIn({"log": "payload %d" % len(json.dumps(PYBIT)), "level": "warning"}, events)
        self.assertIn("package col10642 attempt 3", texts)
        self.assertIn("TMPDIR is /tmp/of/job", texts)
        self.assertEqual(["a=1", "b=2", "dollar=$(touch x) %s"],
                         [text for text in texts if "=" in text])
        self.assertIn("bad \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} text", texts)
        self.assertTrue(all(len(json.dumps(event)) < 65536 for event in events))
        self.assertIn("last words unflushed", host.log())

    def test_refusals(self):
        self.assertIn("runner 'needs_minor_7' needs plugin ABI 1.7; this rbit offers 1.1",
                      self.refusal("needs_minor_7")["refused"])
        self.assertIn("runner 'needs_minor_2' needs plugin ABI 1.2; this rbit offers 1.1",
                      self.refusal("needs_minor_2")["refused"])
        self.assertIn("wrong magic number", self.refusal("wrong_magic")["refused"])
        self.assertIn("is 24 bytes; plugin ABI 1.0 has 56", self.refusal("too_small")["refused"])
        self.assertIn("is 16 bytes; plugin ABI 1.0 has 56", self.refusal("liar")["refused"])
        self.assertIn("needs plugin ABI 2; this rbit offers 1.1",
                      self.refusal("future")["refused"])

    def test_no_such_runner_names_those_there_are(self):
        event = self.refusal("segw")
        self.assertEqual(NAUGHTY + ": no runner 'segw' in it", event["refused"])
        self.assertIn("facts, failed, fields, from_threads", event["cure"])
        self.assertIn("no name of a runner", self.refusal("a;b")["refused"])

    def test_files_that_are_no_plugins(self):
        missing = os.path.join(self.directory, "libnone.so")
        self.assertIn(missing, self.refusal("hello", missing)["refused"])
        text = os.path.join(self.directory, "libtext.so")
        with open(text, "w") as file:
            file.write("text\n")
        self.assertIn("file too short", self.refusal("hello", text)["refused"])
        self.assertIn("not a regular file", self.refusal("hello", self.directory)["refused"])
        host = binary("rbit-plugin-host")
        self.assertIn(host, self.refusal("hello", host)["refused"])

    def test_a_library_that_others_may_change(self):
        library = os.path.join(self.directory, "libhello.so")
        shutil.copy(binary("examples", "libhello.so"), library)
        os.chmod(library, 0o666)
        self.assertIn("may write", self.refusal("hello", library)["refused"])
        os.chmod(library, 0o755)
        os.chmod(self.directory, 0o777)
        self.assertIn("may write", self.refusal("hello", library)["refused"])
        os.chmod(self.directory, 0o700)
        self.ready("hello", library)

    def once(self, *arguments, request):
        return subprocess.run([binary("rbit-plugin-host"), "--once", *arguments], text=True,
                              input=json.dumps(request), cwd=self.directory, capture_output=True)

    def test_once_with_a_build_request(self):
        done = self.once("--set", "name=Ann", binary("examples", "libhello_c.so"), "hello_c",
                         request=PYBIT)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual('{"status":"Building","message":"Greeting Ann"}\n'
                         '{"artifact":"hello.txt","kind":"text"}\n'
                         '{"result":"done","message":""}\n', done.stdout)
        self.assertEqual("package col10642, version 1.2\n", done.stderr)
        self.assertEqual(75, self.once(NAUGHTY, "blocked", request=PYBIT).returncode)
        self.assertEqual(1, self.once(NAUGHTY, "failed", request=PYBIT).returncode)
        self.assertEqual(78, self.once(NAUGHTY, "nix", request=PYBIT).returncode)
        self.assertEqual(2, self.once(NAUGHTY, "failed", request=[1]).returncode)

    def test_once_with_a_job_line(self):
        job = {"job": {"id": "1", "settings": {"name": "Cleo"}, "payload": "",
                       "work_dir": self.directory}}
        done = self.once(binary("examples", "libhello.so"), "hello", request=job)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("Greeting Cleo", done.stdout)

    def test_command_line(self):
        host = binary("rbit-plugin-host")
        for arguments in [[], ["a"], ["a", "b", "c"], ["--no", "a", "b"], ["--set", "k=v", "a", "b"],
                          ["--trust-uid=x", "a", "b"], [NAUGHTY, "failed"]]:
            done = subprocess.run([host] + arguments, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True)
            self.assertEqual(2, done.returncode, arguments)
            self.assertTrue(done.stderr)


class Messages(HostCase):
    """Messages of any kind, and what a plugin sends: ABI 1.1."""

    def ready(self, name, library=NAUGHTY):
        host = self.start([binary("rbit-plugin-host"), library, name])
        self.assertEqual({"ready": True}, host.event())
        return host

    def facts(self, fields="", asked="", **job):
        host = self.ready("facts")
        events = host.job({"fields": fields, "headers": asked, "body": "1"}, **job)
        self.assertVerdict(events, "done")
        self.assertEqual(0, host.end())
        shutil.rmtree(self.directory)
        os.mkdir(self.directory)
        return [event["log"] for event in events if "log" in event]

    def test_what_is_known_of_any_message(self):
        names = ("kind key queue exchange routing_key content_type correlation_id reply_to type "
                 "message_id app_id priority message_timestamp expiration user_id package nonsense")
        told = self.facts(names, "x-kind x-n x-f x-t x-none x-nul X-Kind", payload="", kind="raw",
                          id="k1", exchange="orders", routing_key="order.new",
                          properties={"content_type": "text/plain", "correlation_id": "c",
                                      "reply_to": "answers", "type": "t", "message_id": "m",
                                      "app_id": "a", "priority": 4, "timestamp": 1700000000,
                                      "expiration": "60000", "user_id": "u", "delivery_mode": 2},
                          headers={"x-kind": "a \u20ac", "x-n": 3, "x-f": 1.5, "x-t": True,
                                   "x-nul": "a\0b"})
        self.assertEqual(
            ["kind is raw", "key is k1", "queue is q", "exchange is orders",
             "routing_key is order.new", "content_type is text/plain", "correlation_id is c",
             "reply_to is answers", "type is t", "message_id is m", "app_id is a", "priority is 4",
             "message_timestamp is 1700000000", "expiration is 60000", "user_id is u",
             "package is col10642", "nonsense is -", "header x-kind is a \u20ac", "header x-n is 3",
             "header x-f is 1.5", "header x-t is true", "header x-none is -", "header x-nul is -",
             "header X-Kind is -", "body "], told)

    def test_a_job_line_of_an_older_rbit(self):
        self.assertEqual(["kind is pybit", "key is job-1", "reply_to is ", "header x is -", "body 61"],
                         self.facts("kind key reply_to", "x", payload="a"))

    def test_pointers(self):
        order = {"order": {"id": 17, "name": "a \"b\"", "paid": True, "note": None, "sum": 1.5,
                           "items": [{"n": 1}, "two"], "a/b": 1, "m~n": 2, "": 3, "nul": "a\0b",
                           "~1": 4}, "0": "zero"}
        pointers = ("/order/id /order/name /order/paid /order/note /order/sum /order/items "
                    "/order/items/0/n /order/items/1 /order/items/2 /order/items/01 /order/items/-1 "
                    "/order/items/- /order/items/1e0 /order/a~1b /order/m~0n /order/ /order/nul "
                    "/order/~01 /order/~ /order/~2 /0 / /order/id/x /none order/id /order/id")
        expected = ["17", 'a "b"', "true", "-", "1.5", '[{"n":1},"two"]', "1", "two", "-", "-",
                    "-", "-", "-", "1", "2", "3", "-", "4", "-", "-", "zero", "-", "-", "-", "-",
                    "17"]
        body = json.dumps(order)
        told = self.facts(pointers, payload=body, kind="json")
        self.assertEqual(["%s is %s" % pair for pair in zip(pointers.split(), expected)] +
                         ["body " + body.encode().hex()], told)
        for kind, payload in [("raw", body), ("pybit", body), ("json", "no json"), ("json", "[1"),
                              ("json", "17")]:
            self.assertEqual("/order/id is -",
                             self.facts("/order/id", payload=payload, kind=kind)[0])
        self.assertEqual("/1 is b", self.facts("/1", payload='["a", "b"]', kind="json")[0])

    def test_bodies_of_any_bytes(self):
        for body in (b"", b"\0", b"a\0b\n", bytes(range(256)), b"\xff" * 4000):
            self.assertEqual(["body " + body.hex()], self.facts(payload=body, kind="raw")[-1:])
        host = self.ready("facts")
        host.submit(payload="", payload_base64="%")
        self.assertIn("payload_base64 is no base64", host.event()["message"])

    def test_what_is_sent(self):
        host = self.ready("sends")
        events = host.job(token="secret")
        self.assertTrue(all(event["token"] == "secret" for event in events), events)
        for event in events:
            del event["token"]
        self.assertEqual([
            {"publish": {"exchange": "events", "key": "order.new", "body": 'a "body"\n\u20ac',
                         "content_type": "text/plain", "delay": "30s", "when": "now",
                         "correlation_id": "c", "reply_to": "answers", "type": "order",
                         "priority": 4,
                         "headers": {"x-kind": 'new "order"', "x-count": 3, "x-share": 0.1,
                                     "x-big": 1 << 62, "x-true": True, "x-text": "t"}}},
            {"publish": {"exchange": "", "key": "next", "body_base64": "/wAK"}},
            {"publish": {"exchange": "", "key": "next", "body": ""}},
            {"publish": {"exchange": "events", "key": "", "file": "out.bin"}},
            {"progress": {"done": 3, "total": 9, "text": "pages"}},
            {"progress": {"done": 0.5, "total": 0, "text": ""}},
            {"metric": {"name": "pages_total", "add": 3, "labels": {"lang": "en"}}},
            {"metric": {"name": "depth", "set": -1.5, "when": "now"}},
            {"result": "done", "message": "",
             "value": {"b": 1, "a": [True, None, 1.5, "\u20ac"]}}], events)

    def test_mistakes_are_told_at_once(self):
        host = self.ready("mistakes")
        events = host.job()
        told = dict(event["log"].split(" refused: ") for event in events
                    if " refused: " in event.get("log", ""))
        passed = [event["log"] for event in events if " passed" in event.get("log", "")]
        self.assertEqual(["nearly passed"], passed)
        self.assertEqual(["k"], [event["publish"]["key"] for event in events if "publish" in event])
        file_cure = "write what is to be sent to a file and name that in the options"
        size = 70000 + len('{"publish":{"exchange":"e","key":"k","body":""}}')
        self.assertEqual("publish: a line of %d bytes to rbit; 65536 is the most (%s)"
                         % (size, file_cure), told["large"])
        for what, words in [
                ("large bytes", file_cure), ("long key", "key is longer than 255 bytes"),
                ("nowhere", "the default exchange needs the name of a queue as the key"),
                ("key", "key is not UTF-8"), ("NUL", "a NUL in it"),
                ("both", "a body or a file, one of them"),
                ("header", "header x is neither a number nor true or false in JSON"),
                ("no JSON", "the result: not JSON at byte 2"), ("no result", "the result: not JSON"),
                ("twice", "'a' stands twice"), ("NaN", "not JSON"), ("deep", "nested deeper than 32"),
                ("large result", "57344"), ("rather large", "write it to a file"),
                ("many", "too many values"), ("progress", "done is no number"),
                ("metric", "needs a name"), ("infinite", "value is no number"),
                ("change", "change 9 is not known")]:
            self.assertIn(words, told.pop(what))
        self.assertEqual(["large"], list(told))
        self.assertVerdict(events, "done")
        self.assertNotIn("value", events[-1])

    def test_a_mistake_is_the_reason_where_there_is_no_other(self):
        host = self.ready("gives_up")
        self.assertIn("result: the result: not JSON", host.job()[-1]["message"])

    def test_a_job_that_failed_has_no_result(self):
        self.assertNotIn("value", self.ready("result_of_failed").job()[-1])

    def test_the_largest_result(self):
        event = self.ready("large_result").job()[-1]
        self.assertEqual("x" * (56 * 1024 - 2), event["value"])
        self.assertEqual("\1" * 500 + "...", event["message"])
        self.assertLess(len(json.dumps(event, separators=(",", ":"))), 65536)

    def test_from_many_threads(self):
        events = self.ready("from_threads").job(kind="json", payload='{"n": "17"}')
        self.assertEqual(["17" + "y" * 2000] * 200,
                         [event["publish"]["body"] for event in events[:-1]])

    def test_a_plugin_of_abi_1_0(self):
        library = binary("tests", "libold_plugin.so")
        host = self.ready("old", library)
        for number in (1, 2):
            events = host.job({"name": "n", "z": "1"}, payload='{"a": 1}', kind="json")
            self.assertEqual(
                [{"status": "Building", "message": "job job-%d, the first was job-1" % number},
                 {"log": 'attempt 1 of queue q: {"a": 1}', "level": "warning"},
                 {"log": "package 'col10642', pointer '1'", "level": "info"},
                 {"log": "name=n", "level": "info"}, {"log": "z=1", "level": "info"},
                 {"artifact": "old.txt", "kind": "text"}, {"result": "done", "message": ""}], events)
        self.assertVerdict(host.job(), "blocked", "no name")
        self.assertEqual(0, host.end())

    def test_once_with_a_message(self):
        def once(kind, body, runner="facts", *more):
            return subprocess.run(
                [binary("rbit-plugin-host"), "--once", "--message", kind, "--set",
                 "fields=/a kind key", "--set", "body=1", *more, NAUGHTY, runner],
                input=body, capture_output=True, cwd=self.directory)
        done = once("json", b'{"a": "b"}')
        self.assertEqual(0, done.returncode, done.stderr)
        texts = [json.loads(line).get("log") for line in done.stdout.splitlines()]
        self.assertEqual(["/a is b", "kind is json", "key is once", "body 7b2261223a202262227d", None],
                         texts)
        done = once("raw", b"\0\xff\n")
        self.assertIn(b'"body 00ff0a"', done.stdout)
        self.assertIn(b'"body "', once("raw", b"").stdout)
        self.assertEqual(2, once("json", b"{").returncode)
        self.assertIn(b"standard input: not JSON at byte", once("json", b"{").stderr)
        self.assertEqual(2, once("xml", b"").returncode)
        job = {"job": {"id": "1", "kind": "raw", "payload_base64": "AP8=", "work_dir": self.directory,
                       "settings": {"body": "1"}}}
        done = subprocess.run([binary("rbit-plugin-host"), "--once", NAUGHTY, "facts"],
                              input=json.dumps(job), text=True, capture_output=True)
        self.assertIn('"body 00ff"', done.stdout)


class Headers(HostCase):
    """The headers in the compilers, versions and warnings that authors may have."""

    INCLUDE = "-I" + os.path.join(SOURCE, "runners", "plugin", "include")
    STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wshadow", "-Wconversion",
              "-fsyntax-only", INCLUDE]

    def compile(self, compilers, standards, source, *more):
        for compiler in compilers:
            if shutil.which(compiler) is None:
                continue
            for standard in standards:
                done = subprocess.run([compiler, "-std=" + standard, *self.STRICT, *more,
                                       os.path.join(SOURCE, source)],
                                      capture_output=True, text=True)
                self.assertEqual(0, done.returncode, "%s %s\n%s" % (compiler, standard, done.stderr))

    def test_c(self):
        self.compile(["gcc", "clang"], ["c99", "c11"], "examples/plugin-c/hello.c",
                     "-Wstrict-prototypes")

    def test_c_header_in_cpp(self):
        source = os.path.join(self.directory, "plugin.cpp")
        with open(source, "w") as file:
            file.write("#include <rbit/plugin.h>\n"
                       "static int run(void *, const rbit_job *) { return RBIT_DONE; }\n"
                       'RBIT_RUNNER(plain, "1", run);\n')
        self.compile(["g++", "clang++"], ["c++11", "c++20"], source)

    def test_what_is_sent_in_c(self):
        source = os.path.join(self.directory, "plugin.c")
        with open(source, "w") as file:
            file.write("""
                #define RBIT_NEEDS_MINOR 1
                #include <rbit/plugin.h>
                static int run(void *state, const rbit_job *job) {
                  const rbit_header_value headers[] = {{"x-kind", "a", 0}, {"x-n", "3", 1}};
                  rbit_publish_options options = {.size = sizeof options, .headers = headers,
                                                  .header_count = 2, .delay = "30s", .now = 1};
                  const rbit_label label = {"lang", "en"};
                  (void)state;
                  if (rbit_field(job, "/order/id") == NULL) return RBIT_FAILED;
                  if (rbit_header(job, "x-kind") == NULL) return RBIT_FAILED;
                  if (rbit_publish(job, "e", "k", "body", 4, &options) != 0) return RBIT_FAILED;
                  rbit_progress(job, 1, 2, NULL);
                  rbit_metric(job, "n_total", RBIT_ADD, 1, &label, 1);
                  if (!RBIT_HAS(job, metric)) rbit_explain(job, rbit_mistake(job));
                  return rbit_result(job, "{}") == 0 ? RBIT_DONE : RBIT_FAILED;
                }
                RBIT_RUNNER(sender, "1.0", run);\n""")
        self.compile(["gcc", "clang"], ["c99", "c11"], source, "-Wstrict-prototypes")

    def test_cpp(self):
        self.compile(["g++", "clang++"], ["c++17", "c++20"], "examples/plugin-cpp/hello.cpp",
                     "-Wold-style-cast")
        self.compile(["g++"], ["c++17"], "tests/support/plugins/naughty.cpp")
        self.compile(["g++", "clang++"], ["c++17", "c++20"], "tests/support/plugins/sends.cpp",
                     "-Wold-style-cast")

    def test_the_example_of_the_manual_page_is_the_example(self):
        with open(os.path.join(SOURCE, "man", "rbit-plugin.7")) as page:
            shown = [block.partition(".EE")[0] for block in page.read().split(".EX")[1:]]
        shown = [block for block in shown if "#include" in block]
        with open(os.path.join(SOURCE, "examples", "plugin-cpp", "hello.cpp")) as file:
            self.assertEqual(file.read().split(), shown[0].replace("\\e", "\\").split())
        self.assertEqual(2, len(shown))
        source = os.path.join(self.directory, "pay.c")
        with open(source, "w") as file:
            file.write(shown[1].replace("\\e", "\\"))
        self.compile(["gcc", "clang"], ["c99", "c11"], source, "-Wstrict-prototypes")


if __name__ == "__main__":
    unittest.main()
