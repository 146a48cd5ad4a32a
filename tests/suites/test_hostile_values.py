"""Messages are data: more than 200 hostile texts in every field that a message has, against all
that reads them: shell, arguments, Python, plugin, log, paths, URL, SQL, page. None of them may have
an effect; those that reach a job reach it to the letter.
"""

import json
import os
import re
import sqlite3
import urllib.request

import rbit_suite
from front_end import FrontEnd
from hostile_values import hostile_values
from local_queue import LocalQueue
from pybit_messages import build_request

# Fields that are checked by type; a message with anything else in one of them is no job.
NAMES = ["package", "version", "arch", "suite", "dist", "format", "build_env"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]{0,127}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_:-]{0,127}")
JOB_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
# Text that must not look like an option, break a line or be of an odd scheme.
TRANSPORT = ["uri", "vcs_id"]
METHODS = ["", "apt", "bzr", "cvs", "dsc", "git", "hg", "http", "https", "rsync", "svn"]
# What transport.uri may be: a scheme that leads to a network and a plain host, USER@HOST:PATH, or a
# path in which no tool finds a scheme.
WORD = r"[A-Za-z0-9][\w.-]*"
HOST = rf"(?:{WORD}|\[[0-9A-Fa-f:.]{{2,}}\])(?::[0-9]{{0,5}})?"
USER = r"(?:[A-Za-z0-9][A-Za-z0-9!$&'()*+,.:;=_~%-]*@)?"
URI = re.compile(rf"(?i:https?)://{USER}{HOST}(?:[/?#].*)?"
                 rf"|(?i:git|ssh|svn|git\+ssh|svn\+ssh)://{USER}{HOST}(?:/.*)?"
                 rf"|{WORD}@{WORD}:(?!:|//|-).*"
                 r"|(?!//)(?!.*:/)(?:[^/:%]*(?:/.*)?)", re.ASCII | re.DOTALL)
# Text that no one looks at: any, but for NUL.
FREE = ["web_host", "commands", "timestamp", "buildclient", "unknown member", "unknown value",
        "message_id", "content_type", "correlation_id", "reply_to", "header", "header value"]
# What is looked at after each run, and may have been touched by any field of it.
READERS = ["shell", "arguments", "python", "plugin", "log", "path", "url", "sql", "page"]

# Whatever looks like the user part of a URL is shown to nobody.
USER_PART = re.compile(r"//[^/\s\"'<>]*:[^/\s\"'<>]*@")
RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO |WARNI|ERROR|CRITI) \[\w+\] .")
UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u2028\u2029\u202a-\u202e"
                         "\u2066-\u2069]")

PYTHON_RUNNER = """\
import os

def tell(build_request, settings):
    transport = build_request.transport
    texts = [transport.uri or "", transport.vcs_id or "", transport.method or ""]
    texts.append(getattr(build_request, "commands", None) or "")
    print(*texts)
    with open(os.path.join(settings["told"], build_request.get_job_id()), "wb") as file:
        file.write(b"".join(text.encode("utf-8", "surrogatepass") + b"\\0" for text in texts))

def say(message, set_status, settings):
    import json
    text = json.loads(message.body).get("commands") or ""
    set_status("Building", text)
    set_status("Failed", text)
"""


def is_job(field, text):
    """A message with this text there is a job (rbit/doc/formats.rst, build-request)."""
    if "\0" in text or re.search("[\ud800-\udfff]", text):
        return False  # refused anywhere: no text, or not UTF-8
    if field == "job":
        return JOB_ID.fullmatch(text) is not None
    if field in ("package", "version"):
        return (NAME if field == "package" else VERSION).fullmatch(text) is not None
    if field in NAMES:
        return not text or NAME.fullmatch(text) is not None
    if field == "method":
        return text in METHODS
    if field in TRANSPORT and (text.strip(" ").startswith("-") or re.search("[\x00-\x1f\x7f]", text)):
        return False
    if field == "uri":
        globs = re.search(r"[][{}\\]", text) and not re.match("(?i)[a-z+]+://", text)
        return text == text.strip(" ") and not globs and URI.fullmatch(text) is not None
    return True


class Hostile(LocalQueue):
    def setUp(self):
        super().setUp()
        # No test may leave a trace here, whatever a message says.
        self.cage = self.path("canaries")
        os.mkdir(self.cage)
        self.canary = os.path.join(self.cage, "canary")
        self.values = hostile_values(self.canary)
        self.assertGreaterEqual(len(self.values), 200)
        self.monitor = f"127.0.0.1:{rbit_suite.free_port()}"
        self.job = 0
        self.sent = {}  # job: its texts, where a job tells them

    def message(self, field=None, text=None, fields=None):
        """(properties, body) of a build request of its own, with `text` in `field`."""
        self.job += 1
        texts = {**(fields or {}), **({field: text} if field else {})}
        known = {name: texts[name] for name in [*NAMES, *TRANSPORT, "method", "web_host"]
                 if name in texts}
        known.setdefault("web_host", "")
        request = json.loads(build_request(job=str(self.job), **{"uri": "", **known}))
        if "job" in texts:
            request["job"]["id"] = texts["job"]
        if "build_env" in texts:  # an empty one too
            request["job"]["packageinstance"]["build_env"] = {"name": texts["build_env"]}
        for member in ("commands", "timestamp"):
            if member in texts:
                request[member] = texts[member]
        if "buildclient" in texts:
            request["job"]["buildclient"] = {"name": texts["buildclient"]}
        # One with "py/" in front is code, another one of ours would stand twice.
        request["unknown " + texts.get("unknown member", "")] = texts.get("unknown value", "")
        properties = {name: texts[name] for name in ("message_id", "content_type",
                      "content_encoding", "correlation_id", "reply_to") if name in texts}
        if "header" in texts:
            properties["headers"] = [[texts["header"], texts["header value"]]]
        self.sent[str(self.job)] = [texts.get(name, "") for name in [*TRANSPORT, "method", "commands"]]
        return self.utf8_json(properties), json.dumps(request).encode("ascii")

    @staticmethod
    def utf8_json(properties):
        """As rbit keeps them: headers in pairs, and what is no UTF-8 as {"hex": ...}."""
        def value(one):
            if isinstance(one, list):
                return [value(part) for part in one]
            try:
                one.encode()
                return one
            except UnicodeEncodeError:
                return {"hex": one.encode("utf-8", "surrogatepass").hex()}
        return json.dumps({name: value(one) for name, one in properties.items()})

    def run_until(self, condition, what):
        self.start()
        rbit_suite.wait_until(condition, what, patience=900)
        self.page = self.fetch_pages()
        self.assertEqual(self.rbit.stop(), 0)

    def make_database(self):
        """An idle rbit makes it, so that messages can be put into it."""
        self.start()
        self.assertEqual(self.rbit.stop(), 0)

    def fetch_pages(self):
        return "".join(urllib.request.urlopen(f"http://{self.monitor}{path}", timeout=30)
                       .read().decode() for path in ("/plain", "/metrics"))

    # ---- nothing came of it

    def assert_no_canary(self):
        self.assertEqual(os.listdir(self.cage), [])

    def assert_clean_log(self, log):
        for line in log.removesuffix("\n").split("\n"):
            self.assertRegex(line, RECORD)
            self.assertNotRegex(line, UNPRINTABLE)

    def assert_clean_page(self):
        for text in self.values:
            if re.search("[<>\"']", text) and len(text) > 2:
                self.assertNotIn(text, self.page)

    def assert_tree(self, *own):
        """No file where none belongs: names are rbit's, folders are its."""
        places = re.compile(r"(rbit\.ini|rbit\.\d+\.log|canaries|hostile_runner\.py|told(/\d+)?|state"
                            r"|state/(rbit\.db(-\w+)?|journal\.db(-\w+)?|lock|[\w.-]+\.sock|\w[\w.-]*)"
                            r"|state/(logs|records|work|output)(/[\w.+~:-]+){0,3})")
        for folder, folders, files in os.walk(self.directory):
            for name in folders + files:
                path = os.path.relpath(os.path.join(folder, name), self.directory)
                if path not in own:
                    self.assertRegex(path, rf"^(?:{places.pattern})$")

    def assert_sound_database(self, tables):
        with self.database() as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(self.tables(database), tables)

    @staticmethod
    def tables(database):
        return sorted(row[0] for row in database.execute("SELECT name FROM sqlite_master"))


class Corpus(Hostile):
    def test_every_value_in_every_field_against_every_reader(self):
        front_end = FrontEnd()
        self.addCleanup(front_end.go_down)
        os.mkdir(self.path("told"))
        self.write("hostile_runner.py", PYTHON_RUNNER)
        told = self.path("told")
        fields = r"""printf '%s\0' %URI %VCS %METHOD "$RBIT_COMMANDS" """
        self.configure(
            {"shell": f"runner = shell!{fields} > %(told)s/%JOB; {fields}\ntold = {told}",
             "python": f"runner = python!hostile_runner:tell\ntold = {told}",
             "plugin": f"runner = plugin!{self.library('tests', 'libnaughty.so')}:fields\n"
                       f"told = {told}",
             "names": f"runner = shell!{fields} > %(told)s/%JOB\ntold = {told}"},
            rbit="slots = 8", more=f"[status]\nreport = log, pybit\nallow-hosts = 127.0.0.1:{front_end.port}\n"
                 f"[monitor]\nlisten = {self.monitor}\n")
        self.make_database()
        with self.database() as database:
            tables = self.tables(database)
        cases, messages, bodies = 0, [], set()
        expected = {"dead": 0, "too long": 0}

        def send(queue, is_one, message, covered):
            nonlocal cases
            messages.append((queue, *message))
            if not is_one:
                expected["dead"] += 1
                self.sent.pop(str(self.job))
                bodies.add(message[1])
            cases += len(covered) * (len(READERS) - 3)  # of those that run jobs one at a time

        for text in self.values:
            for field in NAMES + ["job", "method"]:
                message = self.message(field, text)
                runs = is_job(field, text)
                if field == "job" and runs:
                    self.sent[text] = self.sent.pop(str(self.job))
                send("names", runs, message, [field])
            for queue in ("shell", "python", "plugin"):
                # A text that is too long for the environment fails a line that uses it.
                too_long = queue == "shell" and len(text.encode("utf-8", "replace")) > 20000
                for field in TRANSPORT:
                    runs = is_job(field, text)
                    message = self.message(field, text)
                    send(queue, runs and not too_long, message, [field])
                    expected["too long"] += runs and too_long
                message = self.message(fields={name: text for name in FREE})
                send(queue, is_job("commands", text), message, FREE)
                if queue == "shell" and len(text.encode("utf-8", "replace")) > 60000:
                    self.sent.get(str(self.job), [""])[-1] = ""  # left out of the environment
            plain = text.lower() in ("", "identity", "none", "utf-8", "utf8")
            send("names", plain, self.message("content_encoding", text), ["content_encoding"])
        self.put_messages(messages)

        refused = expected["dead"] - expected["too long"]
        self.run_until(lambda: len(os.listdir(told)) >= len(self.sent)
                       and len(self.rbit.lines_with("becomes a dead letter")) >= refused
                       and self.rbit.log.count("'Failed'.") >= expected["too long"],
                       "the end of all jobs")
        log = self.rbit.log
        self.assert_no_canary()
        self.assert_clean_log(log)
        self.assert_clean_page()
        self.assert_tree()
        self.assert_sound_database(tables)
        # Each that is no job: one line, one dead letter, the same bytes.
        self.assertEqual(len(self.rbit.lines_with("becomes a dead letter")), refused)
        letters = self.dead()
        self.assertEqual(len(letters), expected["dead"])
        self.assertEqual({bytes(body) for *_, body in letters}, bodies)
        for _, reason, *_ in letters:
            self.assertRegex(reason, r"^(undecodable|invalid)\b")
            self.assertLessEqual(len(reason), 200)
        # Each that is one: its runner had the very texts.
        for job, texts in self.sent.items():
            with open(os.path.join(told, job), "rb") as file:
                self.assertEqual(file.read(), b"".join(text.encode() + b"\0" for text in texts), job)
        # Only the one host that was allowed was told anything, and of numbers only.
        for request in front_end.requests:
            self.assertRegex(request["path"], r"^/job/[0-9]+$")
        self.assertGreaterEqual(cases, 12000)
        print(f"{len(self.values)} values, {len(messages)} messages, {cases} cases")

    def test_every_value_as_a_part_of_any_message(self):
        told = self.path("told")
        os.mkdir(told)
        self.write("script.sh", f"#!/bin/sh\nn=$1; shift; printf '%s\\0' \"$@\" > {told}/$n; "
                                f"env -0 > {told}/$n.env\n")
        os.chmod(self.path("script.sh"), 0o755)
        places = "out/%{/x}/%{header:h}-%{/in/0}/%{key}"
        texts = """%{/x} "%{/x}" %{/in/0} "%{header:h}" %{key} x%{header:h}%{key}"""
        line = f"printf '%s\\0' {texts} > {told}/%{{/n}}; env -0 > {told}/%{{/n}}.env; : > kept"
        self.configure(
            {"line": f"message = json\nrunner = shell!{line}\nartifacts = kept\noutput-dir = {places}",
             "script": f"message = json\nscript = script.sh %{{/n}} {texts}\noutput-dir = {places}"},
            rbit="slots = 8", more=f"[monitor]\nlisten = {self.monitor}\n")
        self.make_database()
        with self.database() as database:
            tables = self.tables(database)
        messages, expected, dead, failed = [], {}, 0, 0
        for text in self.values:
            for queue in ("line", "script"):
                self.job += 1
                key = text and f"{text}{queue}"  # without an id it is a digest
                body = json.dumps({"x": text, "in": [text], "n": self.job, text + "=": text,
                                   "member " + text: {text: text}})
                headers = [["h", text], ["name " + text, text], [text + "=", text]]
                messages.append((queue, self.utf8_json({"message_id": key, "headers": headers}),
                                 body.encode("ascii")))
                if re.search("[\ud800-\udfff]", text):
                    dead += 1  # not UTF-8
                elif "\0" in text or len(text.encode()) > 20000:
                    failed += 1  # no environment holds it
                else:
                    expected[str(self.job)] = (text, key)
        self.put_messages(messages)
        ends = lambda: (self.rbit.log.count("'Failed'."), self.rbit.log.count("'Done'."),
                        len(self.rbit.lines_with("becomes a dead letter")))
        self.run_until(lambda: sum(ends()) >= len(messages), "the end of all jobs")
        self.assertEqual(ends(), (failed, len(expected), dead))
        self.assert_no_canary()
        self.assert_clean_log(self.rbit.log)
        self.assert_clean_page()
        # Where artifacts went: names that no shell, tool or parent directory is known by.
        places = [os.path.join(folder, name) for folder, folders, files in os.walk(self.path("out"))
                  for name in folders + files]
        for place in places:
            self.assertRegex(os.path.basename(place), r"^[A-Za-z0-9%_+~=@,-][A-Za-z0-9%_+~=@,.-]*$")
            self.assertTrue(os.path.realpath(place).startswith(self.path("out") + "/"))
        own = [os.path.relpath(place, self.directory) for place in places]
        self.assert_tree("out", "script.sh", *[f"told/{job}.env" for job in expected], *own)
        self.assert_sound_database(tables)
        usual = None
        for job, (text, key) in expected.items():
            with open(os.path.join(told, job), "rb") as file:
                found = file.read().decode().split("\0")[:-1]
            if found[4] != key:  # it is no id that anybody could name
                self.assertRegex(found[4], "^[0-9a-f]{64}$")
                key = found[4]
            self.assertEqual(found, [text, text, text, text, key, "x" + text + key], job)
            with open(os.path.join(told, job + ".env"), "rb") as file:
                names = {one.split(b"=", 1)[0].decode() for one in file.read().split(b"\0")[:-1]}
            of_message = {one for one in names if one.startswith(("RBIT_HEADER_", "RBIT_BODY_"))}
            self.assertTrue(all(re.fullmatch("[A-Z0-9_]+", one) for one in of_message), of_message)
            rest = {one for one in names - of_message if not one.startswith("RBIT_SETTING_")}
            usual = usual or rest
            self.assertEqual(rest - {"RBIT_LEFT_OUT"}, usual - {"RBIT_LEFT_OUT"})
        print(f"{len(self.values)} values, {len(messages)} messages of any kind")

    def test_texts_of_a_job_in_the_log_as_json_and_in_reports(self):
        self.write("hostile_runner.py", PYTHON_RUNNER)
        self.configure({"say": "runner = python!hostile_runner:say"}, more="[log]\nformat = json")
        self.make_database()
        with self.database() as database:
            tables = self.tables(database)
        texts = [text for text in self.values if is_job("commands", text)]
        self.put_messages(("say", *self.message("commands", text)) for text in texts)
        self.start()
        rbit_suite.wait_until(lambda: self.rbit.log.count("'Failed'") >= len(texts),
                              "the end of all jobs", patience=900)
        self.assertEqual(self.rbit.stop(), 0)
        for line in self.rbit.log.splitlines():
            self.assertIsInstance(json.loads(line), dict)
            self.assertTrue(line.isascii())
        self.assert_no_canary()
        self.assert_tree()
        self.assert_sound_database(tables)
        with self.database() as database:
            kept = {row[0] for row in database.execute("SELECT message FROM job")}
        for text in texts:
            if len(text.encode()) < 4000:  # longer ones are cut
                self.assertIn(USER_PART.sub("//***@", text), kept | {""})


class TheTestItself(Hostile):
    """A test that cannot fail is none: these are the accidents it must see."""

    def test_a_runner_that_obeys_a_message_wakes_the_canary(self):
        self.configure({"doctored": 'runner = shell!eval "echo $RBIT_COMMANDS"'})
        self.make_database()
        texts = [text for text in self.values if self.canary in text and is_job("commands", text)]
        self.put_messages(("doctored", *self.message("commands", text)) for text in texts[:40])
        self.start()
        rbit_suite.wait_until(lambda: os.listdir(self.cage), "the canary")
        self.rbit.kill()
        self.assertRaises(AssertionError, self.assert_no_canary)

    def test_a_forged_line_is_seen(self):
        good = "2026-01-01 00:00:00,000 INFO  [rbit] one\n"
        self.assert_clean_log(good)
        for text in ("forged\n", "\x1b[2J\n", "\n"):
            self.assertRaises(AssertionError, self.assert_clean_log, good + text)
        for text in ("a\u2028b", "a\x85b", "a\u202eb", "a\rb"):
            self.assertRaises(AssertionError, self.assert_clean_log, good.replace("one", text))

    def test_a_stray_file_is_seen(self):
        self.configure({"one": "runner = shell!true"})
        self.assert_tree()
        self.write("stray", "")
        self.assertRaises(AssertionError, self.assert_tree)

    def test_a_table_that_is_gone_is_seen(self):
        self.configure({"one": "runner = shell!true"})
        self.make_database()
        with self.database() as database:
            tables = self.tables(database)
            database.execute("DROP TABLE dead")
        self.assertRaises(AssertionError, self.assert_sound_database, tables)
        self.assertRaises(sqlite3.OperationalError, self.dead)


if __name__ == "__main__":
    rbit_suite.main()
