"""Queues whose messages are several runners' by what they say, on the embedded queue."""

import json

import rbit_suite
from local_queue import LocalQueue

ROUTED = """
[rbit]
queue-mappings = work:route:way
state-dir = state
slots = %(slots)d
[amqp]
url = local:
[route:way]
by = %(by)s
runners =
    %(runners)s
%(sections)s
"""


class Routed(LocalQueue):
    def configure_route(self, by, runners, sections, slots=4):
        """`runners`: value to runner; `sections`: runner to its keys."""
        self.configure_text(ROUTED % {
            "by": by, "slots": slots,
            "runners": "\n    ".join(f"{value}: {name}" for value, name in runners.items()),
            "sections": "\n".join(f"[runner:{name}]\n{keys}" for name, keys in sections.items())})

    def send(self, *messages):
        """(message id, body[, headers]), while no rbit runs; then one is started."""
        self.start()
        self.assertEqual(self.rbit.stop(), 0)
        self.put_messages(("work", json.dumps({"message_id": key, "headers": [
            [name, value] for name, value in (more[0] if more else {}).items()]}), body)
            for key, body, *more in messages)
        self.start()

    def rbit_command(self, name, *arguments):
        return self.command(name, self.config, *arguments)

    def shell(self, word, kind="task"):
        return f"message = {kind}\nrunner = shell!echo {word} >> {self.path('seen')}"

    def seen(self):
        return sorted(self.read("seen").splitlines())


class Routes(Routed):
    def test_by_task_bare_and_in_an_envelope(self):
        self.configure_route("task", {"resize": "image", "Order.*": "orders", "*": "rest"}, {
            "image": self.shell("image %{task} $RBIT_TASK_KWARGS $RBIT_CALLBACK"),
            "orders": self.shell("orders %{task} %{/task_kwargs/n}"),
            "rest": self.shell("rest $RBIT_MESSAGE_KIND", "json")})
        task = {"task_name": "resize", "task_kwargs": {"w": 80}, "callback": "store#resize"}
        self.send(("one", json.dumps(task).encode()),
                  ("two", json.dumps({"Message": json.dumps(task)}).encode()),
                  ("three", b'{"task_name": "Order.new", "task_kwargs": {"n": 7}}'),
                  ("four", b'{"task_name": "os.system", "task_kwargs": {"command": "id"}}'),
                  ("five", b'[1]'))
        for key in ("one", "two", "three", "four", "five"):
            self.wait_for_status(key, "Done")
        self.assertEqual(self.seen(), ['image resize {"w":80} store#resize'] * 2 +
                         ["orders Order.new 7", "rest json", "rest json"])
        self.assertEqual(self.rbit.stop(), 0)

    def test_by_a_header_and_what_has_no_route_is_a_dead_letter(self):
        self.configure_route("header:kind", {"a": "first", "b": "second"}, {
            "first": self.shell("first", "raw"), "second": self.shell("second", "raw")})
        self.send(("one", b"\xff", {"kind": "a"}), ("two", b"", {"kind": "b"}),
                  ("three", b"x", {"kind": "c"}), ("four", b"y"))
        for key in ("one", "two"):
            self.wait_for_status(key, "Done")
        self.rbit.wait_for("becomes a dead letter", times=2)
        listed = self.command("dead", "list", self.config, "--json").stdout
        reasons = sorted(json.loads(line)["reason"] for line in listed.splitlines())
        self.assertEqual(reasons, [
            "no-route: header:kind is 'c' (name a runner for it in [route:way])",
            "no-route: header:kind is missing (name a runner for such messages in [route:way], by "
            "*: RUNNER)"])
        self.assertEqual(self.rbit.stop(), 0)
        # Once the route knows it, it is done.
        self.configure_route("header:kind", {"a": "first", "*": "second"}, {
            "first": self.shell("first", "raw"), "second": self.shell("second", "raw")})
        self.start()
        done = self.command("dead", "replay", self.config, "--all")
        self.assertEqual(done.returncode, 0, done.stderr)
        for key in ("three", "four"):
            self.wait_for_status(key, "Done")
        self.assertEqual(self.seen(), ["first"] + ["second"] * 3)
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_busy_runner_holds_nobody_else_up(self):
        gate = self.path("gate")
        self.configure_route("/kind", {"slow": "slow", "*": "fast"}, {
            "slow": f"message = json\nslots = 1\nrunner = shell!until [ -e {gate} ]; do sleep 0.02; "
                    "done",
            "fast": self.shell("fast", "json")})
        slow = [(f"s{n}", b'{"kind": "slow"}') for n in range(3)]
        fast = [(f"f{n}", b'{"kind": "fast"}') for n in range(20)]
        self.send(*slow, *fast)
        for key, _ in fast:
            self.wait_for_status(key, "Done")
        jobs = self.rbit_command("jobs", "--json", "--limit", "100").stdout
        states = {one["key"]: one["state"] for one in map(json.loads, jobs.splitlines())}
        self.assertEqual([states[key] for key, _ in slow], ["running", "waiting", "waiting"])
        open(gate, "w").close()
        for key, _ in slow:
            self.wait_for_status(key, "Done")
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_retry_finds_its_runner_and_a_killed_rbit_its_jobs(self):
        self.configure_route("/kind", {"again": "again", "*": "other"}, {
            "again": "message = json\nretry-delay = 10ms\nrunner = shell!"
                     f"echo $RBIT_ATTEMPT >> {self.path('seen')}; [ $RBIT_ATTEMPT = 2 ] || exit 75",
            "other": "message = json\nrunner = shell!exit 1"})
        self.send(("one", b'{"kind": "again"}'))
        self.wait_for_status("one", "Done")
        self.assertEqual(self.seen(), ["1", "2"])
        self.assertEqual(self.rbit.stop(), 0)

    def test_submit_asks_the_runner_of_the_message(self):
        self.configure_route("/kind", {"a": "first", "b": "second"}, {
            "first": self.shell("%{/n!}", "json"), "second": self.shell("b", "json")})
        missing = self.rbit_command("submit", "--queue", "work", "--json", '{"kind": "a"}')
        self.assertEqual(missing.returncode, 1)
        self.assertIn("/n is missing", missing.stderr)
        nobody = self.rbit_command("submit", "--queue", "work", "--json", '{"kind": "c"}')
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("no-route", nobody.stderr)
        self.assertIn("nothing was sent", nobody.stderr)
        good = self.rbit_command("submit", "--queue", "work", "--json", '{"kind": "b"}')
        self.assertEqual(good.returncode, 0, good.stderr)
        self.start()
        self.wait_for_status(good.stdout.strip(), "Done")
        status = json.loads(self.rbit_command("status", "--json").stdout)
        self.assertEqual(status["queues"][0]["runner"], "route:way")
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_reload_takes_the_new_route(self):
        sections = {"first": self.shell("first", "json"), "second": self.shell("second", "json")}
        self.configure_route("/kind", {"a": "first"}, sections)
        self.start()
        self.configure_route("/kind", {"a": "second"}, sections)
        done = self.rbit_command("reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("[route:way] runners", done.stdout)
        sent = self.rbit_command("submit", "--queue", "work", "--json", '{"kind": "a"}')
        self.wait_for_status(sent.stdout.strip(), "Done")
        self.assertEqual(self.seen(), ["second"])
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_queue_that_loses_its_route_is_read_on(self):
        gate = self.path("gate")
        sections = {"slow": f"message = json\nslots = 1\nrunner = shell!until [ -e {gate} ]; do "
                            "sleep 0.02; done", "fast": self.shell("fast", "json")}
        self.configure_route("/kind", {"*": "slow"}, sections)
        self.send(*[(f"s{number}", b"{}") for number in range(3)])
        self.wait_for_status("s0", "Building")
        with open(self.config) as file:
            text = file.read()
        self.configure_text(text.replace("work:route:way", "work:fast"))
        self.assertEqual(self.rbit_command("reload").returncode, 0)
        open(gate, "w").close()
        for number in range(3):
            self.wait_for_status(f"s{number}", "Done")
        sent = self.rbit_command("submit", "--queue", "work", "--json", "{}")
        self.wait_for_status(sent.stdout.strip(), "Done")
        self.assertEqual(self.rbit.stop(), 0)


class Tasks(Routed):
    def test_a_function_gets_the_arguments_by_name(self):
        with open(self.path("mine.py"), "w") as file:
            file.write("def resize(width, height=1, context=None):\n"
                       "    context['n'] = context.get('n', 0) + 1\n"
                       "    return [width, height, context['rbit'].runner]\n"
                       "def handler(event, context):\n"
                       "    return event\n")
        self.configure_route("task", {"resize": "resize", "all": "handler"}, {
            "resize": "message = task\nrunner = python!mine:resize",
            "handler": "message = task\nrunner = python!mine:handler"})
        whole = {"task_name": "all", "task_kwargs": {"x": [1]}, "callback": ""}
        self.send(("one", b'{"task_name": "resize", "task_kwargs": {"width": 80}}'),
                  ("two", json.dumps({"Message": json.dumps(whole)}).encode()),
                  ("three", b'{"task_name": "resize", "task_kwargs": {"depth": 3}}'),
                  ("four", b'{"task_name": "resize", "task_kwargs": {"width": 1, "context": 2}}'))
        for key, status in (("one", "Done"), ("two", "Done"), ("three", "Failed"),
                            ("four", "Failed")):
            self.wait_for_status(key, status)
        told = {key: json.loads(self.rbit_command("explain", key, "--json").stdout)
                for key in ("one", "two", "three", "four")}
        self.assertEqual(told["one"]["result"], [80, 1, "resize"])
        self.assertEqual(told["two"]["result"], whole)
        self.assertIn("task resize: missing a required argument: 'width'",
                      json.dumps(told["three"]))
        self.assertIn("task_kwargs has 'context'", json.dumps(told["four"]))
        self.assertEqual(self.rbit.stop(), 0)

    def chain(self, callback, kwargs=None, name="a"):
        return json.dumps({"task_name": name, "task_kwargs": kwargs or {},
                           "callback": callback}).encode()

    def configure_chain(self):
        with open(self.path("mine.py"), "w") as file:
            file.write("import rbit\n"
                       "def add(n=0, context=None):\n"
                       "    if n == 9:\n"
                       "        raise rbit.StopChain({'n': n})\n"
                       "    if n == 8:\n"
                       "        raise rbit.Failed('eight')\n"
                       "    return {'n': n + 1}\n")
        self.configure_route("task", {"a": "add", "b": "add", "end": "end", "halt": "halt"}, {
            "add": "message = task\nrunner = python!mine:add",
            "halt": "message = task\nrunner = shell!echo '{\"stop_chain\": true}' >&3",
            "end": self.shell("%{task} $RBIT_TASK_KWARGS $RBIT_CALLBACK $RBIT_CORRELATION_ID")})

    def settled(self, count):
        """Waits for the log to have told that many ends; the tasks that were begun."""
        self.rbit.wait_for("state is now", times=count)
        return sorted(line.split("runner ")[1].split(",")[0]
                      for line in self.rbit.lines_with(" starts: a message"))

    def test_a_chain_runs_to_its_end_with_results_as_arguments(self):
        self.configure_chain()
        self.send(("one", self.chain("a#b#a#end")))
        self.assertEqual(self.settled(4), ["add", "add", "add", "end"])
        self.assertEqual(self.seen(), ['end {"n":3} a#b#a#end'])
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_chain_that_is_stopped_or_fails_goes_no_further(self):
        self.configure_chain()
        self.send(("one", self.chain("a#end", {"n": 9})), ("two", self.chain("a#end", {"n": 8})),
                  ("three", self.chain("halt#end", name="halt")))
        for key, status in (("one", "Done"), ("two", "Failed"), ("three", "Done")):
            self.wait_for_status(key, status)
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.settled(3), ["add", "add", "halt"])

    def test_an_unknown_link_is_a_dead_letter_and_the_job_is_done(self):
        self.configure_chain()
        self.send(("one", self.chain("a#nobody")))
        self.wait_for_status("one", "Done")
        self.rbit.wait_for("no-route: task is 'nobody'")
        self.assertEqual(self.rbit.stop(), 0)

    def test_try_tells_what_would_follow(self):
        self.configure_chain()
        self.write("message.json", self.chain("a#b", {"n": 1}).decode())
        done = self.rbit_command("try", "add", self.path("message.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(":work", done.stdout + done.stderr)


if __name__ == "__main__":
    rbit_suite.main()
