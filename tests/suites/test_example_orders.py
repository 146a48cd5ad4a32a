"""examples/orders on the embedded queue, as it stands there."""

import rbit_suite
from example_orders import OrdersExample
from rbit_suite import Suite


class Orders(OrdersExample, Suite):
    def test_its_orders_are_handled(self):
        self.take_example()
        self.assert_orders_are_handled()


if __name__ == "__main__":
    rbit_suite.main()
