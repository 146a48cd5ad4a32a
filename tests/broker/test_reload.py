"""A changed configuration while jobs run, with a real broker: queues and runners come and go, and no
message is lost or done twice."""

import json
import os
import time

import broker_suite
from broker_suite import BrokerSuite
from rbit_suite import wait_until

JOBS = 2000


class Reload(BrokerSuite):
    def reload(self):
        done = self.command("reload", self.config, "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def runs(self):
        return self.read("runs").split() if os.path.exists(self.path("runs")) else []

    def test_ten_reloads_a_second_over_two_thousand_jobs(self):
        one, other, rare = (self.queue(suite) for suite in ("one", "other", "rare"))
        line = f"message = json\nrunner = shell!line=$(cat); echo \"$line\" >> {self.path('runs')}"
        files = [({one: line, other: line}, "slots = 4"),
                 ({one: line + "\ntimeout = 1h"}, "slots = 2"),
                 ({one: line, other: line + "\nslots = 1", rare: line}, "slots = 3")]
        self.configure_broker(files[0][0], rbit=files[0][1])
        rbit = self.start()
        for number in range(JOBS // 2):
            for queue in (one, other):
                self.publish(queue, f'"{queue}-{number}"', message_id=f"{queue}-{number}")
        rounds = 0
        while len(self.runs()) < JOBS:
            rounds += 1
            self.configure_broker(files[rounds % 3][0], rbit=files[rounds % 3][1])
            self.reload()
            time.sleep(0.1)  # the pace that is promised, no wait for anything
        self.assertGreater(rounds, 10)
        self.configure_broker(files[0][0], rbit=files[0][1])
        self.reload()
        for queue in (one, other):
            self.wait_for_counts(queue, 0, 0)
        self.assertEqual((len(self.runs()), len(set(self.runs()))), (JOBS, JOBS))
        self.assertEqual(rbit.lines_with(" ERROR "), [])
        self.assertEqual(rbit.stop(), 0)

    def test_a_job_of_a_queue_that_left_is_acknowledged_when_it_ends(self):
        gate, left, stays = self.gate("gate"), self.queue("left"), self.queue("stays")
        waits = f"message = json\nslots = 1\nrunner = shell!read -r _ < {gate.path}"
        self.configure_broker({left: waits, stays: "message = json\nrunner = shell!true"})
        rbit = self.start()
        self.publish(left, "1", message_id="one")
        gate.wait_for_job()
        self.publish(left, "2", message_id="two")
        self.configure_broker({stays: "message = json\nrunner = shell!true"})
        self.reload()
        self.wait_for_counts(left, 1, 1)  # the second went back, the first is being done
        gate.let_through()
        rbit.wait_for("Job one's state is now 'Done'")
        self.configure_broker({left: "message = json\nrunner = shell!true"})
        self.reload()
        rbit.wait_for("Job two's state is now 'Done'")
        self.wait_for_counts(left, 0, 0)
        wait_until(lambda: len(rbit.lines_with("Job one starts")) == 1, "one start")


if __name__ == "__main__":
    broker_suite.main()
