"""What jobs send, and what becomes of it at a real broker."""

import json
import uuid

import broker_suite
import pika
from broker_suite import PERSISTENT, BrokerSuite
from rbit_suite import wait_until

SAYS = 'runner = shell!cat "$RBIT_MESSAGE_FILE" >&3\nmessage = raw\n'  # a job says what it is told


def publish(**members):
    return json.dumps({"publish": members}) + "\n"


class FibonacciRpcClient:
    """RabbitMQ's tutorial six, with pika, as it stands there; but for the names."""

    def __init__(self, connection, queue):
        self.connection, self.queue = connection, queue
        self.channel = self.connection.channel()
        result = self.channel.queue_declare(queue="", exclusive=True)
        self.callback_queue = result.method.queue
        self.channel.basic_consume(queue=self.callback_queue,
                                   on_message_callback=self.on_response, auto_ack=True)
        self.response = None
        self.corr_id = None

    def on_response(self, ch, method, props, body):
        if self.corr_id == props.correlation_id:
            self.response = body

    def call(self, n):
        self.response = None
        self.corr_id = str(uuid.uuid4())
        self.channel.basic_publish(
            exchange="", routing_key=self.queue,
            properties=pika.BasicProperties(reply_to=self.callback_queue,
                                            correlation_id=self.corr_id),
            body=json.dumps(n))
        def answered():
            self.connection.process_data_events(time_limit=0.05)
            return self.response
        return json.loads(wait_until(answered, "the answer"))


class Sending(BrokerSuite):
    def bound_queue(self, exchange, key, kind="topic"):
        name = f"{self.dist}-{exchange or 'default'}-taken"
        self.channel.queue_declare(name, durable=True)
        if exchange:
            self.channel.exchange_declare(self.exchange(exchange), kind, durable=True)
            self.channel.queue_bind(name, self.exchange(exchange), key)
        return name

    def exchange(self, name):
        return f"{self.dist}-{name}"

    def test_pikas_rpc_client_gets_its_answers(self):
        queue = self.queue()
        self.configure_broker({queue: """
            runner = shell!n=$(cat "$RBIT_MESSAGE_FILE"); echo "{\\"result\\": $((n * n))}" >&3; test "$n" -lt 100 || { echo too much >&2; exit 3; }
            message = json
            reply = yes
            """})
        self.start()
        client = FibonacciRpcClient(broker_suite.blocking_connection(self.node.url), queue)
        for n in (3, 12):
            answer = client.call(n)
            self.assertEqual((answer["status"], answer["result"]), ("Done", n * n))
        answer = client.call(200)
        self.assertEqual((answer["status"], answer["message"]), ("Failed", "exit 3: too much"))
        client.connection.close()
        # Direct reply-to, where the queue is none, and one who does not wait any more.
        channel = self.connection.channel()
        answers = []
        channel.basic_consume("amq.rabbitmq.reply-to", auto_ack=True,
                              on_message_callback=lambda *one: answers.append(one[2:]))
        channel.basic_publish("", queue, b"5", pika.BasicProperties(
            reply_to="amq.rabbitmq.reply-to", correlation_id="five"))
        def answered():
            self.connection.process_data_events(time_limit=0.05)
            return answers
        [(properties, body)] = wait_until(answered, "the direct answer")
        self.assertEqual(properties.correlation_id, "five")
        self.assertEqual(properties.content_type, "application/json")
        self.assertEqual(json.loads(body)["result"], 25)
        self.publish(queue, b"6", reply_to="gone", correlation_id="six")
        self.rbit.wait_for("nobody waits for its answer at :gone any more")
        self.assertNotIn("ERROR", self.rbit.log)
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_message_is_what_the_job_said(self):
        queue = self.queue()
        taken = self.bound_queue("orders", "new.#")
        self.configure_broker({queue: SAYS + f"may-publish = {self.exchange('orders')}:new.*\n"
                                             f"on-done-publish = {self.exchange('orders')} new.done\n"})
        self.start()
        self.publish(queue, (publish(exchange=self.exchange("orders"), key="new.one",
                                     body={"n": 1}, headers={"x-kind": "a", "n": 7},
                                     type="order", priority=3, correlation_id="c")
                             + json.dumps({"result": [1]})).encode(), message_id=self.dist)
        properties, body = self.get(taken)
        self.assertEqual(json.loads(body), {"n": 1})
        self.assertEqual(properties.delivery_mode, PERSISTENT)
        self.assertEqual(properties.content_type, "application/json")
        self.assertEqual(properties.headers, {"x-kind": "a", "n": 7})
        self.assertEqual((properties.type, properties.priority, properties.correlation_id),
                         ("order", 3, "c"))
        self.assertRegex(properties.message_id, rf"^{self.dist}:1:\d+$")
        properties, body = self.get(taken)
        self.assertEqual(body, b"[1]")
        self.publish(queue, publish(exchange=self.exchange("orders"), key="old").encode(),
                     message_id=f"{self.dist}b")
        self.rbit.wait_for(f"publish to {self.exchange('orders')}:old is not allowed")
        self.assertEqual(self.rbit.stop(), 0)

    def test_what_the_broker_refuses_waits_and_holds_nobody_up(self):
        queue, good = self.queue(), self.bound_queue("", "")
        missing = self.exchange("missing")
        self.configure_broker({queue: SAYS + f"may-publish = {missing}:# :#\n"})
        self.start()
        self.publish(queue, publish(exchange=missing, key="k", body="late").encode())
        self.rbit.wait_for(f"its message to {missing}:k waits, and so do all to there")
        self.assertEqual(len(self.rbit.lines_with(f"declare the exchange {missing}")), 1)
        for n in range(20):
            self.publish(queue, (publish(exchange=missing, key="k", body=f"late {n}")
                                 + publish(key=good, body=str(n))).encode())
        got = [self.get(good) for _ in range(20)]  # none of them twice for the others' refusals
        self.assertEqual(sorted(int(body) for _, body in got), list(range(20)))
        story = json.loads(self.command("explain", self.config, json.loads(
            self.command("jobs", self.config, "--json", "--limit", "1").stdout.splitlines()[0])["key"],
            "--json").stdout)
        self.assertEqual({one["to"] for one in story["publications"]}, {f"{missing}:k", f":{good}"})
        self.assertNotIn("publish", {one["target"] for one in story["reports"]})
        self.assertEqual(self.rbit.stop(), 0)  # what waits, waits on disk
        self.start()
        self.rbit.wait_for(f"its message to {missing}:k waits")  # also after a restart
        late = f"{self.dist}-late"
        self.channel.queue_declare(late, durable=True)
        self.channel.exchange_declare(missing, "fanout", durable=True)
        self.channel.queue_bind(late, missing)
        got = [self.get(late) for _ in range(21)]
        self.assertEqual(len({properties.message_id for properties, _ in got}), 21)
        self.assertEqual({body for _, body in got},
                         {b"late", *(b"late %d" % n for n in range(20))})
        wait_until(lambda: self.rbit.lines_with(f"messages to {missing}:k are taken again"),
                   "the good news")
        self.assertEqual(self.rbit.stop(), 0)


if __name__ == "__main__":
    broker_suite.main()
