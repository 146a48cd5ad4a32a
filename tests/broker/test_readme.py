"""The README's first INI file on a RabbitMQ, with the message of a stranger's client."""

import re

import broker_suite
import rbit_suite
from broker_suite import BrokerSuite
from test_documents import blocks_of_readme, text_of


class Readme(BrokerSuite):
    def test_the_first_ini_file_takes_what_pika_sends(self):
        queue = self.queue()
        text = blocks_of_readme()[0].replace("orders:order", queue + ":order")
        self.configure_text(text.replace("[rbit]\n", "[rbit]\nstate-dir = state\n") +
                            f"[amqp]\nhost = 127.0.0.1\nport = {self.node.port}\n")
        self.start()
        body = re.search(r"payload='(.*)'", text_of("README.rst"))[1]
        self.publish(queue, body, message_id=self.dist)
        rbit_suite.wait_until(lambda: "'Done'" in self.rbit.log, "the end of the job")
        self.assertEqual(self.read("state", "output", "order.txt"), "order 17\n")


if __name__ == "__main__":
    broker_suite.main()
