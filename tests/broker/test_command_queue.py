"""The command queue and PyBit's cancels on a real broker."""

import pika

import broker_suite
from broker_suite import BrokerSuite
from front_end import FrontEnd
from pybit_messages import build_request, cancel_request
from rbit_suite import wait_until

TASK_COMPLETE = (b'{"py/object": "pybit.models.TaskComplete", "message": "success", '
                 b'"success": true}')


class Commands(BrokerSuite):
    def setUp(self):
        super().setUp()
        self.front_end = FrontEnd()
        self.addCleanup(self.front_end.go_down)
        self.name = f"{self.dist}-horse"
        self.client = f"build_client_{self.name}"
        self.work = self.queue()
        # An exchange of its own: names at a broker outlive a test.
        self.exchange = f"{self.dist}-pybit"

    def run_rbit(self, runner, rbit="", amqp=""):
        self.configure_broker({self.work: runner},
                              rbit=f"name = {self.name}\nexchange = {self.exchange}\n{rbit}",
                              more=f"[status]\nurl = {self.front_end.url}\n", amqp=amqp)
        self.start()

    def until_active(self):
        wait_until(self.is_active, f"{self.client} to be active\n{self.rbit.log[-3000:]}")

    def is_active(self):
        """As PyBit-web finds out: a passive declare from another connection, answered with 405."""
        with broker_suite.blocking_connection(self.node.url) as other:
            try:
                other.channel().queue_declare(self.client, passive=True)
            except pika.exceptions.ChannelClosedByBroker as closed:
                self.assertIn(closed.reply_code, (404, 405))
                return closed.reply_code == 405
        raise AssertionError("the command queue is not exclusive")

    def is_bound(self):
        """Whether the exchange brings something there: a message that means nothing."""
        channel = self.connection.channel()
        channel.confirm_delivery()
        try:
            channel.basic_publish(self.exchange, self.client, TASK_COMPLETE, mandatory=True)
        except (pika.exceptions.UnroutableError, pika.exceptions.ChannelClosedByBroker):
            return False
        finally:
            if channel.is_open:
                channel.close()
        return True

    def until_bound(self):
        wait_until(self.is_bound, f"the binding of {self.client}\n{self.rbit.log[-3000:]}")

    def order(self, body):
        """As PyBit-web publishes it: to the exchange, with the client's name as key."""
        self.channel.basic_publish(self.exchange, self.client, body,
                                   pika.BasicProperties(delivery_mode=2))

    def cancel(self, job):
        self.front_end.cancel(job, lambda client: self.channel.basic_publish(
            self.exchange, client, cancel_request(job, client),
            pika.BasicProperties(delivery_mode=2)))

    def told(self, job, *statuses):
        try:
            wait_until(lambda: self.front_end.statuses(job) == list(statuses), statuses)
        except AssertionError:
            self.fail(f"job {job} is {self.front_end.statuses(job)}, not {statuses}\n"
                      f"{self.rbit.log[-3000:]}")

    # ---- the queue

    def test_the_client_is_active_as_long_as_rbit_runs(self):
        self.run_rbit("runner = shell!true")
        self.until_active()
        self.until_bound()
        line = [one for one in self.node.ctl("list_queues", "name", "durable", "exclusive",
                                             "auto_delete", "arguments").splitlines()
                if one.startswith(self.client + "\t")]
        self.assertEqual(line[0].split("\t")[1:4], ["false", "true", "true"])
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building", "Done")
        forms = [request["form"] for request in self.front_end.requests]
        self.assertEqual(forms, [{"status": "Building", "client": self.client},
                                 {"status": "Done"}])
        self.assertEqual(self.rbit.stop(), 0)
        wait_until(lambda: not self.is_active(), f"the end of {self.client}")

    def test_it_may_be_named_otherwise_or_be_left_out(self):
        self.client = f"{self.dist}-orders"
        self.run_rbit("runner = shell!true", rbit=f"command-queue = {self.client}")
        self.until_active()
        self.assertEqual(self.rbit.stop(), 0)
        self.run_rbit("runner = shell!true", rbit="command-queue = no")
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building", "Done")
        self.assertEqual([one["form"] for one in self.front_end.requests],
                         [{"status": "Building"}, {"status": "Done"}])
        self.assertFalse(self.is_active())

    def test_where_rbit_declares_nothing_it_has_its_command_queue_all_the_same(self):
        # It is exclusive, so that nobody else can make it.
        self.channel.queue_declare(self.work, durable=True)
        self.channel.exchange_declare(self.exchange, "direct", durable=True)
        self.addCleanup(lambda: self.channel.exchange_delete(self.exchange))
        self.run_rbit("runner = shell!trap 'exit 3' INT; while :; do sleep 0.05; done",
                      rbit="declare = no")
        self.until_active()
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building")
        self.cancel(36)
        self.told(36, "Building", "Cancelled")
        self.wait_for_counts(self.work, 0, 0)

    def test_without_the_exchange_rbit_starts_and_binds_when_it_is_there(self):
        self.channel.queue_declare(self.work, durable=True)
        self.run_rbit("runner = shell!true", rbit="declare = passive")
        self.until_active()
        self.rbit.wait_for("could not be bound to exchange")
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building", "Done")
        self.assertEqual(self.rbit.stop(), 0)
        self.channel.exchange_declare(self.exchange, "direct", durable=True)
        self.addCleanup(lambda: self.channel.exchange_delete(self.exchange))
        self.run_rbit("runner = shell!true", rbit="declare = passive")
        self.until_bound()

    def test_only_a_cancel_means_something_there(self):
        gate = self.gate("gate")
        self.run_rbit(f"runner = shell!read -r _ < {gate.path}")
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building")
        for body in (build_request(job=37), TASK_COMPLETE, b"", b"<html>", b"[]", b"x" * (5 << 20),
                     cancel_request(36).replace(b'"id": 36', b'"id": "36; true"'),
                     cancel_request(36).replace(b'"web_host"', b'"py/reduce"')):
            self.order(body)
        self.rbit.wait_for("BuildRequest means nothing here and is dropped")
        self.rbit.wait_for("TaskComplete means nothing here and is dropped", 2)  # one of until_bound
        self.rbit.wait_for("is no command and is dropped", 6)
        gate.let_through()
        self.told(36, "Building", "Done")
        self.assertEqual(self.front_end.statuses(37), [])

    # ---- cancels

    def test_a_running_job_gets_sigint_first_and_is_cancelled(self):
        self.run_rbit(f"""
            runner = shell!trap 'echo INT >> {self.path('signals')}; exit 1' INT; trap 'echo TERM >> {self.path('signals')}' TERM; echo run >> {self.path('runs')}; while :; do sleep 0.05; done
            """)
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.wait_for_file("runs")
        self.told(36, "Building")
        self.cancel(36)
        self.told(36, "Building", "Cancelled")
        self.assertEqual(self.read("signals"), "INT\n")
        self.wait_for_counts(self.work, 0, 0)
        self.assertEqual(self.read("runs"), "run\n")

    def test_one_that_ignores_it_is_killed_after_grace(self):
        self.run_rbit(f"""
            runner = shell!trap '' INT TERM; echo run >> {self.path('runs')}; while :; do sleep 0.05; done
            grace = 300ms
            """)
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.wait_for_file("runs")
        self.told(36, "Building")
        self.cancel(36)
        self.told(36, "Building", "Cancelled")

    def test_one_that_was_not_received_yet_is_never_built(self):
        self.run_rbit(f"runner = shell!echo %JOB >> {self.path('built')}")
        self.until_bound()
        self.order(cancel_request(36, self.client))
        self.rbit.wait_for("was not seen here")
        self.rbit.kill()  # it is on record
        self.start()
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.told(36, "Cancelled")
        self.publish(self.work, build_request(job=37))
        self.told(37, "Building", "Done")
        self.assertEqual(self.read("built"), "37\n")
        self.wait_for_counts(self.work, 0, 0)

    def test_one_that_waits_for_its_retry_at_the_broker(self):
        self.run_rbit(f"""
            runner = shell!echo %JOB >> {self.path('built')}; exit 75
            retry-delay = 8s
            """)
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building", "Blocked")
        self.order(cancel_request(36, self.client))  # one that raced with the report
        self.told(36, "Building", "Blocked", "Cancelled")
        retry = f"rbit.retry.{self.work}.8000"
        self.wait_for_counts(retry, 0, 0)  # it came back
        self.wait_for_counts(self.work, 0, 0)
        self.assertEqual(self.read("built"), "36\n")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.front_end.statuses(36), ["Building", "Blocked", "Cancelled"])

    def test_pybits_own_cancel_of_a_waiting_job_is_seen_before_it_is_built(self):
        gate = self.gate("gate")
        self.run_rbit(f"""
            runner = shell!echo %JOB >> {self.path('built')}; read -r _ < {gate.path}; exit 75
            retry-delay = 500ms
            """)
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building")
        self.front_end.hangs.clear()  # who asks how it has the job is told after the cancel
        gate.let_through()
        self.told(36, "Building", "Blocked")
        self.cancel(36)  # PyBit writes Cancelled itself
        self.front_end.hangs.set()
        self.rbit.wait_for("job 36 is not built, its message is accepted")
        self.wait_for_counts(self.work, 0, 0)
        self.assertEqual(self.read("built"), "36\n")
        self.assertEqual(self.front_end.statuses(36), ["Building", "Blocked"])

    def test_one_that_is_over_is_left_alone(self):
        self.run_rbit("runner = shell!true")
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building", "Done")
        self.order(cancel_request(36, self.client))
        self.rbit.wait_for("it is over")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.front_end.statuses(36), ["Building", "Done"])

    def test_a_crash_right_after_a_cancel_does_not_lose_it(self):
        self.run_rbit(f"""
            runner = shell!trap '' INT TERM; echo run >> {self.path('runs')}; while :; do sleep 0.05; done
            grace = 1
            """)
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.wait_for_file("runs")
        self.told(36, "Building")
        self.cancel(36)
        self.rbit.wait_for("is to be cancelled")
        self.rbit.kill()
        self.start()
        self.rbit.wait_for("state is now 'Cancelled'")
        self.wait_for_counts(self.work, 0, 0)
        self.assertEqual(self.rbit.stop(), 0)
        # What was told without that being on record is told once more; so is the status of a message
        # that came again after the verdict (crash table).
        told = self.front_end.statuses(36)
        self.assertIn(told[told.count("Building"):], (["Cancelled"], ["Cancelled"] * 2))
        self.assertIn(told.count("Building"), (1, 2))
        self.assertEqual(self.read("runs"), "run\n")

    # ---- who has the name

    def test_a_second_rbit_of_the_name_ends_with_75_but_not_at_once(self):
        self.run_rbit("runner = shell!true", amqp="heartbeat = 3")
        self.until_active()
        first = self.rbit
        self.write("other.ini", self.read("rbit.ini").replace("state-dir = state",
                                                              "state-dir = state2"))
        self.config = self.path("other.ini")
        self.start(until="")
        self.rbit.wait_for("is held by another connection")
        self.assertIsNone(self.rbit.process.poll())
        self.assertEqual(self.rbit.wait(), 75)
        self.rbit.wait_for("another rbit has this name: it has held the queue for 7 s")
        self.assertTrue(self.is_active())
        self.assertEqual(first.stop(), 0)

    def test_a_ghost_of_our_own_is_waited_for(self):
        # Who held it lets go of it after less than two heartbeats: as a broker does that finds out
        # that a connection is dead.
        with broker_suite.blocking_connection(self.node.url) as ghost:
            ghost.channel().queue_declare(self.client, exclusive=True, auto_delete=True)
            self.run_rbit("runner = shell!true")
            self.rbit.wait_for("is held by another connection")
            self.assertTrue(self.is_active())
        self.rbit.wait_for("is ours")
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building", "Done")

    def test_it_is_back_after_the_connection_was_lost(self):
        gate = self.gate("gate")
        self.run_rbit(f"""
            runner = shell!trap 'exit 3' INT; read -r _ < {gate.path}
            """)
        self.until_bound()
        self.publish(self.work, build_request(job=36))
        self.told(36, "Building")
        for line in self.node.ctl("list_connections", "pid", "client_properties").splitlines():
            if f"rbit {self.name} intake" in line:
                self.node.ctl("close_connection", line.split("\t")[0], "a test")
        self.rbit.wait_for("is lost")
        self.rbit.wait_for("consuming from", 2)
        self.until_bound()
        self.cancel(36)
        self.told(36, "Building", "Cancelled")
        self.wait_for_counts(self.work, 0, 0)


if __name__ == "__main__":
    broker_suite.main()
