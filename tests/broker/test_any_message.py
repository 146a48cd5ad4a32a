"""Messages of any kind from a real broker: their facts, their bytes, and the reason of a dead one."""

import json
import os

import broker_suite
from broker_suite import BrokerSuite
from rbit_suite import wait_until


class AnyMessage(BrokerSuite):
    def told(self, name):
        with open(self.path("told", name), "rb") as file:
            return file.read()

    def test_a_json_order_with_all_that_it_came_with(self):
        queue, exchange = self.queue(), self.dist + "-shop"
        os.mkdir(self.path("told"))
        told = self.path("told")
        self.configure_broker({queue: f"""
            message = json
            runner = shell!env -0 > {told}/env; cat > {told}/body; cp "$RBIT_MESSAGE_FILE" {told}/file;
                echo %{{/order!}} %{{header:x-kind}} %{{key}} %{{routing-key}} > {told}/line
            """})
        self.start()
        self.channel.exchange_declare(exchange, "topic")
        self.channel.queue_bind(queue, exchange, "order.*")
        body = b'{"order": 17, "who": "a \\"b\\" $(id)"}'
        self.publish("order.new", body, exchange, message_id="m1", correlation_id="c1",
                     reply_to="answers", content_type="application/json", type="order",
                     app_id="shop", priority=4, timestamp=1700000000,
                     headers={"x-kind": "big", "n": 5, "yes": True, "table": {"a": 1},
                              "list": [1]})
        self.wait_for_status("m1", "Done")
        self.assertEqual(self.told("line"), b"17 big m1 order.new\n")
        self.assertEqual((self.told("body"), self.told("file")), (body, body))
        told = dict(one.split("=", 1) for one in self.told("env").decode().split("\0") if one)
        expected = {
            "RBIT_KEY": "m1", "RBIT_QUEUE": queue, "RBIT_ROUTING_KEY": "order.new",
            "RBIT_EXCHANGE": exchange, "RBIT_CORRELATION_ID": "c1", "RBIT_REPLY_TO": "answers",
            "RBIT_CONTENT_TYPE": "application/json", "RBIT_TYPE": "order", "RBIT_APP_ID": "shop",
            "RBIT_PRIORITY": "4", "RBIT_MESSAGE_ID": "m1", "RBIT_MESSAGE_TIMESTAMP": "1700000000",
            "RBIT_MESSAGE_KIND": "json", "RBIT_HEADER_X_KIND": "big", "RBIT_HEADER_N": "5",
            "RBIT_HEADER_YES": "true", "RBIT_BODY_ORDER": "17",
            "RBIT_BODY_WHO": 'a "b" $(id)'}
        self.assertEqual({name: told.get(name) for name in expected}, expected)
        for name in ("RBIT_HEADER_TABLE", "RBIT_HEADER_LIST", "RBIT_PACKAGE", "RBIT_LEFT_OUT"):
            self.assertNotIn(name, told)
        self.wait_for_counts(queue, 0, 0)

    def test_raw_bytes_without_any_property(self):
        queue = self.queue()
        self.configure_broker({queue: f"""
            message = raw
            runner = shell!cat >> {self.path("seen")}; echo "[$RBIT_ROUTING_KEY]" >> {self.path("seen")}
            """}, rbit="slots = 1")
        self.start()
        bodies = [b"", b"\0\xff", bytes(range(256)), b"{}"]
        for body in bodies:
            self.publish(queue, body)
        self.rbit.wait_for("state is now 'Done'", times=len(bodies))
        with open(self.path("seen"), "rb") as file:
            self.assertEqual(file.read(), b"".join(body + f"[{queue}]\n".encode() for body in bodies))

    def test_a_plain_order_for_a_runner_of_build_requests(self):
        queue = self.queue()
        self.configure_broker({queue: "runner = shell!true"})
        self.start()
        self.publish(queue, b'{"order": 17}')
        reason = ("invalid: no PyBit build request "
                  f"(message = json or raw in [runner:{queue}] takes any message)")
        self.rbit.wait_for("becomes a dead letter: " + reason)
        listed = wait_until(lambda: self.command("dead", "list", self.config, "--json").stdout,
                            "the dead letter")
        self.assertEqual(json.loads(listed)["reason"], reason)
        properties, body = self.get("rbit.dead." + queue)
        self.assertEqual(body, b'{"order": 17}')
        self.assertEqual(properties.headers["x-rbit-reason"], reason)


if __name__ == "__main__":
    broker_suite.main()
