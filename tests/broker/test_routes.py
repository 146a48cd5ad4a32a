"""Routes and tasks from a real broker: routing keys, retries, several rbits, kills."""

import json

import broker_suite
from broker_suite import BrokerSuite
from rbit_suite import wait_until


class Routes(BrokerSuite):
    def configure_route(self, queue, by, runners, sections, slots=4):
        lines = "\n".join(f"    {value}: {name}" for value, name in runners.items())
        self.configure_broker({}, rbit=f"slots = {slots}\nqueue-mappings = {queue}:route:way",
                              more=f"[route:way]\nby = {by}\nrunners =\n{lines}\n" +
                              "".join(f"[runner:{name}]\n{keys}\n"
                                      for name, keys in sections.items()))

    def test_a_routing_key_is_kept_through_retries_and_the_dead_letters(self):
        queue, exchange = self.queue(), self.dist + "-events"
        seen = self.path("seen")
        self.configure_route(queue, "routing-key", {"order.*": "orders", "*": "rest"}, {
            "orders": "message = raw\nretry-delay = 10ms\nattempts = 2\nrunner = shell!"
                      f"echo $RBIT_ROUTING_KEY $RBIT_ATTEMPT >> {seen}; exit 75",
            "rest": f"message = raw\nrunner = shell!echo rest >> {seen}"})
        self.start()
        self.channel.exchange_declare(exchange, "topic")
        self.channel.queue_bind(queue, exchange, "#")
        self.publish("order.new", b"x", exchange, message_id="m1")
        self.wait_for_status("m1", "Failed")
        self.assertEqual(self.read("seen"), "order.new 1\norder.new 2\n")
        wait_until(lambda: self.dead_letters(queue) == 1, "the dead letter")
        done = self.command("dead", "replay", self.config, "--all")
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: self.read("seen").count("\n") == 4, "two more attempts")
        self.assertNotIn("rest", self.read("seen"))

    def dead_letters(self, queue):
        listed = self.command("dead", "list", self.config, "--json")
        return len(listed.stdout.splitlines())

    def test_a_busy_runner_holds_nobody_else_up_and_a_killed_rbit_loses_nothing(self):
        queue, gate = self.queue(), self.path("gate")
        self.configure_route(queue, "header:kind", {"slow": "slow", "*": "fast"}, {
            "slow": "message = raw\nslots = 1\nrunner = shell!"
                    f"until [ -e {gate} ]; do sleep 0.02; done; echo s >> {self.path('slow')}",
            "fast": f"message = raw\nrunner = shell!echo f >> {self.path('fast')}"})
        self.start()
        for number in range(3):
            self.publish(queue, b"x", message_id=f"s{number}", headers={"kind": "slow"})
        for number in range(20):
            self.publish(queue, b"x", message_id=f"f{number}", headers={"kind": "fast"})
        for number in range(20):
            self.wait_for_status(f"f{number}", "Done")
        self.rbit.kill()
        self.start()
        open(gate, "w").close()
        for number in range(3):
            self.wait_for_status(f"s{number}", "Done")
        self.wait_for_counts(queue, 0, 0)
        self.assertEqual(self.read("fast"), "f\n" * 20)

    def test_tasks_of_two_runners_from_one_queue_are_done_once_each(self):
        queue = self.queue()
        self.configure_route(queue, "task", {"a": "first", "b": "second"}, {
            name: f"message = task\nslots = 1\nrunner = shell!echo %{{task}} >> {self.path('seen')}"
            for name in ("first", "second")})
        self.start()
        for number in range(50):
            task = {"task_name": "ab"[number % 2], "task_kwargs": {}}
            self.publish(queue, json.dumps(task).encode(), message_id=f"m{number}")
        for number in range(50):
            self.wait_for_status(f"m{number}", "Done")
        self.assertEqual(sorted(self.read("seen").split()), ["a"] * 25 + ["b"] * 25)
        self.wait_for_counts(queue, 0, 0)


if __name__ == "__main__":
    broker_suite.main()
