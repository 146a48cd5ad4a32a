"""ack-after: jobs that outlast the broker's acknowledgement timeout run once."""

import json
import os

import broker_suite
import node as broker_node
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until

# Twelve seconds, for rbit believes in no limit below ten; the broker looks every 256 ms.
SHORT = "application:set_env(rabbit, consumer_timeout, 12000), " \
        "application:set_env(rabbit, channel_tick_interval, 256)."


class LongJobs(BrokerSuite):
    """On a node of their own: the timeout holds for all channels that are opened later."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.impatient = broker_node.Node()
        cls.impatient.__enter__()
        cls.impatient.ctl("eval", SHORT)

    @classmethod
    def tearDownClass(cls):
        cls.impatient.__exit__(None, None, None)
        super().tearDownClass()

    def node_for_this_test(self):
        return self.impatient

    def runs(self):
        return self.read("runs").split() if os.path.exists(self.path("runs")) else []

    def publish_jobs(self, queue, count):
        for job in range(1, count + 1):
            self.publish(queue, build_request(job=job))

    def wait_for_done(self, count):
        wait_until(lambda: self.rbit.log.count("state is now 'Done'") >= count,
                   f"{count} jobs done", patience=300)

    def test_jobs_longer_than_the_timeout_run_once(self):
        queue = self.queue()
        self.configure_broker({queue: f"""
            runner = shell!echo $RBIT_JOB_ID >> {self.path('runs')}; sleep 15
            """}, rbit="slots = 16")
        self.start()
        self.publish_jobs(queue, 16)
        self.wait_for_done(16)
        self.wait_for_counts(queue, 0, 0)
        self.assertEqual(sorted(self.runs(), key=int), [str(n) for n in range(1, 17)])
        self.assertEqual(self.rbit.log.count("takes messages back that are out for 12000 ms"), 1,
                         self.rbit.log)

    def test_what_was_learned_is_known_to_the_next_life(self):
        queue = self.queue()
        self.configure_broker({queue: f"""
            runner = shell!echo $RBIT_JOB_ID >> {self.path('runs')}; sleep $((RBIT_JOB_ID == 1 ? 14 : 6))
            """}, rbit="slots = 1")
        self.start()
        self.publish_jobs(queue, 1)
        self.wait_for_done(1)
        self.assertEqual(self.rbit.stop(), 0)
        self.start()
        self.publish(queue, build_request(job=2))
        self.rbit.wait_for("on record as ours")
        self.wait_for_counts(queue, 0, 0)
        self.wait_for_status(2, "Done")
        self.assertNotIn("takes messages back", self.rbit.log)
        self.assertEqual(self.runs(), ["1", "2"])

    def test_acknowledged_early_and_failed_becomes_a_dead_letter_all_the_same(self):
        gate, queue = self.gate("gate"), self.queue()
        self.configure_broker({queue: f"""
            runner = shell!read -r _ < {gate.path}; exit 3
            ack-after = 100ms
            """})
        self.start()
        self.publish(queue, build_request(job=36), headers={"who": "us"})
        self.wait_for_status(36, "Building")
        self.wait_for_counts(queue, 0, 0)
        gate.let_through()
        properties, body = self.get(f"rbit.dead.{queue}")
        self.assertEqual(json.loads(body)["job"]["id"], 36)
        self.assertEqual(properties.headers["x-rbit-reason"], "exit 3")
        self.assertEqual(properties.headers["who"], "us")

    def test_no_more_deliveries_than_free_slots(self):
        # Each acknowledgement frees credit at the broker, and the slot is still taken.
        queue = self.queue()
        self.configure_broker({queue: f"""
            runner = shell!echo $RBIT_JOB_ID >> {self.path('runs')}; sleep 1
            ack-after = 0
            """}, rbit="slots = 2")
        self.publish_after_declaring(queue, 10)
        self.start()
        self.wait_for_done(10)
        self.assertEqual(sorted(self.runs(), key=int), [str(n) for n in range(1, 11)])
        self.assertNotIn("goes back", self.rbit.log)
        self.assertEqual(self.rbit.log.count("came again"), 0)

    def publish_after_declaring(self, queue, count):
        self.channel.queue_declare(queue, durable=True)
        self.publish_jobs(queue, count)

    def test_killed_with_an_owned_job_it_runs_from_the_journal(self):
        gate, queue = self.gate("gate"), self.queue()
        self.configure_broker({queue: f"""
            runner = shell!echo $RBIT_ATTEMPT >> {self.path('runs')}; read -r _ < {gate.path}
            ack-after = 0
            grace = 1
            """})
        self.start()
        self.publish(queue, build_request(job=36))
        self.wait_for_status(36, "Building")
        self.wait_for_counts(queue, 0, 0)
        self.rbit.kill()
        self.start()
        self.rbit.wait_for("ours since an earlier life")
        wait_until(lambda: self.runs() == ["1", "2"], "the second attempt")
        gate.let_through()
        self.wait_for_status(36, "Done")
        self.assertEqual(self.runs(), ["1", "2"])

    def test_stopped_with_an_owned_job_it_goes_back_to_its_queue(self):
        gate, queue = self.gate("gate"), self.queue()
        self.configure_broker({queue: f"""
            runner = shell!echo $RBIT_ATTEMPT >> {self.path('runs')}; read -r _ < {gate.path}
            ack-after = 0
            grace = 1
            """})
        self.start()
        self.publish(queue, build_request(job=36))
        self.wait_for_status(36, "Building")
        self.wait_for_counts(queue, 0, 0)
        self.rbit.signal(15)
        self.rbit.wait_for("drain")
        self.rbit.signal(15)
        self.assertEqual(self.rbit.wait(), 0)
        properties, body = self.get(queue)
        self.assertEqual(properties.headers["x-rbit-attempt"], 1)
        self.assertEqual(json.loads(body)["job"]["id"], 36)


if __name__ == "__main__":
    broker_suite.main()
