"""The page of the monitor on a real broker: what waits there and is dead there, and what is done
about it in a browser."""

import unittest

import node as broker_node
import broker_suite
from broker_suite import BrokerSuite
from page_case import PageCase, needs_browser
from pybit_messages import build_request
from rbit_suite import wait_until

own = None  # one node for this file: its tests leave it as they found it


def setUpModule():
    global own
    own = broker_node.Node()
    unittest.addModuleCleanup(own.stop)
    own.start()


@needs_browser
class Page(PageCase, BrokerSuite):
    def node_for_this_test(self):
        return own

    def test_jobs_wait_run_fail_and_are_replayed(self):
        slow, bad = self.queue("slow"), self.queue("bad")
        self.port = broker_node.free_base()
        gate = self.gate("gate")
        self.configure_broker({
            slow: f"runner = shell!echo working; read -r _ < {gate.path}\nslots = 1\n"
                  "prefetch-ahead = 0",
            bad: "runner = shell!echo '<b>no</b>'; exit 3"}, more=self.with_token())
        self.start()
        for job in (1, 2):
            self.publish(slow, build_request(job=job))
        self.publish(bad, build_request(job=3))
        page = self.sign_in()
        page.until_text("#running", "working")
        page.until_text("#recent", "<b>no</b>")
        page.until("[...document.querySelectorAll(\"#queues [data-label='Waiting']\")]"
                   ".some(cell => cell.innerText === '1')", "what waits at the broker")
        page.until("!document.querySelector('#show-dead').hidden", "the dead letter at the broker")
        self.take_pictures(page, "broker")
        page.click("#show-dead")
        page.until("document.querySelectorAll('#dead [data-key]').length === 1")
        page.until_text("#dead", "exit 3")
        self.take_pictures(page, "broker-dead")
        page.click("#dead .quiet")
        wait_until(lambda: self.statuses(3).count("Failed") == 2, "job 3 to fail again")
        page.click("[aria-label='Retry job 3']")
        page.until_text("#said", "Submitted again: ")
        wait_until(lambda: self.statuses(3).count("Failed") == 3, "job 3 to fail once more")
        page.click("#show-dead")
        page.until("!document.querySelector('#show-dead').disabled")
        page.until("document.querySelectorAll('#dead .danger').length === 1")
        page.click("#dead .danger")
        page.until("document.getElementById('ask').open")
        page.click("#a-yes")
        page.until_text("#dead", "There are none.")
        page.click("[aria-label='Cancel job 1']")
        page.until("document.getElementById('ask').open")
        page.click("#a-yes")
        self.wait_for_status(1, "Cancelled")
        gate.let_through()
        self.wait_for_status(2, "Done")
        page.until_text("#recent", "Done")
        foreign = [one for one in page.requests
                   if not one.startswith((self.address + "/", "data:", "about:"))]
        self.assertEqual(foreign, [])


if __name__ == "__main__":
    broker_suite.main()
