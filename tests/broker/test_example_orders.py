"""examples/orders on a real RabbitMQ: the same INI with another [amqp] section."""

import json

import broker_suite
from broker_suite import BrokerSuite
from example_orders import OrdersExample


class Orders(OrdersExample, BrokerSuite):
    def setUp(self):
        super().setUp()
        self.take_example(f"host = 127.0.0.1\nport = {self.node.port}", "-" + self.dist)

    def test_its_orders_are_handled(self):
        self.assert_orders_are_handled()

    def test_an_order_that_does_not_fit_is_a_dead_letter_that_says_where(self):
        self.start()
        self.publish(self.orders, json.dumps({"order": 0, "customer": "Ada"}))
        headers = self.get("rbit.dead." + self.orders)[0].headers
        self.assertTrue(headers["x-rbit-reason"].startswith("invalid"), headers)
        self.assertTrue(headers["x-rbit-detail"].startswith("/order: "), headers)


if __name__ == "__main__":
    broker_suite.main()
