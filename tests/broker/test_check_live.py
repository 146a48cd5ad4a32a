"""`rbit check --live` at a real broker: what it finds there, and that it changes nothing."""

import json
import re

import broker_suite
import node as broker_node
from broker_suite import BrokerSuite
from rbit_suite import wait_until

# All queues, exchanges and bindings in one call: rabbitmqctl is slow to start. Not those of other
# tests, whose connections may be ending just now.
EVERYTHING = """\
Ours = fun({resource, _, _, Name}) ->
    re:run(Name, "^(rbit[.].*|build_client_)?t[0-9]+n[0-9]+") =:= nomatch
        orelse re:run(Name, "DIST($|[^0-9])") =/= nomatch
end,
Items = [name, durable, auto_delete, arguments, messages, messages_unacknowledged, consumers],
{lists:sort([rabbit_amqqueue:info(Queue, Items) || Queue <- rabbit_amqqueue:list(<<"/">>),
                                                   Ours(amqqueue:get_name(Queue))]),
 lists:sort([Info || [{name, Name} | _] = Info <- rabbit_exchange:info_all(
                         <<"/">>, [name, type, durable, arguments]), Ours(Name)]),
 lists:sort([Binding || Binding <- rabbit_binding:list(<<"/">>), Ours(element(4, Binding))])}.
"""


class CheckLive(BrokerSuite):
    def everything(self):
        return self.node.ctl("eval", EVERYTHING.replace("DIST", self.dist))

    def check(self, expect):
        """The lines; the broker is as it was."""
        before = self.everything()
        self.assertIn("amq.direct", before)
        done = self.command("check", self.config, "--live", "--root", self.directory)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        self.assertEqual(self.everything(), before)
        return done.stdout

    def configure_legacy(self, rbit="", amqp=""):
        """The queue of one suite, in the form that binds it."""
        queue = self.queue()
        self.configure_text(f"[rbit]\nstate-dir = state\ndistribution = {self.dist}\n"
                            f"architecture = any\nsuites = latex\nformat = pdf\n{rbit}\n"
                            f"[amqp]\nhost = 127.0.0.1\nport = {self.node.port}\n{amqp}\n"
                            f"[runner:{queue}]\nrunner = shell!true\n")
        return queue

    def test_nothing_there_yet_and_then_all_well(self):
        queue = self.configure_legacy(f"exchange = {self.dist}")
        said = self.check(0)
        self.assertIn(f"ok   exchange {self.dist} is not there yet; rbit makes it", said)
        self.assertIn(f"ok   queue {queue} is not there yet; rbit makes it", said)
        self.assertNotIn("warn", said)
        self.start()
        self.assertEqual(self.rbit.stop(), 0)
        self.wait_for_consumers(queue, 0)
        self.publish(queue, b"{}")
        said = self.check(0)
        self.assertIn("ok   [amqp] logged in at 127.0.0.1:", said)
        self.assertIn(f"ok   queue {queue}: 1 messages, 0 consumers", said)
        self.assertIn(f"ok   exchange {self.dist} is direct and durable", said)
        self.assertIn("ok   the default exchange takes messages", said)
        self.assertIn("rbit makes them", said)
        method, _, _ = self.channel.basic_get(queue, auto_ack=True)
        self.assertFalse(method.redelivered)  # it was not even looked at

    def test_a_queue_that_rbit_does_not_make(self):
        queue = self.configure_legacy("declare = passive")
        said = self.check(1)
        self.assertIn(f"FAIL queue {queue}: is not there, and rbit does not make it", said)
        self.assertIn("warn bindings to exchange pybit", said)

    def test_queues_and_an_exchange_of_another_make(self):
        queue = self.configure_legacy(f"exchange = {self.dist}")
        self.channel.queue_declare(queue, durable=True, arguments={"x-max-length": 10})
        self.channel.exchange_declare(self.dist, "topic", durable=True)
        said = self.check(1)
        self.assertRegex(said, f"FAIL queue {queue}: is not as PyBit and rbit declare it .*"
                               "x-max-length")
        self.assertRegex(said, f"FAIL exchange {self.dist}: is not as PyBit declares it")

    def test_queues_of_other_types_that_work(self):
        kinds = {"quorum": {"x-queue-type": "quorum"}, "single": {"x-single-active-consumer": True},
                 "priority": {"x-max-priority": 5}, "lazy": {"x-queue-mode": "lazy"}}
        queues = {self.queue(kind): arguments for kind, arguments in kinds.items()}
        for queue, arguments in queues.items():
            self.channel.queue_declare(queue, durable=True, arguments=arguments)
        runners = {queue: "runner = shell!true" for queue in queues}
        self.configure_broker(runners)
        said = self.check(0)
        for queue in queues:
            self.assertRegex(said, f"warn queue {queue}: is not as PyBit .* reads it as it is")
        self.assertEqual(said.count("without --management"), 1, said)
        self.configure_broker(runners, more="[status]\nreport = pybit\nurl = http://127.0.0.1:1\n")
        said = self.check(1)
        for queue in queues:
            self.assertRegex(said, f"FAIL queue {queue}: is not as PyBit .* cannot send to it")

    def test_wrong_password_and_missing_virtual_host(self):
        self.configure_legacy(amqp="user = guest\npassword = wrong-one")
        said = self.check(1)
        self.assertRegex(said, r"FAIL \[amqp\] broker 127.0.0.1:\d+: .*ACCESS_REFUSED.*"
                               r"\(check \[amqp\] user and password\)")
        self.assertNotIn("wrong-one", said)
        self.configure_legacy(amqp="virtual_host = nowhere")
        self.assertRegex(self.check(1), r"FAIL \[amqp\] broker .*nowhere")

    def test_permissions(self):
        user = self.dist
        self.node.ctl("add_user", user, "right")
        login = f"user = {user}\npassword = right"

        def allow(configure, write, read):
            self.node.ctl("set_permissions", user, configure, write, read)

        queue = self.configure_legacy(amqp=login)
        allow("^$", "^$", "^$")
        said = self.check(1)
        self.assertIn(f"FAIL queue {queue}: is not there, and user '{user}' may not make it", said)
        self.assertIn(f"FAIL the default exchange: user '{user}' may not write to it", said)
        self.channel.queue_declare(queue, durable=True)
        said = self.check(1)
        self.assertRegex(said, f"warn queue {queue}: is there, but user '{user}' may not declare")
        self.assertIn(f"FAIL queue {queue}: user '{user}' may not read from it", said)
        self.assertIn(f"warn queue {queue}: user '{user}' may not bind it", said)
        self.assertIn(f"may not make rbit's own queue rbit.dead.{queue}", said)
        allow(".*", ".*", ".*")
        self.assertNotIn("warn", self.check(0))

    def test_the_command_queue(self):
        self.configure_broker({self.queue(): "runner = shell!true"}, rbit=f"name = {self.dist}",
                              more="[status]\nreport = pybit\nurl = http://127.0.0.1:1\n")
        name = f"build_client_{self.dist}"
        self.assertIn(f"ok   command queue {name} is free", self.check(1))  # no front-end: 1
        self.channel.queue_declare(name, exclusive=True, auto_delete=True)
        self.assertIn(f"warn command queue {name}: is taken", self.check(1))

    def test_the_exchange_of_the_command_queue_where_rbit_declares_nothing(self):
        queue, exchange = self.queue(), f"{self.dist}-pybit"
        self.channel.queue_declare(queue, durable=True)
        self.configure_broker({queue: "runner = shell!true"},
                              rbit=f"name = {self.dist}\nexchange = {exchange}\n"
                                   "declare = no\ncommand-queue = yes")
        self.assertRegex(self.check(0), f"warn exchange {exchange}: is not there, and .* no "
                                        "cancel reaches its command queue")
        self.channel.exchange_declare(exchange, "direct", durable=True)
        self.addCleanup(lambda: self.channel.exchange_delete(exchange))
        self.assertIn(f"ok   exchange {exchange} is there", self.check(0))

    def test_the_status_queue_of_another_make(self):
        queue = self.queue()
        status = f"{self.dist}-status"
        self.channel.queue_declare(status, durable=False, auto_delete=False)
        self.configure_broker({queue: "runner = shell!true"},
                              more=f"[status]\nreport = amqp\nqueue = {status}")
        said = self.check(1)
        self.assertRegex(said, rf"FAIL \[status\] queue {status}: is not as PyBit and rbit declare")


class Management(BrokerSuite):
    """What RabbitMQ's own management plugin answers."""

    @classmethod
    def setUpClass(cls):
        cls.management = broker_node.free_base()
        cls.broker = broker_node.Node(
            config="management.tcp.ip = 127.0.0.1\n"
                   f"management.tcp.port = {cls.management}\n",
            plugins=("rabbitmq_management",))
        cls.broker.start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def node_for_this_test(self):
        return self.broker


class Alarm(Management):
    def test_a_broker_that_blocks_whoever_publishes(self):
        self.configure_broker({self.queue(): "runner = shell!true"})
        self.node.ctl("set_vm_memory_high_watermark", "absolute", "1")
        self.addCleanup(self.node.ctl, "set_vm_memory_high_watermark", "absolute", "1GB")
        checked = self.command("check", self.config, "--live", "--root", self.directory)
        self.assertEqual(checked.returncode, 1, checked.stdout)
        self.assertRegex(checked.stdout, "FAIL the default exchange: takes no messages now, .*low "
                                         "on memory")


class Bindings(Management):
    def check(self, expect, rbit="", amqp=""):
        self.legacy = f"{self.dist}_any_latex_pdf"
        self.configure_text(f"[rbit]\nstate-dir = state\ndistribution = {self.dist}\n"
                            f"architecture = any\nsuites = latex\nformat = pdf\n{rbit}\n"
                            f"[amqp]\nhost = 127.0.0.1\nport = {self.node.port}\n{amqp}\n"
                            f"[runner:{self.legacy}]\nrunner = shell!true\n")
        done = self.command("check", self.config, "--live", "--management", str(self.management),
                            "--root", self.directory)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def test_bindings(self):
        said = self.check(0)
        self.assertIn("yet; rbit does it", said)
        self.channel.exchange_declare("pybit", "direct", durable=True)
        self.channel.queue_declare(self.legacy, durable=True)
        dotted = self.legacy.replace("_", ".")
        self.assertIn(f"not bound from exchange pybit by {dotted}, {self.legacy} yet",
                      self.check(0))
        self.assertIn(f"FAIL queue {self.legacy}: nothing comes from exchange pybit by PyBit's "
                      f"key {dotted}", self.check(1, "declare = passive"))
        self.channel.queue_bind(self.legacy, "pybit", dotted)
        self.assertIn("warn queue", self.check(0, "declare = passive"))
        self.channel.queue_bind(self.legacy, "pybit", self.legacy)
        said = self.check(0, "declare = passive")
        self.assertIn("bound from exchange pybit by both keys", said)
        self.assertNotIn("warn", said)

    def test_a_user_without_the_tag(self):
        self.node.ctl("add_user", "plain", "right")
        self.node.ctl("set_permissions", "plain", ".*", ".*", ".*")
        self.assertIn("rabbitmqctl set_user_tags plain management",
                      self.check(1, amqp="user = plain\npassword = right"))


class Drops(Management):
    """Policies and arguments by which the broker drops what rbit has there."""

    def check_drops(self, expect=0):
        done = self.command("check", self.config, "--live", "--management", str(self.management),
                            "--root", self.directory)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return [line for line in done.stdout.splitlines() if line.startswith("warn queue ")
                and self.dist in line]

    def policy(self, definition, pattern=None, priority=1):
        name = f"p{priority}-{self.dist}"
        self.node.ctl("set_policy", "--priority", str(priority), name, pattern or f".*{self.dist}.*",
                      json.dumps(definition))
        self.addCleanup(self.node.ctl, "clear_policy", name)

    def declare_all(self, kind="classic"):
        self.work = self.queue()
        self.configure_broker({self.work: "runner = shell!true"})
        self.own = {"x-queue-type": kind, "x-max-length": 100000, "x-overflow": "reject-publish"}
        self.channel.queue_declare(self.work, durable=True)
        self.channel.queue_declare("rbit.dead." + self.work, durable=True, arguments=self.own)
        self.channel.queue_declare(f"rbit.retry.{self.work}.1000", durable=True, arguments={
            **self.own, "x-message-ttl": 1000, "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.work})

    def test_queues_as_rbit_makes_them_drop_nothing(self):
        self.declare_all()
        self.assertEqual(self.check_drops(), [])
        self.policy({"max-length": 5})  # ours refuse what is too much
        [line] = wait_until(self.check_drops, "the policy")
        self.assertRegex(line, f"queue {self.work}: policy '.*max-length = 5. drops the oldest")

    def test_a_policy_that_expires_and_one_that_comes_first(self):
        self.declare_all()
        self.policy({"expires": 3600000, "message-ttl": 60000})
        wanted = {f"{queue} {key}" for queue, keys in (
            (self.work, ("expires", "message-ttl")),
            ("rbit.dead." + self.work, ("expires", "message-ttl")),
            (f"rbit.retry.{self.work}.1000", ("expires",))) for key in keys}
        # The plugin knows of a policy some seconds later.
        wait_until(lambda: {re.sub(r"warn queue (\S+): policy '[^']+' \((\S+) = .*", r"\1 \2", line)
                            for line in self.check_drops()} == wanted, "the policy", patience=60)
        self.assertIn("rabbitmqctl set_policy --priority 1000", "".join(self.check_drops()))
        self.policy({"overflow": "reject-publish"}, rf"^rbit\.(dead|retry)\..*{self.dist}", 1000)
        wait_until(lambda: all(f"queue {self.work}: " in line for line in self.check_drops()),
                   "the policy that comes first", patience=30)

    def test_an_operators_policy_and_the_status_queue(self):
        self.work, status = self.queue(), f"{self.dist}-status"
        self.configure_broker({self.work: "runner = shell!true"},
                              more=f"[status]\nreport = amqp\nqueue = {status}\n")
        name = f"o-{self.dist}"
        self.node.ctl("set_operator_policy", name, self.dist, '{"message-ttl": 60000}')
        self.addCleanup(self.node.ctl, "clear_operator_policy", name)
        self.channel.queue_declare(self.work, durable=True)  # the others are not there yet
        lines = wait_until(lambda: (lambda found: len(found) == 3 and found)(self.check_drops()),
                           "the policy", patience=60)
        for queue, line in zip((self.work, f"rbit.dead.{self.work}", status), lines):
            self.assertRegex(line, f"queue {queue}: operator policy '{name}' .message-ttl = 60000. "
                                   f".*clear_operator_policy {name}")

    def test_queues_that_are_not_there_yet_and_arguments(self):
        self.work = self.queue()
        self.configure_broker({self.work: "runner = shell!true"}, rbit="declare = passive")
        self.channel.queue_declare(self.work, durable=True, arguments={
            "x-message-ttl": 1000, "x-expires": 3600000, "x-max-length": 3})
        lines = wait_until(self.check_drops, "the arguments")
        self.assertEqual(len([line for line in lines if "its argument (x-" in line]), 3, lines)
        self.policy({"expires": 3600000})
        wait_until(lambda: {line.split()[2] for line in self.check_drops() if "policy" in line} >= {
            f"rbit.dead.{self.work}:", f"rbit.retry.{self.work}.60000:"}, "the policy")


if __name__ == "__main__":
    broker_suite.main()
