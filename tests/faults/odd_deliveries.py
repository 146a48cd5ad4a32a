"""Scripts of row 14 about a consumer and what is delivered to it."""

import struct

import amqp_codec as codec
from odd_scripts import Scripts, after, once

SCRIPTS = Scripts()
TIMED_OUT = ("PRECONDITION_FAILED - delivery acknowledgement on channel {} timed out. "
             "Timeout value used: {} ms. This timeout value can be configured, see consumers doc "
             "guide to learn more")


def instead_of_delivery(broker, hit, data):
    """`data(session, channel, consumer, message, tag)` is sent where the message would be; the
    message goes back when the session has ended."""
    def act(session, channel, consumer, message):
        tag = session.next_tag(channel, consumer, message)
        session.send(data(session, channel, consumer, message, tag))
    once(broker, hit, "deliver", act)


def deliver_method(channel, consumer, message, tag):
    return codec.method(channel, "basic.deliver", consumer=consumer.tag, tag=tag,
                        routing_key=message.routing_key)


# ---- the consumer


@SCRIPTS.add
def consume_refused(broker, hit):
    """404 to basic.consume: the queue went between the declaration and now."""
    once(broker, hit, "basic.consume", lambda s, channel, _: s.close_channel(
        channel, 404, "NOT_FOUND - no queue 'build' in vhost '/'"))


@SCRIPTS.add
def declare_refused(broker, hit):
    """406 to queue.declare: somebody else's arguments."""
    once(broker, hit, "queue.declare", lambda s, channel, _: s.close_channel(
        channel, 406, "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'build'"))


@SCRIPTS.add
def consumer_cancelled(broker, hit):
    """basic.cancel of the broker's, as when a queue is deleted."""
    def act(session, channel, method):
        session.method(channel, "basic.consume-ok", tag=method.tag)
        session.method(channel, "basic.cancel", tag=method.tag, no_wait=True)
    once(broker, hit, "basic.consume", act)


@SCRIPTS.add
def cancelled_in_a_job(broker, hit):
    """basic.cancel right behind a delivery, which is given back and comes again. Its job may have
    ended by then. [again]"""
    def act(session, channel, consumer, message):
        session.deliver_message(channel, consumer, message)
        session.channels[channel].consumers.pop(consumer.tag, None)
        session.method(channel, "basic.cancel", tag=consumer.tag, no_wait=True)
    once(broker, hit, "deliver", act)


@SCRIPTS.add
def stranger_cancelled(broker, hit):
    """basic.cancel of a consumer that nobody has."""
    after(broker, hit, "basic.consume", lambda s, channel, _: s.method(
        channel, "basic.cancel", tag="nobody", no_wait=True))


@SCRIPTS.add
def delivery_to_a_stranger(broker, hit):
    """A message for a consumer that nobody has; the session ends, so that it comes again."""
    def act(session, channel, consumer, message, tag):
        broker.later(0.5, session.end)
        consumer.tag = "nobody"
        return deliver_method(channel, consumer, message, tag) \
            + codec.content_header(channel, len(message.body)) \
            + codec.bodies(channel, message.body, 4096)
    instead_of_delivery(broker, hit, act)


@SCRIPTS.add
def tag_twice(broker, hit):
    """The same delivery, tag and all, twice. [again]"""
    def act(session, channel, consumer, message):
        session.deliver_message(channel, consumer, message)
        session.deliver_message(channel, consumer, message,
                                tag=session.channels[channel].delivered)
    once(broker, hit, "deliver", act)


def timed_out(name, value, doc):
    def function(broker, hit):
        def act(session, channel, consumer, message):
            session.deliver_message(channel, consumer, message)
            session.close_channel(channel, 406, TIMED_OUT.format(channel, value))
        once(broker, hit, "deliver", act)
    SCRIPTS.add_named(name, doc, function)


timed_out("ack_timed_out", "1800000", "The acknowledgement timeout, as 3.10 words it. [again]")
timed_out("ack_timed_out_4_3", "-1", "The same as 4.3 words it. [again]")
timed_out("ack_timed_out_huge", "9" * 40, "A number that no integer holds. [again]")


# ---- contents


def broken_body(name, data, doc):
    """A script whose bytes come instead of a message: data(channel, consumer, message, tag)."""
    def act(broker, hit):
        instead_of_delivery(broker, hit, lambda s, *arguments: data(*arguments))
    SCRIPTS.add_named(name, doc, act)


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


@SCRIPTS.add
def gone_in_a_body(broker, hit):
    """The TCP connection ends in the middle of a body."""
    def act(session, channel, consumer, message, tag):
        broker.later(0.2, session.end)
        return begun(channel, consumer, message, tag)
    instead_of_delivery(broker, hit, act)


@SCRIPTS.add
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


@SCRIPTS.add
def body_of_2_64(broker, hit):
    """The largest size there is."""
    def act(session, channel, consumer, message, tag):
        broker.later(0.3, session.end)
        return deliver_method(channel, consumer, message, tag) \
            + codec.content_header(channel, (1 << 64) - 1) + codec.bodies(channel, b"x" * 9, 4096)
    instead_of_delivery(broker, hit, act)


@SCRIPTS.add
def body_in_crumbs(broker, hit):
    """A body in frames of one byte, with empty ones between."""
    def act(session, channel, consumer, message):
        session.deliver_message(channel, consumer, message, pieces=[
            codec.frame(codec.BODY, channel, b"") + codec.frame(codec.BODY, channel, bytes([one]))
            for one in message.body])
    once(broker, hit, "deliver", act)


@SCRIPTS.add
def no_body(broker, hit):
    """A message of no bytes is no build request. [dead]"""
    def act(session, channel, consumer, message):
        message.body = b""
        session.deliver_message(channel, consumer, message)
    once(broker, hit, "deliver", act)
