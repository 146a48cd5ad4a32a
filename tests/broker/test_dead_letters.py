"""rbit dead on AMQP: looking takes nothing away, replay is confirmed before the removal."""

import json
import subprocess
import sys

import pika

import broker_suite
from broker_suite import PERSISTENT, BrokerSuite
from pybit_messages import build_request
from rbit_suite import Suite, wait_until


class DeadLetters(BrokerSuite):
    def dead(self, verb, *arguments, expect=0):
        done = self.command("dead", verb, self.config, *arguments)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def letters(self, *arguments):
        lines = self.dead("list", "--json", *arguments).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def fails_without(self, name="good"):
        return f"runner = shell!echo $RBIT_ATTEMPT >> {self.path('runs')}; [ -e {self.path(name)} ]"

    def put_dead(self, queue, count, kind="classic", size=0):
        """As rbit leaves them, without an rbit."""
        name = f"rbit.dead.{queue}"
        self.channel.queue_declare(name, durable=True, arguments={
            "x-queue-type": kind, "x-max-length": 100000, "x-overflow": "reject-publish"})
        for job in range(1, count + 1):
            self.publish(name, build_request(job=job) + b" " * size, message_id=f"id{job}",
                         headers={"x-rbit-queue": queue, "x-rbit-reason": "exit 1",
                                  "x-rbit-attempt": 1, "x-rbit-worker": "w", "colour": "blue",
                                  "x-death": "forged", "x-first-death-queue": "q"})
        return name


class Listing(DeadLetters):
    def test_it_takes_nothing_away_and_keeps_the_order(self):
        queue = self.queue()
        self.configure_broker({queue: self.fails_without()})
        name = self.put_dead(queue, 30)
        for _ in range(2):
            letters = self.letters()
            self.assertEqual([one["id"] for one in letters], [f"id{n}" for n in range(1, 31)])
            self.assertEqual([one["n"] for one in letters], list(range(1, 31)))
            self.wait_for_counts(name, 30, 0)
        self.assertEqual(len(self.letters("--limit", "3")), 3)
        self.assertEqual(self.letters()[0]["package"], "col10642")
        self.wait_for_counts(name, 30, 0)

    def test_no_queue_is_no_letters(self):
        self.configure_broker({self.queue(): "runner = shell!true"})
        self.assertEqual(self.letters(), [])

    def test_beside_an_rbit_that_runs(self):
        queue = self.queue()
        self.configure_broker({queue: self.fails_without()})
        self.start()
        self.publish(queue, build_request(job=36))
        self.publish(queue, b"not json")
        wait_until(lambda: len(self.letters()) == 2, "two dead letters")
        by_job = {one["job"]: one for one in self.letters()}
        self.assertEqual(by_job["36"]["reason"], "exit 1")
        self.assertEqual(by_job["36"]["attempts"], 1)
        self.assertGreater(by_job["36"]["died"], 1_600_000_000)
        self.assertTrue(by_job[""]["reason"].startswith("undecodable"))
        shown = json.loads(self.dead("show", "36", "--json").stdout)
        self.assertEqual(shown["body"], build_request(job=36).decode())
        self.assertIn("undecodable", self.dead("show", by_job[""]["id"]).stdout)

    def test_a_quorum_queue_does_not_lose_those_that_were_looked_at_often(self):
        # It counts every return, and above a limit it drops the message.
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        name = self.put_dead(queue, 2, kind="quorum")
        for _ in range(12):
            self.assertEqual({one["id"] for one in self.letters()}, {"id1", "id2"})
        counts = []
        for _ in range(2):
            method, properties, _ = wait_until(
                lambda: (lambda got: got if got[0] else None)(self.channel.basic_get(name)),
                "a letter")
            counts.append(properties.headers.get("x-delivery-count", 0))
            self.assertEqual(properties.headers["x-rbit-reason"], "exit 1")
            self.assertEqual(properties.headers["colour"], "blue")
        self.assertLess(max(counts), 10)

    def test_letters_looked_at_often_are_told_where_the_queue_takes_no_more(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        name = self.put_dead(queue, 3, kind="quorum")
        self.node.ctl("set_policy", "full", f"^{name}$", '{"max-length": 1}', "--apply-to", "queues")
        self.addCleanup(self.node.ctl, "clear_policy", "full")
        wait_until(lambda: not self.is_taken(name), "a full queue")
        for _ in range(10):
            got = [wait_until(lambda: (lambda one: one if one[0] else None)(
                self.channel.basic_get(name)), "a letter") for _ in range(3)]
            for method, _, _ in got:
                self.channel.basic_nack(method.delivery_tag, requeue=True)
        self.wait_for_counts(name, 3, 0)
        done = self.dead("list", "--json", expect=1)
        self.assertEqual(len(done.stdout.splitlines()), 3, done.stdout + done.stderr)
        self.assertIn("`rbit dead drop`", done.stderr)
        self.wait_for_counts(name, 3, 0)
        self.dead("drop", "id1", "id2")  # that made room for the third
        self.wait_for_counts(name, 1, 0)

    def is_taken(self, name):
        """Whether the queue takes one more; it is dropped again."""
        try:
            self.publish(name, b"{}", message_id="one more")
        except pika.exceptions.NackError:
            return False
        self.dead("drop", "one more")
        return True

    def test_memory_does_not_grow_with_the_bodies(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.put_dead(queue, 150, size=1 << 20)
        script = self.write("measure", f"""import resource, subprocess, sys
subprocess.run({[self.program, 'dead', 'list', self.config, '--json']!r}, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
""")
        done = subprocess.run([sys.executable, script], capture_output=True, text=True,
                              env=self.environment(), cwd=self.directory, check=True)
        self.assertEqual(len(done.stdout.splitlines()), 100)
        self.assertLess(int(done.stderr.split()[-1]), 64 << 10)  # KiB, of 150 MiB of letters


class Replaying(DeadLetters):
    def test_published_then_removed_and_nothing_of_rbit_is_left_on_it(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.channel.queue_declare(queue, durable=True)
        name = self.put_dead(queue, 3)
        self.assertIn("replayed id2", self.dead("replay", "id2").stdout)
        self.wait_for_counts(name, 2, 0)
        properties, body = self.get(queue)
        self.assertEqual(body, build_request(job=2))
        self.assertEqual(properties.message_id, "id2")
        self.assertEqual(properties.delivery_mode, PERSISTENT)
        self.assertEqual(set(properties.headers), {"colour", "rbit-replayed"})
        self.assertEqual([one["id"] for one in self.letters()], ["id1", "id3"])

    def test_where_there_is_no_work_queue_it_stays(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        name = self.put_dead(queue, 2)
        done = self.dead("replay", "--all", expect=1)
        self.assertEqual(done.stderr.count("stays"), 2, done.stderr)
        self.wait_for_counts(name, 2, 0)

    def test_a_replayed_job_runs_as_new(self):
        queue = self.queue()
        self.configure_broker({queue: self.fails_without()})
        self.start()
        for job in (1, 2):
            self.publish(queue, build_request(job=job))
        wait_until(lambda: len(self.letters()) == 2, "two dead letters")
        self.write("good", "")
        self.assertEqual(self.dead("replay", "--reason", "exit 1").stdout.count("replayed"), 2)
        for job in (1, 2):
            self.assert_statuses(job, "Building", "Failed", "Building", "Done")
        self.assertEqual(self.read("runs").split(), ["1"] * 4)
        self.assertEqual(self.letters(), [])
        self.wait_for_counts(queue, 0, 0)

    def test_drop(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        name = self.put_dead(queue, 3)
        self.dead("drop", expect=2)
        self.dead("drop", "id1", "3")
        self.wait_for_counts(name, 1, 0)
        self.dead("drop", "--all")
        self.wait_for_counts(name, 0, 0)


    def test_short_ids_and_last(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        name = self.put_dead(queue, 3)
        self.assertIn("may be several: id1, id2, id3 (", self.dead("drop", "id", expect=1).stderr)
        self.wait_for_counts(name, 3, 0)
        self.assertEqual(self.dead("drop", "last").stdout, f"dropped id3 of {queue}\n")
        self.dead("drop", "2")
        self.assertEqual(self.dead("drop", "i").stdout, f"dropped id1 of {queue}\n")
        self.wait_for_counts(name, 0, 0)


class Away(Suite):
    def test_an_unreachable_broker_is_told_at_once(self):
        self.configure({"build": "runner = shell!true"},
                       amqp="host = 127.0.0.1\nport = 1\nuser = u\npassword = p")
        done = self.command("dead", "list", self.config)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn("127.0.0.1:1", done.stderr)


class OwnQueues(BrokerSuite):
    def retry_arguments(self, queue, delay, kind):
        arguments = {"x-queue-type": kind, "x-message-ttl": delay, "x-dead-letter-exchange": "",
                     "x-dead-letter-routing-key": queue, "x-max-length": 100000,
                     "x-overflow": "reject-publish"}
        if kind == "quorum":
            arguments["x-dead-letter-strategy"] = "at-least-once"
        return arguments

    def blocked_once(self):
        return "runner = shell![ $RBIT_ATTEMPT = 2 ] || exit 75\nretry-delay = 50ms"

    def try_type(self, kind):
        queue = self.queue()
        self.configure_broker({queue: self.blocked_once()}, rbit=f"queue-type = {kind}")
        self.start()
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Blocked", "Building", "Done")
        # Other arguments would be a 406.
        self.channel.queue_declare(f"rbit.retry.{queue}.50", durable=True,
                                   arguments=self.retry_arguments(queue, 50, kind))

    def test_classic(self):
        self.try_type("classic")

    def test_quorum(self):
        self.try_type("quorum")

    def test_one_of_the_other_type_is_used_as_it_is(self):
        queue = self.queue()
        self.channel.queue_declare(f"rbit.retry.{queue}.50", durable=True,
                                   arguments=self.retry_arguments(queue, 50, "classic"))
        self.configure_broker({queue: self.blocked_once()}, rbit="queue-type = quorum")
        self.start()
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Blocked", "Building", "Done")

    def test_the_headers_of_a_retry(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!exit 75\nretry-delay = 1h"},
                              rbit="name = saw-horse")
        self.start()
        many = {f"h{n:03}": n for n in range(100)}
        self.publish(queue, build_request(job=36), headers={**many, "long": "x" * 9000,
                                                            "nested": {"a": 1}})
        self.wait_for_status(36, "Blocked")
        properties, body = self.get(f"rbit.retry.{queue}.3600000")
        own = {name: value for name, value in properties.headers.items()
               if name.startswith("x-rbit-")}
        others = {name: value for name, value in properties.headers.items() if name not in own}
        self.assertEqual(own["x-rbit-attempt"], 2)
        self.assertEqual(own["x-rbit-queue"], queue)
        self.assertEqual(own["x-rbit-reason"], "exit 75")
        self.assertEqual(own["x-rbit-worker"], "saw-horse")
        self.assertGreater(own["x-rbit-first"].timestamp(), 1_600_000_000)
        self.assertEqual(len(others), 64)
        self.assertLessEqual(set(others), set(many))
        self.assertEqual(body, build_request(job=36))
        self.assertEqual(len(properties.message_id), 64)


if __name__ == "__main__":
    broker_suite.main()
