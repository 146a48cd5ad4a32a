"""Copies that the broker refuses: the journal stands for their messages."""

import json

import broker_suite
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until


class Retries(BrokerSuite):
    def blocked_once(self, delay):
        return (f"runner = shell!echo $RBIT_ATTEMPT >> {self.path('runs')}; "
                f"[ $RBIT_ATTEMPT = 2 ] || exit 75\nretry-delay = {delay}")

    def test_declare_no(self):
        queue = self.queue()
        self.channel.queue_declare(queue, durable=True)
        self.configure_broker({queue: self.blocked_once("200ms")}, rbit="declare = no")
        self.start()
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Blocked", "Building", "Done")
        self.assertEqual(self.read("runs").split(), ["1", "2"])
        self.wait_for_counts(queue, 0, 0)
        self.assertFalse(self.exists(f"rbit.retry.{queue}.200"))

    def test_a_delay_queue_that_would_never_let_go_and_a_restart(self):
        queue = self.queue()
        self.channel.queue_declare(f"rbit.retry.{queue}.20000", durable=True)
        self.configure_broker({queue: self.blocked_once("20s")})
        self.start()
        self.publish(queue, build_request(job=36))
        self.publish(queue, build_request(job=37, package="other"))
        for job in (36, 37):
            self.wait_for_status(job, "Blocked")
        self.wait_for_counts(queue, 0, 0)  # acknowledged: the journal stands for them
        self.rbit.kill()
        self.start()
        for job in (36, 37):
            self.assert_statuses(job, "Building", "Blocked", "Building", "Done")
        self.assertEqual(sorted(self.read("runs").split()), ["1", "1", "2", "2"])
        self.wait_for_counts(f"rbit.retry.{queue}.20000", 0, 0)  # it never was there

    def test_no_slot_is_held_meanwhile(self):
        queue = self.queue()
        self.channel.queue_declare(queue, durable=True)
        self.configure_broker({queue: """
            runner = shell![ %ID = good ] || exit 75
            retry-delay = 1h
            """}, rbit="declare = no\nslots = 1")
        self.start()
        self.publish(queue, build_request(job=1, package="bad"))
        self.wait_for_status(1, "Blocked")
        self.publish(queue, build_request(job=2, package="good"))
        self.wait_for_status(2, "Done")


class DeadLetters(BrokerSuite):
    def full_dead_queue(self, queue):
        name = f"rbit.dead.{queue}"
        self.channel.queue_declare(name, durable=True, arguments={
            "x-max-length": 1, "x-overflow": "reject-publish"})
        self.publish(name, b"full")

    def kept_letters(self):
        """The first words of the reasons of those that wait at rbit; one more is at the broker."""
        done = self.command("dead", "list", self.config, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len([one for one in found if "kept" not in one]), 1)
        return sorted(one["reason"].split(":")[0] for one in found if one.get("kept"))

    def replayed_and_dropped(self, running):
        queue = self.queue()
        self.full_dead_queue(queue)
        self.configure_broker({queue: f"runner = shell![ -e {self.path('good')} ]"})
        self.start()
        self.publish(queue, build_request(job=1))
        self.publish(queue, b"no json")
        self.wait_for_status(1, "Failed")
        wait_until(lambda: len(self.kept_letters()) == 2, "both dead letters")
        if not running:
            self.assertEqual(self.rbit.stop(), 0)
        self.write("good", "")
        done = self.command("dead", "replay", self.config, "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.command("dead", "drop", self.config, "--reason", "undecodable", "--all")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.kept_letters(), [])
        if not running:
            self.start()
        self.wait_for_status(1, "Done")
        self.assert_statuses(1, "Building", "Failed", "Building", "Done")
        self.wait_for_counts(queue, 0, 0)

    def test_those_that_wait_at_the_running_rbit_are_replayed_and_dropped(self):
        self.replayed_and_dropped(running=True)

    def test_and_where_no_rbit_runs(self):
        self.replayed_and_dropped(running=False)

    def test_a_full_queue(self):
        queue = self.queue()
        name = f"rbit.dead.{queue}"
        self.full_dead_queue(queue)
        self.configure_broker({queue: "runner = shell![ %ID = good ]"})
        self.start()
        self.publish(queue, build_request(job=1))
        self.publish(queue, b"no json")
        self.publish(queue, build_request(job=2, package="good"))
        self.wait_for_status(1, "Failed")
        self.wait_for_status(2, "Done")
        self.wait_for_counts(queue, 0, 0)
        self.assertEqual(self.counts(name), (1, 0))
        self.assertEqual(self.kept_letters(), ["exit 1", "undecodable"])
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.kept_letters(), ["exit 1", "undecodable"])
        self.channel.queue_delete(name)
        self.start()  # at a start they are offered again, later once a minute
        def letters():
            done = self.command("dead", "list", self.config, "--json")
            found = [json.loads(line) for line in done.stdout.splitlines()]
            return found if len(found) == 2 else None
        found = {one["job"]: one for one in wait_until(letters, "the dead letters")}
        self.assertEqual(found["1"]["reason"], "exit 1")
        self.assertTrue(found[""]["reason"].startswith("undecodable"))
        self.assertEqual(self.statuses(1).count("Failed"), 1)


if __name__ == "__main__":
    broker_suite.main()
