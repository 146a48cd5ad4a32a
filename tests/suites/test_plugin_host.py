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
        self.assertIn("runner 'needs_minor_7' needs plugin ABI 1.7; this rbit offers 1.0",
                      self.refusal("needs_minor_7")["refused"])
        self.assertIn("wrong magic number", self.refusal("wrong_magic")["refused"])
        self.assertIn("is 24 bytes; plugin ABI 1.0 has 56", self.refusal("too_small")["refused"])
        self.assertIn("is 16 bytes; plugin ABI 1.0 has 56", self.refusal("liar")["refused"])
        self.assertIn("needs plugin ABI 2; this rbit offers 1.0",
                      self.refusal("future")["refused"])

    def test_no_such_runner_names_those_there_are(self):
        event = self.refusal("segw")
        self.assertEqual(NAUGHTY + ": no runner 'segw' in it", event["refused"])
        self.assertIn("failed, fields, half_an_event, hangs", event["cure"])
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

    def test_cpp(self):
        self.compile(["g++", "clang++"], ["c++17", "c++20"], "examples/plugin-cpp/hello.cpp",
                     "-Wold-style-cast")
        self.compile(["g++"], ["c++17"], "tests/support/plugins/naughty.cpp")

    def test_the_example_of_the_manual_page_is_the_example(self):
        with open(os.path.join(SOURCE, "man", "rbit-plugin.7")) as page:
            shown = [block.partition(".EE")[0] for block in page.read().split(".EX")[1:]]
        shown = [block for block in shown if "#include" in block]
        with open(os.path.join(SOURCE, "examples", "plugin-cpp", "hello.cpp")) as file:
            self.assertEqual([file.read().split()],
                             [block.replace("\\e", "\\").split() for block in shown])


if __name__ == "__main__":
    unittest.main()
