"""Routes and tasks from a real broker: routing keys, retries, several rbits, kills."""

import json
import os

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

    def test_a_chain_over_three_rbits_that_are_killed_runs_every_link(self):
        """Each link of each chain at least once, and a repeat bears the same id."""
        queues = [self.queue(suite=f"link{number}") for number in range(3)]
        seen, chains = self.path("seen"), 30
        states = []
        for number, name in enumerate("abc"):
            after = {"a": ("b", queues[1]), "b": ("c", queues[2])}.get(name)
            self.configure_broker({}, rbit=f"slots = 2\nname = link{number}\nstate-dir = {number}\n"
                                  f"queue-mappings = {queues[number]}:route:way", more=(
                f"[route:way]\nby = task\nrunners = {name}: {name}\n" +
                (f"queue-of = {after[0]}: {after[1]}\n" if after else "") +
                f"[runner:{name}]\nmessage = task\nrunner = shell!"
                f"echo %{{task}} %{{key}} >> {seen}; echo '{{\"result\": {{\"x\": 1}}}}' >&3\n"))
            self.write(f"{number}.ini", self.read("rbit.ini").replace("state-dir = state\n", ""))
            os.chmod(self.path(f"{number}.ini"), 0o600)
            states.append(self.path(f"{number}.ini"))
        # A later reader's queue is there before the first message for it.
        rbits = [self.start_as(config) for config in states]
        for number in range(chains):
            task = {"task_name": "a", "task_kwargs": {}, "callback": "a#b#c"}
            self.publish(queues[0], json.dumps(task).encode(), message_id=f"m{number}")
        def ends():
            return {line.split()[1] for line in self.lines(seen) if line.startswith("c ")}
        for round in range(9):
            wait_until(lambda: len(ends()) >= round * 3, "some ends")
            rbits[round % 3].kill()
            rbits[round % 3] = self.start_as(states[round % 3])
        wait_until(lambda: len(ends()) == chains, f"{chains} ends, there are {len(ends())}")
        runs = [tuple(line.split()) for line in self.lines(seen)]
        for name in "abc":
            self.assertEqual(len({key for task, key in runs if task == name}), chains)
        for queue in queues:
            self.wait_for_counts(queue, 0, 0)

    def lines(self, path):
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return file.read().splitlines()

    def start_as(self, config):
        self.config = config
        return self.start()


if __name__ == "__main__":
    broker_suite.main()
