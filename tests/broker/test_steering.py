"""`rbit status`, `pause`, `resume` and `retry` at a real broker: what it holds, and what is left there."""

import json

import broker_suite
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until


class Steering(BrokerSuite):
    def say(self, *arguments, expect=0):
        done = self.command(arguments[0], self.config, *arguments[1:])
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def status(self, queue, expect=0):
        status = json.loads(self.say("status", "--json", expect=expect))
        [one] = [one for one in status["queues"] if one["queue"] == queue]
        return status, one

    def numbers(self, queue, expect=0):
        _, one = self.status(queue, expect)
        return one["waiting"], one["running"], one["due"], one["dead"]

    def test_what_its_queues_hold(self):
        queue, gate = self.queue(), self.gate("gate")
        self.configure_broker({queue: f"""
            slots = 1
            retry-delay = 1h
            runner = shell!case %VERSION in fails) exit 3;; blocks) exit 75;; esac; read -r _ < {gate.path}
            """})
        self.start()
        for job, version in enumerate(("fails", "blocks", "runs", "waits", "last"), start=50):
            self.publish(queue, build_request(job=job, version=version))
        gate.wait_for_job()
        wait_until(lambda: self.numbers(queue) == (2, 1, 1, 1), "all of them")
        status, one = self.status(queue)
        self.assertEqual((status["well"], status["broker"]["connected"], status["broker"]["address"]),
                         (True, True, f"amqp://127.0.0.1:{self.node.port}"))
        self.assertEqual((one["state"], one["why"]), ("consuming", ""))
        for job in (52, 53, 54):
            gate.let_through()
            self.wait_for_status(job, "Done")
        self.rbit.stop()
        status, one = self.status(queue, expect=69)
        self.assertEqual((one["waiting"], one["running"], one["due"], one["dead"]), (None, 0, 1, None))

    def test_a_paused_queue_leaves_its_messages_at_the_broker(self):
        queue, other, gate = self.queue(), self.queue("other"), self.gate("gate")
        self.configure_broker({queue: f"slots = 1\nrunner = shell!read -r _ < {gate.path}",
                               other: "runner = shell!true"}, rbit="slots = 4")
        self.start()
        self.publish(queue, build_request(job=60))
        gate.wait_for_job()
        self.assertEqual(self.say("pause", queue), f"paused {queue}\n")
        for job in (61, 62):
            self.publish(queue, build_request(job=job))
        self.publish(other, build_request(job=63))
        self.wait_for_status(63, "Done")
        self.wait_for_counts(queue, 2, 1)
        wait_until(lambda: self.numbers(queue) == (2, 1, 0, 0), "what waits")
        gate.let_through()
        self.wait_for_status(60, "Done")
        self.wait_for_counts(queue, 2, 0)
        self.wait_for_consumers(queue, 0)
        self.assertEqual(self.say("status").count(" paused "), 1)
        self.rbit.kill()
        self.start(until="is paused since ")
        self.publish(other, build_request(job=64))
        self.wait_for_status(64, "Done")
        self.wait_for_counts(queue, 2, 0)
        self.say("resume", queue)
        for job in (61, 62):
            gate.let_through()
            self.assert_statuses(job, "Building", "Done")
        self.wait_for_counts(queue, 0, 0)

    def test_retry(self):
        queue, flag = self.queue(), self.path("flag")
        self.configure_broker({queue: f"""
            message = json
            runner = shell!test $RBIT_KEY = done || test -e {flag}
            """})
        self.start()
        for key, status in (("done", "Done"), ("fails", "Failed")):
            self.publish(queue, '{"order": 17}', message_id=key)
            self.wait_for_status(key, status)
        wait_until(lambda: self.numbers(queue)[3] == 1, "the dead letter")
        self.write("flag", "")
        for key in ("done", "fails"):
            again = self.say("retry", key).strip()
            self.assertNotEqual(again, key)
            self.wait_for_status(again, "Done")
        wait_until(lambda: self.numbers(queue) == (0, 0, 0, 0), "that nothing is left")


if __name__ == "__main__":
    broker_suite.main()
