"""coyote's status queue."""

import json

import broker_suite
from broker_suite import PERSISTENT, BrokerSuite
from pybit_messages import build_request


class StatusQueue(BrokerSuite):
    def test_three_members_to_the_byte(self):
        queue = self.queue()
        status, more = self.status_queue()
        self.configure_broker({queue: "runner = shell!echo a word; exit $((RBIT_JOB_ID - 36))"}, more=more)
        self.start()
        self.publish(queue, build_request(job=36))
        for expected in ("Building", "Done"):
            properties, body = self.get(status)
            self.assertEqual(properties.delivery_mode, PERSISTENT)
            report = json.loads(body)
            self.assertEqual(set(report), {"job", "status", "message"})
            self.assertEqual(report["job"], 36)
            self.assertIs(type(report["job"]), int)
            self.assertEqual(report["status"], expected)
            self.assertEqual(body.decode(), json.dumps(report))  # ", " and ": " between, as Python
        self.publish(queue, build_request(job=38))
        self.assertEqual(json.loads(self.get(status)[1])["status"], "Building")
        properties, body = self.get(status)
        failed = json.loads(body)
        self.assertEqual(failed["status"], "Failed")
        self.assertIn("exit 2", failed["message"])
        used = properties.headers
        self.assertEqual((used["x-rbit-attempt"], used["x-rbit-seq"]), (1, 2))
        self.assertEqual(used["x-rbit-exit"], "exit 2")
        self.assertGreater(used["x-rbit-wall-us"], 0)
        self.assertGreater(used["x-rbit-memory-kib"], 0)
        self.assertEqual(used["x-rbit-output-bytes"], len("a word\n"))

    def test_what_is_told_again_has_the_id_of_the_first_time(self):
        queue = self.queue()
        status, more = self.status_queue()
        self.configure_broker({queue: "runner = shell!exit $((RBIT_JOB_ID - 36))\nattempts = 1"},
                              more=more)
        self.start()
        jobs = {"done": build_request(job=36), "failed": build_request(job=37)}
        first = []
        for name, body in jobs.items():
            self.publish(queue, body, message_id=self.dist + name)
            first += [self.get(status) for _ in range(2)]
        ids = [properties.message_id for properties, _ in first]
        self.assertEqual(ids, [self.dist + end for end in
                               ("done:1:1", "done:1:2", "failed:1:1", "failed:1:2")])
        self.assertEqual(self.rbit.stop(), 0)
        for _ in range(2):
            for name, body in jobs.items():
                self.publish(queue, body, message_id=self.dist + name)
            taker = self.connection.channel()
            for _ in jobs:
                taker.basic_get(queue)
            taker.close()  # all of them are given back, and come as redelivered
            self.start()
            again = {properties.message_id: (body, properties.headers)
                     for properties, body in (self.get(status) for _ in jobs)}
            self.assertEqual(again, {first[n][0].message_id: (first[n][1], first[n][0].headers)
                                     for n in (1, 3)})
            self.assertEqual(self.rbit.stop(), 0)

    def test_a_coyote_file_reports_to_acme_status_without_being_told_to(self):
        queue = self.queue()
        self.configure_text(f"[coyote]\nstate-dir = state\nqueue-mappings =\n"
                            f"    {queue}:completezip\n"
                            f"[amqp]\nhost = 127.0.0.1\nport = {self.node.port}\n"
                            f"[runner:completezip]\nrunner = shell!exit $((RBIT_JOB_ID - 36))\n")
        self.start()
        for job, end in ((36, '"Done", "job": 36, "message": ""'),
                         (37, '"Failed", "job": 37, "message": "exit 1"')):
            self.publish(queue, build_request(job=job))
            self.assertEqual(self.get("acme-status")[1].decode(),
                             f'{{"status": "Building", "job": {job}, "message": ""}}')
            self.assertEqual(self.get("acme-status")[1].decode(), f'{{"status": {end}}}')

    def test_the_order_of_many(self):
        queue = self.queue()
        status, more = self.status_queue()
        self.configure_broker({queue: "runner = shell!true"}, more=more)
        self.start()
        jobs = range(1, 31)
        for job in jobs:
            self.publish(queue, build_request(job=job))
        told = self.reports(status, 2 * len(jobs))
        for job in jobs:
            self.assertEqual([name for of, name in told if of == job], ["Building", "Done"])

    def test_blocked_comes_between(self):
        queue = self.queue()
        status, more = self.status_queue()
        self.configure_broker({queue: "runner = shell![ $RBIT_ATTEMPT = 2 ] || exit 75\n"
                                      "retry-delay = 50ms"}, more=more)
        self.start()
        self.publish(queue, build_request(job=36))
        self.assertEqual([name for _, name in self.reports(status, 4)],
                         ["Building", "Blocked", "Building", "Done"])

    def test_declared_durable_without_arguments(self):
        queue, status = self.queue(), f"{self.dist}-acme"
        self.configure_broker({queue: "runner = shell!true"},
                              more=f"[status]\nreport = amqp\nqueue = {status}")
        self.start()
        self.publish(queue, build_request(job=36))
        self.assertEqual(self.reports(status, 2), [(36, "Building"), (36, "Done")])
        self.channel.queue_declare(status, durable=True)


if __name__ == "__main__":
    broker_suite.main()
