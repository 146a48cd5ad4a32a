"""Acknowledged last; redelivered after a kill; dead letters with their reason."""

import hashlib
import os

import pika

import broker_suite
from broker_suite import PERSISTENT, BrokerSuite
from pybit_messages import BAD_MESSAGES, build_request
from rbit_suite import is_running, wait_until


class Acknowledged(BrokerSuite):
    def test_last(self):
        gate, queue = self.gate("gate"), self.queue()
        self.configure_broker({queue: f"runner = shell!read -r _ < {gate.path}"})
        self.start()
        self.publish(queue, build_request(job=36))
        self.wait_for_status(36, "Building")
        self.wait_for_counts(queue, 0, 1)
        gate.let_through()
        self.assert_statuses(36, "Building", "Done")
        self.wait_for_counts(queue, 0, 0)

    def test_redelivered_after_a_kill_with_one_final_status(self):
        gate, queue = self.gate("gate"), self.queue()
        status, more = self.status_queue()
        self.configure_broker({queue: f"""
            runner = shell!echo $$ >> {self.path('runs')}; read -r _ < {gate.path}
            grace = 1
            """}, more=more)
        self.start()
        self.publish(queue, build_request(job=36))
        wait_until(lambda: os.path.exists(self.path("runs")) and self.read("runs"), "the job")
        job = int(self.read("runs"))
        self.rbit.kill()
        wait_until(lambda: not is_running(job), "the end of the first run")
        self.wait_for_counts(queue, 1, 0)
        self.start()
        gate.let_through()
        self.wait_for_status(36, "Done")
        self.wait_for_counts(queue, 0, 0)
        self.assertEqual(len(self.read("runs").split()), 2)
        self.assertEqual(self.rbit.stop(), 0)
        count = self.channel.queue_declare(status, durable=True, passive=True).method.message_count
        told = [name for _, name in self.reports(status, count)]
        self.assertEqual(told.count("Done"), 1, told)
        self.assertEqual(told[-1], "Done")
        self.assertEqual(set(told), {"Building", "Done"})

    def test_a_running_job_survives_its_connection(self):
        # The tag dies with the channel; the redelivery joins the job.
        gate, queue = self.gate("gate"), self.queue()
        self.configure_broker({queue: f"""
            runner = shell!echo run >> {self.path('runs')}; read -r _ < {gate.path}
            """}, rbit=f"name = {self.dist}")
        self.start()
        self.publish(queue, build_request(job=36))
        self.wait_for_status(36, "Building")
        for line in self.node.ctl("list_connections", "pid", "client_properties").splitlines():
            pid, _, properties = line.partition("\t")
            if self.dist in properties:
                self.node.ctl("close_connection", pid, "a test")
        self.rbit.wait_for(self.consuming, times=2)
        self.wait_for_counts(queue, 0, 1)
        gate.let_through()
        self.wait_for_status(36, "Done")
        self.wait_for_counts(queue, 0, 0)
        self.assertEqual(self.read("runs"), "run\n")
        self.assertEqual(self.statuses(36).count("Done"), 1)

    def test_a_drained_rbit_leaves_what_it_did_not_begin(self):
        gate, queue = self.gate("gate"), self.queue()
        self.configure_broker({queue: f"runner = shell!read -r _ < {gate.path}"}, rbit="slots = 1")
        self.start()
        for job in (1, 2, 3):
            self.publish(queue, build_request(job=job))
        self.wait_for_status(1, "Building")
        self.rbit.signal(15)
        self.rbit.wait_for("drain")
        gate.let_through()
        self.assertEqual(self.rbit.wait(), 0)
        self.assertEqual(self.statuses(1), ["Building", "Done"])
        self.wait_for_counts(queue, 2, 0)

    def test_an_interrupted_job_is_back_in_its_queue(self):
        gate, queue = self.gate("gate"), self.queue()
        self.configure_broker({queue: f"runner = shell!read -r _ < {gate.path}\ngrace = 1"})
        self.start()
        self.publish(queue, build_request(job=36))
        self.wait_for_status(36, "Building")
        self.rbit.signal(15)
        self.rbit.wait_for("drain")
        self.rbit.signal(15)
        self.assertEqual(self.rbit.wait(), 0)
        self.wait_for_counts(queue, 1, 0)
        self.assertEqual(self.statuses(36), ["Building"])


class Blocked(BrokerSuite):
    def test_it_waits_in_a_queue_and_comes_back(self):
        queue = self.queue()
        self.configure_broker({queue: f"""
            runner = shell!
                echo $RBIT_ATTEMPT >> {self.path('runs')}
                [ $RBIT_ATTEMPT = 3 ] || exit 75
            retry-delay = 50ms
            """})
        self.start()
        body = build_request(job=36)
        self.publish(queue, body)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Blocked", "Building", "Done")
        self.assertEqual(self.read("runs").split(), ["1", "2", "3"])
        self.wait_for_counts(queue, 0, 0)
        for milliseconds in (50, 100):
            self.wait_for_counts(f"rbit.retry.{queue}.{milliseconds}", 0, 0)

    def test_after_the_last_attempt_it_is_a_dead_letter(self):
        queue = self.queue()
        self.configure_broker({queue: """
            runner = shell!echo no room; exit 75
            retry-delay = 50ms
            attempts = 2
            """})
        self.start()
        body = build_request(job=36)
        self.publish(queue, body)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Failed")
        properties, dead = self.get(f"rbit.dead.{queue}")
        self.assertEqual(dead, body)
        self.assertIn("x-rbit-reason", properties.headers)


class DeadLetters(BrokerSuite):
    def test_a_failed_job(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!echo the end; exit 3"})
        self.start()
        body = build_request(job=36)
        self.publish(queue, body, headers={"colour": "blue"}, correlation_id="c1")
        properties, dead = self.get(f"rbit.dead.{queue}")
        self.assertEqual(dead, body)
        self.assertIn("exit 3", properties.headers["x-rbit-reason"])
        self.assertEqual(properties.headers["x-rbit-queue"], queue)
        self.assertEqual(properties.headers["colour"], "blue")
        self.assertEqual(properties.correlation_id, "c1")
        self.assertEqual(properties.delivery_mode, PERSISTENT)
        self.wait_for_counts(queue, 0, 0)

    def test_its_queue_is_declared_as_we_say(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!exit 3"})
        self.start()
        self.publish(queue, build_request())
        self.get(f"rbit.dead.{queue}")
        self.channel.queue_declare(f"rbit.dead.{queue}", durable=True, arguments={
            "x-queue-type": "classic", "x-max-length": 100000, "x-overflow": "reject-publish"})

    def test_bad_messages_and_rbit_goes_on(self):
        queue = self.queue()
        self.configure_broker({queue: f"runner = shell!echo %ID >> {self.path('ran')}"})
        self.start("--debug")
        for name, body in BAD_MESSAGES.items():
            with self.subTest(name):
                before = len(self.rbit.log.splitlines())
                self.publish(queue, body)
                properties, dead = self.get(f"rbit.dead.{queue}")
                reason = properties.headers["x-rbit-reason"]
                self.assertRegex(reason, r"^(undecodable|invalid)\b")
                self.assertLessEqual(len(reason), 200)
                self.assertFalse([c for c in reason if ord(c) < 32])
                if len(body) > 4 << 20:
                    self.assertEqual(dead, body[:64 << 10])
                    values = {str(value) for value in properties.headers.values()}
                    self.assertIn(str(len(body)), values)
                    self.assertIn(hashlib.sha256(body).hexdigest(), values)
                else:
                    self.assertEqual(dead, body)
                def warnings():
                    return [line for line in self.rbit.log.splitlines()[before:] if "WARN" in line]
                said = wait_until(warnings, "its line")  # the log follows in its own time
                self.assertEqual(len(said), 1, said)
                self.assertIn(queue, said[0])
        self.publish(queue, build_request(package="good", job=36))
        self.assert_statuses(36, "Building", "Done")
        self.assertEqual(self.read("ran"), "good\n")
        self.wait_for_counts(queue, 0, 0)

    def test_an_odd_encoding(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.start()
        self.publish(queue, build_request(), content_encoding="gzip")
        properties, _ = self.get(f"rbit.dead.{queue}")
        self.assertIn("undecodable", properties.headers["x-rbit-reason"])

    def test_headers_nested_deep(self):
        # A reader that recurses dies of them, where its stack is small.
        queue = self.queue()
        headers = {"end": "here"}
        for _ in range(300):
            headers = {"n": headers}
        self.configure_broker({queue: "runner = shell!true"})
        self.start()
        self.publish(queue, build_request(job=36), headers=headers)
        self.assert_statuses(36, "Building", "Done")


class Properties(BrokerSuite):
    def test_none_is_required(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.start()
        self.channel.basic_publish("", queue, build_request(job=36), pika.BasicProperties(),
                                   mandatory=True)
        self.assert_statuses(36, "Building", "Done")

    def test_the_same_body_again_is_a_new_job(self):
        queue = self.queue()
        self.configure_broker({queue: f"runner = shell!echo run >> {self.path('runs')}"})
        self.start()
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Done")
        self.wait_for_counts(queue, 0, 0)
        self.publish(queue, build_request(job=36))
        self.assert_statuses(36, "Building", "Done", "Building", "Done")
        self.assertEqual(self.read("runs"), "run\n" * 2)


if __name__ == "__main__":
    broker_suite.main()
