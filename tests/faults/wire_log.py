"""What went over the wire of AMQP connections: every method in order, messages with their job."""

import collections
import dataclasses
import json
import time

import amqp_codec as codec

UP, DOWN = "up", "down"  # from the client to the broker, and back


@dataclasses.dataclass
class Seen:
    """One method. `wall`: when it came to the proxy, seconds since 1970. Of a message's method
    `properties` and `body` follow when their frames do, or never, if the connection is cut."""
    wall: float
    connection: int
    direction: str
    channel: int
    method: codec.Method
    properties: dict = None
    size: int = 0
    body: bytes = b""

    @property
    def name(self):
        return self.method.name

    @property
    def job(self):
        """PyBit's number of the job in the body, as text; None if it has none."""
        return job_of(self.body)


def job_of(body):
    try:
        found = json.loads(body)
        return str(found["job"]["id"] if isinstance(found["job"], dict) else found["job"])
    except (ValueError, KeyError, TypeError):
        return None


class WireLog:
    """Fed with the frames of one proxy, in the order in which they are let through."""

    def __init__(self):
        self.seen = []
        self.unread = 0       # frames that could not be decoded
        self._message = {}    # (connection, direction, channel): the Seen that waits for its body
        self._delivered = {}  # (connection, channel, delivery tag): the Seen of the delivery

    def take(self, connection, direction, frame):
        """The Seen that `frame` began or belongs to; None for a heartbeat and the undecodable."""
        place = (connection, direction, frame.channel)
        try:
            if frame.type == codec.METHOD:
                one = Seen(time.time(), connection, direction, frame.channel,
                           codec.decode_method(frame))
                self.seen.append(one)
                if one.name in codec.WITH_CONTENT:
                    self._message[place] = one
                if one.name in ("basic.deliver", "basic.get-ok"):
                    self._delivered[connection, frame.channel, one.method.tag] = one
                return one
            one = self._message.get(place)
            if frame.type == codec.CONTENT_HEADER and one is not None:
                one.size, one.properties = codec.decode_content_header(frame)
            elif frame.type == codec.BODY and one is not None:
                one.body += frame.payload
            return one
        except (ValueError, UnicodeError):
            self.unread += 1
            return None

    def named(self, *names):
        return [one for one in self.seen if one.name in names]

    def delivery_of(self, answer):
        """The delivery that a basic.ack, nack or reject of the client's is about, or None."""
        return self._delivered.get((answer.connection, answer.channel, answer.method.tag))

    def acks(self):
        """(ack, delivery) of each acknowledgement of the client's; the delivery is None where its
        tag was never given out."""
        return [(one, self.delivery_of(one)) for one in self.named("basic.ack")
                if one.direction == UP]

    def unconfirmed(self, heard_until):
        """The publishes that the client may send again, for it need not have heard their confirm.
        `heard_until`: of a connection that ended, by number, the time (wall) up to which what came
        was surely heard; what passes later may lie unread in a socket that is closed."""
        sent, confirmed = collections.defaultdict(list), collections.defaultdict(set)
        for one in self.named("basic.publish", "basic.ack", "basic.nack"):
            place = (one.connection, one.channel)
            if one.direction == UP and one.name == "basic.publish":
                sent[place].append(one)
            elif one.direction == DOWN and one.wall <= heard_until.get(one.connection, one.wall):
                tags = range(1, one.method.tag + 1) if one.method.multiple else [one.method.tag]
                confirmed[place].update(tags)
        return [one for place, those in sent.items() for tag, one in enumerate(those, 1)
                if tag not in confirmed[place]]
