"""What a program of rabbitmq-cli-consumer's people meets at a real broker: codes and metadata."""

import json

import broker_suite
from broker_suite import BrokerSuite
from pybit_messages import build_request


class CliConsumer(BrokerSuite):
    def test_codes(self):
        queue = self.queue()
        self.configure_broker({queue: """
            runner = shell!exit %VERSION
            exit-codes = strict
            attempts = 2
            retry-delay = 50ms
            """})
        self.start()
        for job, code in enumerate((0, 3, 4, 5, 6, 9), start=40):
            self.publish(queue, build_request(job=job, version=str(code)))
        self.assert_statuses(40, "Building", "Done")
        self.assert_statuses(41, "Building", "Failed")
        self.assert_statuses(42, "Building", "Blocked", "Building", "Failed")
        self.assert_statuses(43, "Building", "Failed")
        self.assert_statuses(44, "Building", "Blocked", "Building", "Failed")
        self.assert_statuses(45, "Building", "Blocked", "Building", "Failed")
        self.wait_for_counts(queue, 0, 0)
        reasons = sorted(self.get("rbit.dead." + queue)[0].headers["x-rbit-reason"]
                         for _ in range(5))
        self.assertEqual(reasons, ["exit 3", "exit 4", "exit 5", "exit 6", "exit 9"])

    def test_metadata(self):
        queue, exchange = self.queue(), self.dist + "-exchange"
        self.configure_broker({queue: f"""
            runner = shell!(cat <&4; echo) >> {self.path('seen')}; [ $RBIT_ATTEMPT = 2 ] || exit 4
            exit-codes = strict
            metadata-fd = 4
            retry-delay = 50ms
            """}, rbit=f"name = {self.dist}")
        self.start()
        self.channel.exchange_declare(exchange, "fanout", auto_delete=True)
        self.channel.queue_bind(queue, exchange, "")
        body = build_request(job=36)
        self.channel.basic_publish(exchange, "some.key", body, broker_suite.pika.BasicProperties(
            headers={"name": "value", "number": 5}, content_type="application/json",
            content_encoding="utf-8", delivery_mode=2, priority=3, correlation_id="corr",
            reply_to="back", expiration="600000", message_id=self.dist, timestamp=1367322533,
            type="build", user_id="guest", app_id="app"), mandatory=True)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Done")
        first, second = [json.loads(line) for line in self.read("seen").splitlines()]
        tag = first["delivery_info"].pop("consumer_tag")
        self.assertTrue(tag)
        self.assertEqual(first, {
            "properties": {
                "application_headers": {"name": "value", "number": 5},
                "content_type": "application/json", "content_encoding": "utf-8",
                "delivery_mode": 2, "priority": 3, "correlation_id": "corr", "reply_to": "back",
                "expiration": "600000", "message_id": self.dist,
                "timestamp": "2013-04-30T11:48:53Z", "type": "build", "user_id": "guest",
                "app_id": "app"},
            "delivery_info": {
                "message_count": 0, "delivery_tag": 1, "redelivered": False,
                "exchange": exchange, "routing_key": "some.key"}})
        kept = {**first["properties"], "expiration": "", "user_id": ""}
        headers = second["properties"].pop("application_headers")
        kept.pop("application_headers")
        self.assertEqual(second["properties"], kept)
        self.assertEqual((headers["name"], headers["x-rbit-attempt"]), ("value", 2))
        self.assertEqual(second["delivery_info"]["exchange"], "")
        self.assertEqual(second["delivery_info"]["routing_key"], "some.key")


if __name__ == "__main__":
    broker_suite.main()
