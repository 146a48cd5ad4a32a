"""Messages that are no jobs, in the embedded queue: kept as dead letters, and rbit goes on."""

import rbit_suite
from local_queue import LocalQueue
from pybit_messages import BAD_MESSAGES, build_request


class BadMessages(LocalQueue):
    def test_each_is_dead_with_its_reason_and_the_next_job_runs(self):
        self.configure({"build": f"runner = shell!echo %ID >> {self.path('ran')}"})
        self.submit("build", "first", job=1)  # makes the database
        self.put("build", BAD_MESSAGES.values())
        self.submit("build", "last", job=2)
        self.start()
        self.assert_statuses(1, "Building", "Done")
        self.assert_statuses(2, "Building", "Done")
        self.rbit.wait_for("becomes a dead letter", times=len(BAD_MESSAGES))
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(sorted(self.read("ran").split()), ["first", "last"])
        self.assertEqual(len(self.rbit.lines_with("becomes a dead letter")), len(BAD_MESSAGES))
        letters = self.dead()
        self.assertEqual(len(letters), len(BAD_MESSAGES))
        reasons = {bytes(body): reason for _, reason, _, body in letters}
        for name, body in BAD_MESSAGES.items():
            with self.subTest(name):
                kept = body if len(body) <= 4 << 20 else body[:64 << 10]
                self.assertRegex(reasons[kept], r"^(undecodable|invalid)\b")
                self.assertLessEqual(len(reasons[kept]), 200)
        for queue, reason, properties, _ in letters:
            self.assertEqual(queue, "build")
            self.assertIn("x-rbit-reason", properties)

    def test_they_come_once_only(self):
        self.configure({"build": "runner = shell!true"})
        self.submit("build", "first", job=1)
        self.put("build", [b"this is not JSON"])
        self.start()
        self.rbit.wait_for("becomes a dead letter")
        self.assertEqual(self.rbit.stop(), 0)
        self.start()
        self.submit("build", "next", job=2)
        self.wait_for_status(2, "Done")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.rbit.lines_with("becomes a dead letter"), [])
        self.assertEqual(len(self.dead()), 1)

    def test_a_failed_job_is_a_dead_letter_too(self):
        self.configure({"build": "runner = shell!exit 3"})
        self.start()
        body = build_request(job=36)
        self.submit("build", file=self.write("message", body))
        self.wait_for_status(36, "Failed")
        self.assertEqual(self.rbit.stop(), 0)
        [(queue, reason, _, kept)] = self.dead()
        self.assertEqual((queue, bytes(kept)), ("build", body))
        self.assertIn("exit 3", reason)


if __name__ == "__main__":
    rbit_suite.main()
