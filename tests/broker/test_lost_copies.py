"""The broker drops what it holds for rbit: a work queue that is deleted, a queue that expires."""

import json

import broker_suite
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import wait_until


class LostCopies(BrokerSuite):
    def start_blocked(self, delay):
        """An rbit whose job 36 was Blocked; its copy is at the broker."""
        self.work = self.queue()
        self.retry = f"rbit.retry.{self.work}.{delay}"
        self.status, more = self.status_queue()
        self.configure_broker({self.work: f"""
            runner = shell!exit 75
            retry-delay = {delay}ms
            """}, more=more)
        self.start()
        self.publish(self.work, build_request(job=36))
        self.assertEqual(self.reports(self.status, 2), [(36, "Building"), (36, "Blocked")])
        wait_until(lambda: self.exists(self.retry), "the queue of the delay")
        wait_until(lambda: "waits in" in self.explained(), "the end of attempt 1")

    def explained(self):
        return self.command("explain", self.config, "36").stdout

    def assert_lost(self, when):
        body = json.loads(self.get(self.status)[1])
        self.assertEqual((body["job"], body["status"]), (36, "Failed"))
        self.assertRegex(body["message"], "lost-by-broker: the broker holds no message for attempt"
                                          f" 2, due {when}.*submit it again; .*check --live")
        self.assertTrue(self.rbit.lines_with("lost-by-broker"))
        told = self.explained()
        self.assertRegex(told.splitlines()[1], "failed")
        self.assertIn("lost-by-broker: the broker holds no message for attempt 2", told)
        self.assertNotIn(", done", told)

    def test_a_work_queue_that_is_deleted_while_its_job_waits(self):
        self.start_blocked(4000)
        self.assertRegex(self.explained(), rf"waits in {self.retry} until \d{{4}}-\d\d-\d\d \d\d:\S+, "
                                           "for attempt 2")
        self.assertEqual(self.rbit.stop(), 0)  # it would make the queue again, in time
        self.channel.queue_delete(self.work)
        wait_until(lambda: self.exists(self.retry) and
                   self.channel.queue_declare(self.retry, passive=True).method.message_count == 0,
                   "the copy's end")
        self.assertRegex(self.explained(), "its message was to come again at .* and has not: it "
                         f"waits behind others in {self.work}, another rbit has it, or the broker")
        self.start()  # it does not know what others did meanwhile, and tells the log alone
        wait_until(lambda: self.rbit.lines_with("if no other rbit has taken it: lost-by-broker"),
                   "the news")

    def test_a_delay_queue_that_a_policy_expires(self):
        self.start_blocked(3_600_000)
        self.node.ctl("set_policy", self.dist, f"^rbit[.]retry[.]{self.work}", '{"expires": 1000}')
        self.addCleanup(self.node.ctl, "clear_policy", self.dist)
        # Asking for the queue itself would keep it alive.
        wait_until(lambda: self.counts(self.retry) is None, "the end of the queue")
        self.assert_lost("in 3[0-9]+ s")


if __name__ == "__main__":
    broker_suite.main()
