"""Rows 16 and 17 on a real RabbitMQ: what is acknowledged there is on record here.

    python3 tests/faults/test_disk_broker.py [--seed N] [--long] [unittest's arguments]
"""

import errno

import disk_suite  # first: it says where the others are
import broker_suite
import preload
from broker_suite import BrokerSuite
from disk_suite import TWO_AT_ONCE, DiskSuite
from pybit_messages import build_request


class Broker(DiskSuite, BrokerSuite):
    def set_up_queue(self):
        self.build_queue = self.queue()
        self.channel.queue_declare(self.build_queue, durable=True)
        self.configure_broker({self.build_queue: self.runner()}, rbit=TWO_AT_ONCE)

    def give(self):
        job = next(self.ids)
        self.publish(self.build_queue, build_request(package=f"p{job}", job=job),
                     message_id=f"{self.build_queue}-{job}")
        self.confirmed.append(job)
        return job

    def nothing_is_held(self):
        declared = self.channel.queue_declare(self.build_queue, passive=True)
        self.assertEqual(declared.method.message_count, 0)

    def test_a_write_meets_a_full_disk_once(self):
        self.run_with(self.once, preload.WRITE, errno.ENOSPC)

    def test_a_write_meets_a_full_disk_for_a_while(self):
        self.run_with(self.lasting, preload.WRITE, errno.ENOSPC)

    def test_a_sync_fails_once(self):
        self.run_with(self.once, preload.SYNC, errno.EIO)

    def test_a_sync_fails_for_a_while(self):
        self.run_with(self.lasting, preload.SYNC, errno.EIO)

    def test_killed_while_the_disk_is_full(self):
        self.run_with(self.killed, preload.WRITE, errno.ENOSPC, most_runs=2)


if __name__ == "__main__":
    disk_suite.main(broker_suite.main)
