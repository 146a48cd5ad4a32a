"""Messages at the broker: queues that are filled before a run, and how fast they are emptied."""

import json
import time
import uuid

import pika

from pybit_messages import build_request
from rbit_suite import wait_until

LOOK = 0.02  # seconds between two looks at a queue: each costs the broker 0.2 ms
MIDDLE = (0.1, 0.95)  # of the messages: what is measured, without the start and the last few
PATIENCE = 120


def request(number):
    """One like no other; of 804 bytes where `number` has two digits."""
    return build_request(package=f"col{number}", job=number,
                         uri="http://cnx.org/content/of/this/package/")


def celery_task(name, number):
    """The same build request as the argument of a task, in Celery's protocol 2: (properties,
    body) as its own client would publish them."""
    key = str(uuid.uuid4())
    headers = {"lang": "py", "task": name, "id": key, "root_id": key, "parent_id": None,
               "group": None, "shadow": None, "eta": None, "expires": None, "retries": 0,
               "timelimit": [None, None], "argsrepr": "(...)", "kwargsrepr": "{}",
               "origin": "bench", "ignore_result": False}
    body = json.dumps([[json.loads(request(number))], {},
                       {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return pika.BasicProperties(
        content_type="application/json", content_encoding="utf-8", headers=headers,
        correlation_id=key, delivery_mode=2), body.encode()


class Stock:
    """One connection to fill and to look at queues."""

    def __init__(self, url):
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0  # it is not read for long
        self.connection = pika.BlockingConnection(parameters)
        self.channel = self.connection.channel()
        self.count = 0

    def close(self):
        self.connection.close()

    def new_name(self):
        self.count += 1
        return f"bench{self.count}"

    def waiting(self, queue):
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def filled(self, jobs, task=None):
        """A new durable queue with so many persistent build requests; its name. `task`: as calls of
        that Celery task."""
        queue = self.new_name()
        self.channel.queue_declare(queue, durable=True)
        plain = pika.BasicProperties(delivery_mode=2)
        for number in range(1, jobs + 1):
            properties, body = celery_task(task, number) if task else (plain, request(number))
            self.channel.basic_publish("", queue, body, properties)
        wait_until(lambda: self.waiting(queue) == jobs, f"{jobs} messages in {queue}")
        return queue

    def is_read(self, queue):
        """Whether it is there and somebody consumes it."""
        channel = self.connection.channel()
        try:
            return channel.queue_declare(queue, passive=True).method.consumer_count > 0
        except pika.exceptions.ChannelClosedByBroker:
            return False
        finally:
            if channel.is_open:
                channel.close()

    def publish(self, queue, number):
        self.channel.basic_publish("", queue, request(number),
                                   pika.BasicProperties(delivery_mode=2))

    def drop(self, *queues):
        for queue in queues:
            self.channel.queue_delete(queue)

    def drained(self, queue, jobs, is_alive, gauge=lambda: None, statuses=None, each=2):
        """Watches `queue` until it is empty: (messages a second, gauge at the beginning, gauge at
        the end, messages between them) of the middle part, in which as many are under way at its
        beginning as at its end: the rate of deliveries is then that of acknowledgements. With
        `statuses` a queue on which `each` statuses a message arrive: the rate at which they do,
        if that is less."""
        looks = []  # (time, messages left, gauge, statuses so far)
        started = time.monotonic()
        while not looks or looks[-1][1] > 0:
            left = self.waiting(queue)
            now = time.monotonic()
            if len(looks) == 1 and left == jobs:
                looks.clear()  # it has not begun
            looks.append((now, left, gauge(), self.waiting(statuses) if statuses else 0))
            if left > 0 and not is_alive():
                raise RuntimeError(f"it ended with {left} messages left")
            if left > 0 and now - started > PATIENCE:
                raise RuntimeError(f"{left} of {jobs} messages left after {PATIENCE} s")
            self.connection.sleep(LOOK)
        middle = [look for look in looks
                  if jobs * (1 - MIDDLE[1]) <= look[1] <= jobs * (1 - MIDDLE[0])]
        if len(middle) < 2 or middle[0][1] - middle[-1][1] < jobs / 4:
            middle = looks  # it takes more ahead than a short run has
        begin, end = middle[0], middle[-1]
        done = begin[1] - end[1]
        if done <= 0:
            raise RuntimeError(f"{jobs} messages are too few to be measured")
        rate = done / (end[0] - begin[0])
        if statuses:
            wait_until(lambda: self.waiting(statuses) >= each * jobs, "all statuses", PATIENCE)
            told = (each * jobs - begin[3]) / each
            rate = min(rate, told / (time.monotonic() - begin[0]))
        return rate, begin[2], end[2], done
