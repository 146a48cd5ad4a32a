"""What a broker may say that none should: the scripts of row 14, one function
each. A script hangs hooks on a FakeBroker before rbit comes, and calls `hit` when it has struck.

A mark in brackets at a docstring's end: [dead] job 1 goes to the dead letters; [again] the last
report of job 1 is told again, for the broker gives the job again; [jobs: 2] so many are waiting
at the beginning; [said: TEXT] rbit's log must have this text.
"""

import struct

import amqp_codec as codec

SCRIPTS = {}
TIMED_OUT = ("PRECONDITION_FAILED - delivery acknowledgement on channel {} timed out. "
             "Timeout value used: {} ms. This timeout value can be configured, see consumers doc "
             "guide to learn more")


def script(function):
    SCRIPTS[function.__name__] = function
    return function


def once(broker, hit, name, act, times=1):
    """Where the client says `name`, `act(session, channel, method)` instead of an answer. Several
    times, so that both of rbit's connections meet it; it has struck at the last."""
    left = [times]

    def hook(session, channel, method):
        act(session, channel, method)
        left[0] -= 1
        if left[0] == 0:
            hit()
        return True
    broker.on(name, hook, times)


def after(broker, hit, name, act, times=1):
    """As `once`, but the broker answers as well, afterwards."""
    def hook(session, channel, method):
        act(session, channel, method)
        hit()
    broker.on(name, hook, times)


def instead_of_delivery(broker, hit, data, times=1):
    """`data(session, channel, consumer, message)` is sent where the message would be; the message
    goes back when the session has ended."""
    def hook(session, channel, consumer, message):
        tag = session._next_tag(channel, consumer, message)
        session.send(data(session, channel, consumer, message, tag))
        hit()
        return True
    broker.on("deliver", hook, times)


def deliver_method(channel, consumer, message, tag):
    return codec.method(channel, "basic.deliver", consumer=consumer.tag, tag=tag,
                        routing_key=message.routing_key)


# ---- the handshake


@script
def other_protocol(broker, hit):
    """The header of AMQP 1.0, and good-bye."""
    once(broker, hit, "header", lambda s, *_: (s.send(b"AMQP\x00\x01\x00\x00"), s.end()), 4)


@script
def http_instead(broker, hit):
    """A web server listens there."""
    once(broker, hit, "header",
         lambda s, *_: (s.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), s.end()), 4)


@script
def old_version(broker, hit):
    """connection.start of AMQP 0-8."""
    once(broker, hit, "header", lambda s, *_: s.method(
        0, "connection.start", major=0, minor=8, mechanisms="PLAIN", locales="en_US"), 4)


@script
def no_plain(broker, hit):
    """Only mechanisms we have not."""
    once(broker, hit, "header", lambda s, *_: s.method(
        0, "connection.start", major=0, minor=9, mechanisms="SCRAM-SHA-256", locales="en_US"), 4)


@script
def a_challenge(broker, hit):
    """connection.secure instead of tune."""
    once(broker, hit, "connection.start-ok", lambda s, *_: s.send(
        codec.frame(codec.METHOD, 0, struct.pack(">HH", 10, 20) + codec.long("who?"))), 4)


@script
def tune_beat_1(broker, hit):
    """A heartbeat of one second."""
    broker.tune["heartbeat"] = 1
    after(broker, hit, "connection.start-ok", lambda *_: None)


@script
def tune_frame_1(broker, hit):
    """A frame_max of 1: AMQP promises 4096, and the library answers so."""
    def answered(session, channel, method):
        if method.frame_max != 4096:
            raise ValueError(f"tune-ok with frame_max {method.frame_max}")
    broker.on("connection.tune-ok", answered)
    once(broker, hit, "connection.start-ok", lambda s, *_: s.method(
        0, "connection.tune", channel_max=10, frame_max=1, heartbeat=3), 2)


@script
def tune_no_limits(broker, hit):
    """Zeros: no limits, no heartbeats of the broker's wish."""
    once(broker, hit, "connection.start-ok", lambda s, *_: s.method(0, "connection.tune"), 2)


@script
def tune_one_channel(broker, hit):
    """A channel_max of 1 is too little for what rbit wants to open at once."""
    once(broker, hit, "connection.start-ok", lambda s, *_: s.method(
        0, "connection.tune", channel_max=1, frame_max=131072, heartbeat=3), 2)


@script
def gone_at_login(broker, hit):
    """The connection ends after the password, as old brokers refuse it."""
    once(broker, hit, "connection.start-ok", lambda s, *_: s.end(), 4)


@script
def reset_at_open(broker, hit):
    """RST instead of open-ok."""
    once(broker, hit, "connection.open", lambda s, *_: s.end("rst"), 4)


@script
def closed_at_open(broker, hit):
    """connection.close 541 instead of open-ok."""
    once(broker, hit, "connection.open",
         lambda s, *_: s.close_connection(541, "INTERNAL_ERROR"), 4)


@script
def blocked_at_once(broker, hit):
    """connection.blocked before anything else; it ends a second later."""
    def act(session, channel, method):
        session.is_open = True
        session.method(0, "connection.open-ok")
        session.method(0, "connection.blocked", reason="low on memory")
        broker.later(1, lambda: session.method(0, "connection.unblocked"))
    once(broker, hit, "connection.open", act, 2)


# ---- frames


def in_place_of_consume_ok(name, data, doc):
    """A script whose bytes come where consume-ok should."""
    def act(broker, hit):
        once(broker, hit, "basic.consume", lambda s, channel, _: s.send(data(channel)))
    act.__name__, act.__doc__ = name, doc
    script(act)


def raw_method(channel, class_id, method_id, rest=b""):
    return codec.frame(codec.METHOD, channel, struct.pack(">HH", class_id, method_id) + rest)


in_place_of_consume_ok("unknown_method", lambda channel: raw_method(channel, 60, 99),
                       "basic has no method 99. [said: unknown AMQP method id]")
in_place_of_consume_ok("unknown_class", lambda channel: raw_method(channel, 77, 1),
                       "There is no class 77.")
in_place_of_consume_ok("client_method", lambda channel: codec.method(channel, "basic.publish"),
                       "A method that only clients say. [said: an unexpected method]")
in_place_of_consume_ok("frame_type_9", lambda channel: codec.frame(9, channel, b"x" * 10),
                       "There is no frame of type 9.")
in_place_of_consume_ok("frame_end_missing", lambda channel: codec.frame(1, channel, b"x" * 10,
                                                                        end=0),
                       "A frame that does not end with CE.")
in_place_of_consume_ok("oversized_frame", lambda channel: codec.frame(3, channel, b"x" * 200000),
                       "A frame above the frame_max that was agreed.")
in_place_of_consume_ok("frame_of_4_gib", lambda channel: codec.frame(1, channel, b"x" * 1000,
                                                                     size=0xFFFFFFFF),
                       "A frame that says it has 4 GiB.")
in_place_of_consume_ok("method_cut_short", lambda channel: codec.frame(1, channel, b"\0\x3c"),
                       "A method frame with half a class.")
in_place_of_consume_ok("string_beyond_the_end",
                       lambda channel: raw_method(channel, 60, 60, b"\xff" + b"tag"),
                       "basic.deliver whose consumer tag ends behind the frame.")
in_place_of_consume_ok("consume_ok_without_tag", lambda channel: raw_method(channel, 60, 21),
                       "consume-ok without its argument.")
in_place_of_consume_ok("other_answer", lambda channel: codec.method(channel, "queue.declare-ok",
                                                                    queue="x"),
                       "An answer to a question that nobody asked.")
in_place_of_consume_ok("get_ok_unasked",
                       lambda channel: codec.method(channel, "basic.get-ok", tag=1),
                       "basic.get-ok, and no message behind it.")
in_place_of_consume_ok("flow", lambda channel: codec.method(channel, "channel.flow", active=False),
                       "channel.flow, which RabbitMQ gave up.")
in_place_of_consume_ok("goodbye_unasked", lambda channel: codec.method(0, "connection.close-ok"),
                       "connection.close-ok that answers nothing.")
in_place_of_consume_ok("table_beyond_the_end",
                       lambda channel: raw_method(channel, 10, 10, b"\0\x09\xff\xff\xff\xff"),
                       "A table whose length lies, in a second connection.start.")


@script
def unknown_channels(broker, hit):
    """Methods, contents and closes of channels that nobody opened."""
    after(broker, hit, "basic.consume", lambda s, *_: s.send(
        codec.method(9, "basic.consume-ok", tag="x")
        + codec.method(9, "basic.deliver", consumer="x", tag=1)
        + codec.content_header(9, 3) + codec.bodies(9, b"abc", 4096)
        + codec.method(11, "basic.ack", tag=5)
        + b"".join(codec.method(number, "channel.close", code=504) for number in range(12, 16))))


@script
def beats_on_a_channel(broker, hit):
    """Heartbeats by the thousand, one with content."""
    after(broker, hit, "basic.consume", lambda s, *_: s.send(
        codec.BEAT * 5000 + codec.frame(codec.HEARTBEAT, 0, b"x")))


@script
def open_ok_twice(broker, hit):
    """channel.open is answered twice."""
    after(broker, hit, "channel.open",
          lambda s, channel, _: s.method(channel, "channel.open-ok"))


@script
def answers_in_one_write_each_byte(broker, hit):
    """The broker's answers come in pieces of one byte."""
    def act(session, channel, method):
        for byte in codec.method(channel, "basic.qos-ok"):
            session.send(bytes([byte]))
    once(broker, hit, "basic.qos", act)


# ---- the consumer


@script
def consume_refused(broker, hit):
    """404 to basic.consume: the queue went between the declaration and now."""
    once(broker, hit, "basic.consume", lambda s, channel, _: s.close_channel(
        channel, 404, "NOT_FOUND - no queue 'build' in vhost '/'"))


@script
def declare_refused(broker, hit):
    """406 to queue.declare: somebody else's arguments."""
    once(broker, hit, "queue.declare", lambda s, channel, _: s.close_channel(
        channel, 406, "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'build'"))


@script
def consumer_cancelled(broker, hit):
    """basic.cancel of the broker's, as when a queue is deleted."""
    def act(session, channel, method):
        session.method(channel, "basic.consume-ok", tag=method.tag)
        session.method(channel, "basic.cancel", tag=method.tag, no_wait=True)
    once(broker, hit, "basic.consume", act)


@script
def cancelled_in_a_job(broker, hit):
    """basic.cancel right behind a delivery, which is given back and comes again. Its job may have
    ended by then. [again]"""
    def hook(session, channel, consumer, message):
        session.deliver_message(channel, consumer, message)
        session.channels[channel].consumers.pop(consumer.tag, None)
        session.method(channel, "basic.cancel", tag=consumer.tag, no_wait=True)
        hit()
        return True
    broker.on("deliver", hook, 1)


@script
def stranger_cancelled(broker, hit):
    """basic.cancel of a consumer that nobody has."""
    after(broker, hit, "basic.consume", lambda s, channel, _: s.method(
        channel, "basic.cancel", tag="nobody", no_wait=True))


@script
def delivery_to_a_stranger(broker, hit):
    """A message for a consumer that nobody has; the session ends, so that it comes again."""
    def act(session, channel, consumer, message, tag):
        broker.later(0.5, session.end)
        consumer.tag = "nobody"
        return deliver_method(channel, consumer, message, tag) \
            + codec.content_header(channel, len(message.body)) \
            + codec.bodies(channel, message.body, 4096)
    instead_of_delivery(broker, hit, act)


@script
def tag_twice(broker, hit):
    """The same delivery, tag and all, twice. [again]"""
    def hook(session, channel, consumer, message):
        session.deliver_message(channel, consumer, message)
        session.deliver_message(channel, consumer, message,
                                tag=session.channels[channel].delivered)
        hit()
        return True
    broker.on("deliver", hook, 1)


def timed_out(name, value, doc):
    def act(broker, hit):
        def hook(session, channel, consumer, message):
            session.deliver_message(channel, consumer, message)
            session.close_channel(channel, 406, TIMED_OUT.format(channel, value))
            hit()
            return True
        broker.on("deliver", hook, 1)
    act.__name__, act.__doc__ = name, doc
    script(act)


timed_out("ack_timed_out", "1800000", "The acknowledgement timeout, as 3.10 words it. [again]")
timed_out("ack_timed_out_4_3", "-1", "The same as 4.3 words it. [again]")
timed_out("ack_timed_out_huge", "9" * 40, "A number that no integer holds. [again]")


# ---- contents


def broken_body(name, data, doc, mark=""):
    """A script whose bytes come instead of a message: data(channel, consumer, message, tag)."""
    def act(broker, hit):
        instead_of_delivery(broker, hit, lambda s, *arguments: data(*arguments))
    act.__name__, act.__doc__ = name, doc + mark
    script(act)


def begun(channel, consumer, message, tag):
    """The first half of a message."""
    half = len(message.body) // 2
    return deliver_method(channel, consumer, message, tag) \
        + codec.content_header(channel, len(message.body)) \
        + codec.bodies(channel, message.body[:half], 4096)


broken_body("closed_in_a_body", lambda channel, *rest: begun(channel, *rest) + codec.method(
    0, "connection.close", code=320, text="CONNECTION_FORCED - shutdown"),
            "connection.close in the middle of a body.")
broken_body("channel_closed_in_a_body", lambda channel, *rest: begun(channel, *rest) + codec.method(
    channel, "channel.close", code=541, text="INTERNAL_ERROR"),
            "channel.close in the middle of a body.")
broken_body("delivery_in_a_body", lambda *rest: begun(*rest) + begun(*rest),
            "A message begins in the middle of another one.")
broken_body("header_in_a_body", lambda channel, *rest: begun(channel, *rest)
            + codec.content_header(channel, 5), "A second header in the middle of a body.")
broken_body("body_without_a_header", lambda channel, consumer, message, tag: deliver_method(
    channel, consumer, message, tag) + codec.bodies(channel, message.body, 4096),
            "A body whose header is missing.")
broken_body("body_out_of_nowhere", lambda channel, *_: codec.bodies(channel, b"xyz", 4096),
            "A body, and no method before it.")
broken_body("body_too_long", lambda channel, consumer, message, tag: deliver_method(
    channel, consumer, message, tag) + codec.content_header(channel, 5)
    + codec.bodies(channel, message.body, 4096), "A body longer than its header says.")
broken_body("header_of_another_class", lambda channel, consumer, message, tag: deliver_method(
    channel, consumer, message, tag) + codec.content_header(channel, 5, class_id=10),
            "A content header of class connection.")
broken_body("header_cut_short", lambda channel, consumer, message, tag: deliver_method(
    channel, consumer, message, tag) + codec.frame(2, channel, b"\0\x3c\0\0\0\0"),
            "A content header of six bytes.")
broken_body("properties_beyond_the_end", lambda channel, consumer, message, tag: deliver_method(
    channel, consumer, message, tag)
    + codec.frame(2, channel, struct.pack(">HHQH", 60, 0, 5, 0xFFFC) + b"\xff"),
            "Flags of fourteen properties and not one of them.")
broken_body("flags_go_on_for_ever", lambda channel, consumer, message, tag: deliver_method(
    channel, consumer, message, tag)
    + codec.frame(2, channel, struct.pack(">HHQ", 60, 0, 5) + b"\xff\xff" * 2000),
            "Each word of property flags says that another one follows.")
broken_body("header_kind_unknown", lambda channel, consumer, message, tag: deliver_method(
    channel, consumer, message, tag)
    + codec.frame(2, channel, struct.pack(">HHQH", 60, 0, 5, 1 << 13)
                  + codec.long(codec.short("x") + b"?" + b"y" * 8)),
            "A header table with a field of kind '?'.")


@script
def gone_in_a_body(broker, hit):
    """The TCP connection ends in the middle of a body."""
    def act(session, channel, consumer, message, tag):
        broker.later(0.2, session.end)
        return begun(channel, consumer, message, tag)
    instead_of_delivery(broker, hit, act)


@script
def body_of_2_40(broker, hit):
    """A body of a terabyte, of which 8 MiB come: it must not be believed. Then the end."""
    def act(session, channel, consumer, message, tag):
        session.send(deliver_method(channel, consumer, message, tag)
                     + codec.content_header(channel, 1 << 40))
        for _ in range(64):
            session.send(codec.frame(codec.BODY, channel, b"x" * 131064))
        broker.later(0.2, session.end)
        return b""
    instead_of_delivery(broker, hit, act)


@script
def body_of_2_64(broker, hit):
    """The largest size there is."""
    def act(session, channel, consumer, message, tag):
        broker.later(0.3, session.end)
        return deliver_method(channel, consumer, message, tag) \
            + codec.content_header(channel, (1 << 64) - 1) + codec.bodies(channel, b"x" * 9, 4096)
    instead_of_delivery(broker, hit, act)


@script
def body_in_crumbs(broker, hit):
    """A body in frames of one byte, with empty ones between."""
    def hook(session, channel, consumer, message):
        session.deliver_message(channel, consumer, message, pieces=[
            codec.frame(codec.BODY, channel, b"") + codec.frame(codec.BODY, channel, bytes([one]))
            for one in message.body])
        hit()
        return True
    broker.on("deliver", hook, 1)


@script
def no_body(broker, hit):
    """A message of no bytes is no build request. [dead]"""
    def hook(session, channel, consumer, message):
        message.body = b""
        session.deliver_message(channel, consumer, message)
        hit()
        return True
    broker.on("deliver", hook, 1)


# ---- confirms


@script
def publish_refused(broker, hit):
    """basic.nack to the first reports: they are sent again."""
    once(broker, hit, "confirm", lambda s, channel, one: s.method(
        channel, "basic.nack", tag=one.tag), 2)


@script
def returned_then_confirmed(broker, hit):
    """basic.return, then basic.ack: it did not arrive."""
    def act(session, channel, one):
        session.return_message(channel, one.message)
        session.method(channel, "basic.ack", tag=one.tag)
    once(broker, hit, "confirm", act)


@script
def confirmed_then_returned(broker, hit):
    """The other order: the return comes too late to mean anything."""
    def act(session, channel, one):
        session.method(channel, "basic.ack", tag=one.tag)
        session.return_message(channel, one.message)
    once(broker, hit, "confirm", act)


@script
def confirmed_together(broker, hit):
    """No confirm for the first report; the second's says multiple. [jobs: 2]"""
    def second(session, channel, one):
        if one.tag > 1:
            session.method(channel, "basic.ack", tag=one.tag, multiple=True)
            hit()
        return True
    broker.on("confirm", second, 2)


@script
def confirmed_never_published(broker, hit):
    """Confirms of tags that were never given, far ones too."""
    def act(session, channel, one):
        for tag in (0, 7, 1 << 63, (1 << 64) - 1):
            session.method(channel, "basic.ack", tag=tag)
    after(broker, hit, "confirm", act)


@script
def all_confirmed_at_zero(broker, hit):
    """basic.nack multiple of tag 0, which AMQP reads as "all"."""
    after(broker, hit, "confirm", lambda s, channel, one: s.method(
        channel, "basic.nack", tag=0, multiple=True))


@script
def publish_closes_the_channel(broker, hit):
    """channel.close 404 instead of a confirm."""
    once(broker, hit, "confirm", lambda s, channel, one: s.close_channel(
        channel, 404, "NOT_FOUND - no exchange 'x' in vhost '/'"))


@script
def publish_closes_the_connection(broker, hit):
    """connection.close 320 instead of a confirm."""
    once(broker, hit, "confirm", lambda s, channel, one: s.close_connection(
        320, "CONNECTION_FORCED - broker forced connection closure"))


@script
def blocked_at_publish(broker, hit):
    """connection.blocked instead of a confirm; a second later both."""
    def act(session, channel, one):
        session.method(0, "connection.blocked", reason="low on disk")

        def over():
            session.method(0, "connection.unblocked")
            session.accept(channel, one)
        broker.later(1, over)
    once(broker, hit, "confirm", act)


# ---- silence


@script
def silent(broker, hit):
    """A broker that takes everything, and whose heartbeats have ended."""
    broker.tune["heartbeat"] = 3

    def act(session, channel, method):
        session.beats = False
    once(broker, hit, "basic.consume", act)
