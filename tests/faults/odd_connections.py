"""Scripts of row 14 about a connection: its beginning, its frames, its silence."""

import struct

import amqp_codec as codec
from odd_scripts import Scripts, after, once

SCRIPTS = Scripts()


# ---- the handshake


@SCRIPTS.add
def other_protocol(broker, hit):
    """The header of AMQP 1.0, and good-bye."""
    once(broker, hit, "header", lambda s, *_: (s.send(b"AMQP\x00\x01\x00\x00"), s.end()), 4)


@SCRIPTS.add
def http_instead(broker, hit):
    """A web server listens there."""
    once(broker, hit, "header",
         lambda s, *_: (s.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), s.end()), 4)


@SCRIPTS.add
def old_version(broker, hit):
    """connection.start of AMQP 0-8."""
    once(broker, hit, "header", lambda s, *_: s.method(
        0, "connection.start", major=0, minor=8, mechanisms="PLAIN", locales="en_US"), 4)


@SCRIPTS.add
def no_plain(broker, hit):
    """Only mechanisms we have not."""
    once(broker, hit, "header", lambda s, *_: s.method(
        0, "connection.start", major=0, minor=9, mechanisms="SCRAM-SHA-256", locales="en_US"), 4)


@SCRIPTS.add
def a_challenge(broker, hit):
    """connection.secure instead of tune."""
    once(broker, hit, "connection.start-ok", lambda s, *_: s.send(
        codec.frame(codec.METHOD, 0, struct.pack(">HH", 10, 20) + codec.long("who?"))), 4)


@SCRIPTS.add
def tune_beat_1(broker, hit):
    """A heartbeat of one second."""
    broker.tune["heartbeat"] = 1
    after(broker, hit, "connection.start-ok", lambda *_: None)


@SCRIPTS.add
def tune_frame_1(broker, hit):
    """A frame_max of 1: AMQP promises 4096, and the library answers so."""
    def answered(session, channel, method):
        if method.frame_max != 4096:
            raise ValueError(f"tune-ok with frame_max {method.frame_max}")
    broker.on("connection.tune-ok", answered)
    once(broker, hit, "connection.start-ok", lambda s, *_: s.method(
        0, "connection.tune", channel_max=10, frame_max=1, heartbeat=3), 2)


@SCRIPTS.add
def tune_no_limits(broker, hit):
    """Zeros: no limits, no heartbeats of the broker's wish."""
    once(broker, hit, "connection.start-ok", lambda s, *_: s.method(0, "connection.tune"), 2)


@SCRIPTS.add
def tune_one_channel(broker, hit):
    """A channel_max of 1 is too little for what rbit wants to open at once."""
    once(broker, hit, "connection.start-ok", lambda s, *_: s.method(
        0, "connection.tune", channel_max=1, frame_max=131072, heartbeat=3), 2)


@SCRIPTS.add
def gone_at_login(broker, hit):
    """The connection ends after the password, as old brokers refuse it."""
    once(broker, hit, "connection.start-ok", lambda s, *_: s.end(), 4)


@SCRIPTS.add
def reset_at_open(broker, hit):
    """RST instead of open-ok."""
    once(broker, hit, "connection.open", lambda s, *_: s.end("rst"), 4)


@SCRIPTS.add
def closed_at_open(broker, hit):
    """connection.close 541 instead of open-ok."""
    once(broker, hit, "connection.open",
         lambda s, *_: s.close_connection(541, "INTERNAL_ERROR"), 4)


@SCRIPTS.add
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
    SCRIPTS.add_named(name, doc, act)


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


@SCRIPTS.add
def unknown_channels(broker, hit):
    """Methods, contents and closes of channels that nobody opened."""
    after(broker, hit, "basic.consume", lambda s, *_: s.send(
        codec.method(9, "basic.consume-ok", tag="x")
        + codec.method(9, "basic.deliver", consumer="x", tag=1)
        + codec.content_header(9, 3) + codec.bodies(9, b"abc", 4096)
        + codec.method(11, "basic.ack", tag=5)
        + b"".join(codec.method(number, "channel.close", code=504) for number in range(12, 16))))


@SCRIPTS.add
def beats_on_a_channel(broker, hit):
    """Heartbeats by the thousand, one with content."""
    after(broker, hit, "basic.consume", lambda s, *_: s.send(
        codec.BEAT * 5000 + codec.frame(codec.HEARTBEAT, 0, b"x")))


@SCRIPTS.add
def open_ok_twice(broker, hit):
    """channel.open is answered twice."""
    after(broker, hit, "channel.open",
          lambda s, channel, _: s.method(channel, "channel.open-ok"))


@SCRIPTS.add
def answers_in_one_write_each_byte(broker, hit):
    """The broker's answers come in pieces of one byte."""
    def act(session, channel, method):
        for byte in codec.method(channel, "basic.qos-ok"):
            session.send(bytes([byte]))
    once(broker, hit, "basic.qos", act)


# ---- silence


@SCRIPTS.add
def silent(broker, hit):
    """A broker that takes everything, and whose heartbeats have ended."""
    broker.tune["heartbeat"] = 3

    def act(session, channel, method):
        session.beats = False
    once(broker, hit, "basic.consume", act)
