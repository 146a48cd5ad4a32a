"""A message of one queue that bears the id of a job of another, and rbit's own headers."""

import hashlib

import broker_suite
from broker_suite import BrokerSuite
from pybit_messages import build_request

HUGE = 2**63 - 1
FORGERIES = [
    {},
    {"x-rbit-attempt": 0}, {"x-rbit-attempt": -1}, {"x-rbit-attempt": 1}, {"x-rbit-attempt": 2},
    {"x-rbit-attempt": HUGE}, {"x-rbit-attempt": "2"},
    {"x-rbit-attempt": 2, "x-rbit-first": 1, "x-rbit-reason": "exit 75", "x-rbit-worker": "me"},
    {"x-rbit-attempt": 2, "rbit-replayed": HUGE}, {"rbit-replayed": "now"},
    {"x-death": [{"queue": "rbit.retry", "reason": "expired", "count": 1}], "x-rbit-attempt": 2},
    {"x-death": "expired"}, {"x-death": [], "x-delivery-count": 20}, {"x-acquired-count": 20},
]


class Forged(BrokerSuite):
    def forge(self, queue, identity, first_job):
        """One message of each kind; the last of their jobs."""
        for number, headers in enumerate(FORGERIES):
            self.publish(queue, build_request(job=first_job + number), message_id=identity,
                         headers=headers)
        return first_job + len(FORGERIES) - 1

    def test_at_every_moment_of_a_job(self):
        # The same story for an id of the producer's and for the digest that stands for none.
        for number, identity in ((1, "urn:uuid:6e8bc430"), (2, None)):
            with self.subTest(identity=identity):
                self.tell(1000 * number, identity)

    def tell(self, job, identity):
        gate, again = self.gate(f"gate{job}"), self.gate(f"again{job}")
        mine, strangers = self.queue(format=f"f{job}"), self.queue(format=f"s{job}")
        self.configure_broker({
            mine: f"""
                runner = shell!echo $RBIT_ATTEMPT >> {self.path('runs')}
                    if [ $RBIT_ATTEMPT = 1 ]; then read -r _ < {gate.path}; exit 75; fi
                    read -r _ < {again.path}
                retry-delay = 1s
                """,
            strangers: f"runner = shell!echo %JOB >> {self.path('strangers')}"}, rbit="slots = 3")
        self.write("runs", "")
        self.write("strangers", "")
        self.start()
        body = build_request(job=job)
        taken = identity or hashlib.sha256(mine.encode() + b"\0" + body).hexdigest()
        self.publish(mine, body, **({"message_id": identity} if identity else {}))
        self.wait_for_status(job, "Building")
        last = self.forge(strangers, taken, job + 1)  # while it runs
        self.wait_for_status(last, "Done")
        gate.let_through()
        self.wait_for_status(job, "Blocked")
        last = self.forge(strangers, taken, last + 1)  # while it waits, or runs again
        self.wait_for_status(last, "Done")
        again.let_through()
        self.wait_for_status(job, "Done")
        last = self.forge(strangers, taken, last + 1)  # when it is over
        self.wait_for_status(last, "Done")
        self.wait_for_counts(strangers, 0, 0)
        self.wait_for_counts(mine, 0, 0)
        self.assertEqual(self.read("runs").split(), ["1", "2"])
        self.assert_statuses(job, "Building", "Blocked", "Building", "Done")
        ran = sorted(int(one) for one in self.read("strangers").split())
        self.assertEqual(ran, list(range(job + 1, last + 1)))
        self.assertEqual(self.rbit.stop(), 0)


if __name__ == "__main__":
    broker_suite.main()
