"""One connection of a FakeBroker (fake_broker.py): its channels, and all that a broker can say."""

import collections
import dataclasses
import select
import socket
import threading
import time

import amqp_codec as codec

CAPABILITIES = {"publisher_confirms": True, "exchange_exchange_bindings": True,
                "basic.nack": True, "consumer_cancel_notify": True, "connection.blocked": True,
                "consumer_priorities": True, "authentication_failure_close": True,
                "per_consumer_qos": True, "direct_reply_to": True}


@dataclasses.dataclass
class Message:
    body: bytes
    properties: dict = dataclasses.field(default_factory=dict)
    exchange: str = ""
    routing_key: str = ""
    redelivered: bool = False


@dataclasses.dataclass
class Publication:
    """What a client has published, as it came; `tag` is its confirm's."""
    message: Message
    mandatory: bool
    tag: int


@dataclasses.dataclass
class Consumer:
    tag: str
    queue: str
    no_ack: bool


class Channel:
    def __init__(self):
        self.consumers = {}   # tag: Consumer
        self.unacked = {}     # delivery tag: (queue, Message)
        self.prefetch = 0     # 0: no limit
        self.delivered = 0    # the last delivery tag
        self.confirms = False
        self.published = 0
        self.incoming = None  # [method, size, properties, body] of a publish under way


class Session:
    """One connection. Everything a script needs to be odd is here."""

    def __init__(self, broker, number, client):
        self.broker, self.number, self.client = broker, number, client
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.name = ""
        self.channels = {}
        self.reader = codec.FrameReader()
        self.writing = threading.Lock()
        self.is_open = False   # connection.open was answered
        self.ended = False
        self.beats = True      # whether we send heartbeats
        self.heartbeat = broker.tune["heartbeat"]  # until the client says what it wants
        self.last_sent = time.monotonic()

    # ---- saying things

    def send(self, data):
        """Bytes as they are. A client that is gone is no news."""
        try:
            with self.writing:
                self.client.sendall(data)
                self.last_sent = time.monotonic()
        except OSError:
            self.ended = True
        return True

    def method(self, channel, name, **arguments):
        return self.send(codec.method(channel, name, **arguments))

    def close_channel(self, channel, code, text):
        with self.broker.lock:
            self._drop(channel)
        return self.method(channel, "channel.close", code=code, text=text)

    def close_connection(self, code, text):
        return self.method(0, "connection.close", code=code, text=text)

    def end(self, how="fin"):
        """Ends the TCP connection."""
        self.ended = True
        try:
            if how == "rst":
                self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       b"\1\0\0\0\0\0\0\0")
                self.client.close()
            else:
                self.client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        return True

    def deliver_message(self, channel, consumer, message, size=None, pieces=None, tag=None):
        """basic.deliver; `size` and `pieces` to lie about the body."""
        tag = tag if tag is not None else self.next_tag(channel, consumer, message)
        data = codec.method(channel, "basic.deliver", consumer=consumer.tag, tag=tag,
                            redelivered=message.redelivered, exchange=message.exchange,
                            routing_key=message.routing_key)
        return self.send(data + self._content_of(channel, message, size, pieces))

    def return_message(self, channel, message, code=312, text="NO_ROUTE"):
        return self.send(codec.method(channel, "basic.return", code=code, text=text,
                                      exchange=message.exchange, routing_key=message.routing_key)
                         + self._content_of(channel, message))

    def _content_of(self, channel, message, size=None, pieces=None):
        """The frames behind a method that carries a message."""
        if pieces is None:
            pieces = [codec.bodies(channel, message.body, self.broker.tune["frame_max"])]
        return codec.content_header(channel, len(message.body) if size is None else size,
                                    message.properties) + b"".join(pieces)

    def next_tag(self, channel, consumer, message):
        state = self.channels[channel]
        state.delivered += 1
        if not consumer.no_ack:
            state.unacked[state.delivered] = (consumer.queue, message)
        return state.delivered

    # ---- listening

    def run(self):
        try:
            self._greet()
            while not self.ended:
                self._beat()
                ready, _, _ = select.select([self.client], [], [], 0.2)
                if not ready:
                    continue
                data = self.client.recv(65536)
                if not data:
                    break
                for frame in self.reader.feed(data):
                    self._take(frame)
                    if self.ended:
                        break
        except (OSError, ValueError):
            pass  # it has gone, or we closed its socket
        except Exception as error:  # a script's own fault: the test looks at `errors`
            self.broker.errors.append(error)
        finally:
            self.ended = True
            self.client.close()
            with self.broker.lock:
                for channel in list(self.channels):
                    self._drop(channel)
            self.broker.deliver_all()

    def _greet(self):
        header = b""
        while len(header) < 8:
            more = self.client.recv(8 - len(header))
            if not more:
                raise OSError("gone")
            header += more
        self.reader.begun = True
        if not self.broker.ask("header", self, 0, codec.Method("header", {"bytes": header})):
            self.start()

    def start(self):
        return self.method(0, "connection.start", major=0, minor=9, mechanisms="PLAIN AMQPLAIN",
                           locales="en_US", properties={"product": "fake",
                                                        "capabilities": CAPABILITIES})

    def _beat(self):
        interval = self.heartbeat / 2
        if self.is_open and self.beats and interval \
                and time.monotonic() - self.last_sent >= interval:
            self.send(codec.BEAT)

    def _take(self, frame):
        if frame.type == codec.METHOD:
            method = codec.decode_method(frame)
            with self.broker.lock:
                self.broker.heard.append((self.number, frame.channel, method))
            if method.name == "connection.start-ok":
                self.name = method.properties.get("connection_name", "")
            if self._is_deaf(frame.channel, method):
                return
            if not self.broker.ask(method.name, self, frame.channel, method):
                answer = getattr(self, "_on_" + method.name.replace(".", "_").replace("-", "_"),
                                 None)
                if answer is not None:
                    answer(frame.channel, method)
        elif frame.type in (codec.CONTENT_HEADER, codec.BODY):
            self._content(frame)

    def _is_deaf(self, channel, method):
        """What comes on a channel that we have closed is dropped (AMQP 0-9-1, channel.close)."""
        return channel and channel not in self.channels and not method.name.startswith("channel.")

    def _on_connection_start_ok(self, channel, _):
        self.method(channel, "connection.tune", **self.broker.tune)

    def _on_connection_tune_ok(self, _, method):
        self.heartbeat = method.heartbeat

    def _on_connection_open(self, channel, _):
        self.is_open = True
        self.method(channel, "connection.open-ok")

    def _on_connection_close(self, channel, _):
        self.method(channel, "connection.close-ok")
        self.end()

    def _on_connection_close_ok(self, *_):
        self.end()

    def _on_channel_open(self, channel, _):
        self.channels[channel] = Channel()
        self.method(channel, "channel.open-ok")

    def _on_channel_close(self, channel, _):
        with self.broker.lock:
            self._drop(channel)
        self.method(channel, "channel.close-ok")
        self.broker.deliver_all()

    def _on_channel_close_ok(self, channel, _):
        with self.broker.lock:
            self._drop(channel)  # a script may have closed it by bytes of its own
        self.broker.deliver_all()

    def _on_exchange_declare(self, channel, _):
        self.method(channel, "exchange.declare-ok")

    def _on_queue_declare(self, channel, method):
        with self.broker.lock:
            if method.queue not in self.broker.queues and method.passive:
                return self.close_channel(channel, 404,
                                          f"NOT_FOUND - no queue '{method.queue}' in vhost '/'")
            queue = self.broker.queues.setdefault(method.queue, collections.deque())
        return self.method(channel, "queue.declare-ok", queue=method.queue, messages=len(queue))

    def _on_queue_bind(self, channel, method):
        with self.broker.lock:
            self.broker.bindings[method.exchange, method.routing_key] = method.queue
        self.method(channel, "queue.bind-ok")

    def _on_queue_delete(self, channel, method):
        with self.broker.lock:
            gone = self.broker.queues.pop(method.queue, ())
        self.method(channel, "queue.delete-ok", messages=len(gone))

    def _on_basic_qos(self, channel, method):
        self.channels[channel].prefetch = method.count
        self.method(channel, "basic.qos-ok")

    def _on_basic_consume(self, channel, method):
        if method.queue not in self.broker.queues:
            return self.close_channel(channel, 404,
                                      f"NOT_FOUND - no queue '{method.queue}' in vhost '/'")
        self.method(channel, "basic.consume-ok", tag=method.tag)
        self.channels[channel].consumers[method.tag] = Consumer(method.tag, method.queue,
                                                                method.no_ack)
        return self.deliver()

    def _on_basic_cancel(self, channel, method):
        self.channels[channel].consumers.pop(method.tag, None)
        self.method(channel, "basic.cancel-ok", tag=method.tag)

    def _on_basic_get(self, channel, method):
        with self.broker.lock:
            queue = self.broker.queues.get(method.queue)
            message = queue.popleft() if queue else None
            if message is None:
                return self.method(channel, "basic.get-empty")
            tag = self.next_tag(channel, Consumer("", method.queue, method.no_ack), message)
        return self.send(codec.method(channel, "basic.get-ok", tag=tag,
                                      redelivered=message.redelivered, exchange=message.exchange,
                                      routing_key=message.routing_key)
                         + self._content_of(channel, message))

    def _settle(self, channel, method, requeue):
        with self.broker.lock:
            unacked = self.channels[channel].unacked
            tags = [tag for tag in sorted(unacked) if tag <= method.tag] if method.multiple \
                else [method.tag]
            if not tags or tags[-1] not in unacked:
                return self.close_channel(channel, 406, "PRECONDITION_FAILED - unknown delivery "
                                                        f"tag {method.tag}")
            for tag in reversed(tags):
                queue, message = unacked.pop(tag)
                if requeue:
                    self._requeue(queue, message)
                else:
                    self.broker.acked.append(message.body)
        return self.broker.deliver_all()

    def _on_basic_ack(self, channel, method):
        self._settle(channel, method, False)

    def _on_basic_nack(self, channel, method):
        self._settle(channel, method, method.requeue)

    def _on_confirm_select(self, channel, _):
        self.channels[channel].confirms = True
        self.method(channel, "confirm.select-ok")

    def _on_basic_publish(self, channel, method):
        self.channels[channel].incoming = [method, 0, {}, b""]

    def _content(self, frame):
        state = self.channels.get(frame.channel)
        if state is None or state.incoming is None:
            return
        if frame.type == codec.CONTENT_HEADER:
            state.incoming[1], state.incoming[2] = codec.decode_content_header(frame)
        else:
            state.incoming[3] += frame.payload
        method, size, properties, body = state.incoming
        if len(body) < size:
            return
        state.incoming = None
        state.published += 1
        one = Publication(Message(body, properties, method.exchange, method.routing_key),
                          method.mandatory, state.published)
        with self.broker.lock:
            self.broker.published.append(one)
        if not self.broker.ask("confirm", self, frame.channel, one):
            self.accept(frame.channel, one)

    def accept(self, channel, publication):
        """What happens to a publication where no script interferes."""
        queue = self.broker.route(publication.message)
        if queue is not None:
            with self.broker.lock:
                self.broker.queues[queue].append(publication.message)
        elif publication.mandatory:
            self.return_message(channel, publication.message)
        if self.channels[channel].confirms:
            self.method(channel, "basic.ack", tag=publication.tag)
        self.broker.deliver_all()

    # ---- delivering

    def deliver(self):
        """As much as prefetch allows, to the consumers of this connection."""
        for number, state in list(self.channels.items()):
            for consumer in list(state.consumers.values()):
                while not self.ended:
                    with self.broker.lock:
                        queue = self.broker.queues.get(consumer.queue)
                        room = not state.prefetch or len(state.unacked) < state.prefetch
                        if not queue or not room or consumer.tag not in state.consumers \
                                or self.channels.get(number) is not state:
                            break
                        message = queue.popleft()
                    if not self.broker.ask("deliver", self, number, consumer, message):
                        self.deliver_message(number, consumer, message)

    def _drop(self, channel):
        """It is closed: what it has not settled goes back to the queues."""
        state = self.channels.pop(channel, None)
        if state is None:
            return
        for tag in sorted(state.unacked, reverse=True):
            self._requeue(*state.unacked[tag])

    def _requeue(self, queue, message):
        message.redelivered = True
        self.broker.queues.setdefault(queue, collections.deque()).appendleft(message)
