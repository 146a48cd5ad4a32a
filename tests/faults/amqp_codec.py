"""AMQP 0-9-1 on the wire, both ways: frames out of a stream of bytes, methods out of frames, and
back. Made from the protocol's definition, without any of rbit's code, and without a library: the
fault suite must be able to say what no library would say.
"""

import collections
import struct

HEADER = b"AMQP\x00\x00\x09\x01"
METHOD, CONTENT_HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = 0xCE
BEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"
PERSISTENT = 2

# (class, method): its name and its arguments. o u16 U u32 L u64 are unsigned, O an octet, s a short
# and l a long string, t a table; b bits, which share an octet with their neighbours.
METHODS = {
    (10, 10): ("connection.start", "major:O minor:O properties:t mechanisms:l locales:l"),
    (10, 11): ("connection.start-ok", "properties:t mechanism:s response:l locale:s"),
    (10, 30): ("connection.tune", "channel_max:o frame_max:U heartbeat:o"),
    (10, 31): ("connection.tune-ok", "channel_max:o frame_max:U heartbeat:o"),
    (10, 40): ("connection.open", "virtual_host:s reserved1:s reserved2:b"),
    (10, 41): ("connection.open-ok", "reserved1:s"),
    (10, 50): ("connection.close", "code:o text:s class_id:o method_id:o"),
    (10, 51): ("connection.close-ok", ""),
    (10, 60): ("connection.blocked", "reason:s"),
    (10, 61): ("connection.unblocked", ""),
    (20, 10): ("channel.open", "reserved1:s"),
    (20, 11): ("channel.open-ok", "reserved1:l"),
    (20, 20): ("channel.flow", "active:b"),
    (20, 21): ("channel.flow-ok", "active:b"),
    (20, 40): ("channel.close", "code:o text:s class_id:o method_id:o"),
    (20, 41): ("channel.close-ok", ""),
    (40, 10): ("exchange.declare", "reserved1:o exchange:s type:s passive:b durable:b "
                                   "auto_delete:b internal:b no_wait:b arguments:t"),
    (40, 11): ("exchange.declare-ok", ""),
    (50, 10): ("queue.declare", "reserved1:o queue:s passive:b durable:b exclusive:b "
                                "auto_delete:b no_wait:b arguments:t"),
    (50, 11): ("queue.declare-ok", "queue:s messages:U consumers:U"),
    (50, 20): ("queue.bind", "reserved1:o queue:s exchange:s routing_key:s no_wait:b arguments:t"),
    (50, 21): ("queue.bind-ok", ""),
    (50, 40): ("queue.delete", "reserved1:o queue:s if_unused:b if_empty:b no_wait:b"),
    (50, 41): ("queue.delete-ok", "messages:U"),
    (60, 10): ("basic.qos", "size:U count:o is_global:b"),
    (60, 11): ("basic.qos-ok", ""),
    (60, 20): ("basic.consume", "reserved1:o queue:s tag:s no_local:b no_ack:b exclusive:b "
                                "no_wait:b arguments:t"),
    (60, 21): ("basic.consume-ok", "tag:s"),
    (60, 30): ("basic.cancel", "tag:s no_wait:b"),
    (60, 31): ("basic.cancel-ok", "tag:s"),
    (60, 40): ("basic.publish", "reserved1:o exchange:s routing_key:s mandatory:b immediate:b"),
    (60, 50): ("basic.return", "code:o text:s exchange:s routing_key:s"),
    (60, 60): ("basic.deliver", "consumer:s tag:L redelivered:b exchange:s routing_key:s"),
    (60, 70): ("basic.get", "reserved1:o queue:s no_ack:b"),
    (60, 71): ("basic.get-ok", "tag:L redelivered:b exchange:s routing_key:s messages:U"),
    (60, 72): ("basic.get-empty", "reserved1:s"),
    (60, 80): ("basic.ack", "tag:L multiple:b"),
    (60, 90): ("basic.reject", "tag:L requeue:b"),
    (60, 120): ("basic.nack", "tag:L multiple:b requeue:b"),
    (85, 10): ("confirm.select", "no_wait:b"),
    (85, 11): ("confirm.select-ok", ""),
}
METHODS = {key: (name, [tuple(one.split(":")) for one in arguments.split()])
           for key, (name, arguments) in METHODS.items()}
NUMBERS = {name: key for key, (name, _) in METHODS.items()}
WITH_CONTENT = {"basic.publish", "basic.return", "basic.deliver", "basic.get-ok"}

PROPERTIES = (("content_type", "s"), ("content_encoding", "s"), ("headers", "t"),
              ("delivery_mode", "O"), ("priority", "O"), ("correlation_id", "s"),
              ("reply_to", "s"), ("expiration", "s"), ("message_id", "s"), ("timestamp", "L"),
              ("type", "s"), ("user_id", "s"), ("app_id", "s"), ("cluster_id", "s"))
NUMBER_FORMATS = {"O": ">B", "o": ">H", "U": ">I", "L": ">Q"}
FIELD_FORMATS = {b"b": ">b", b"B": ">B", b"s": ">h", b"u": ">H", b"I": ">i", b"i": ">I",
                 b"l": ">q", b"L": ">q", b"T": ">Q", b"f": ">f", b"d": ">d"}

# `raw` is the whole frame as it travelled.
Frame = collections.namedtuple("Frame", "type channel payload raw")


class Method:
    """`arguments` by name, as attributes too. An unknown method is "CLASS.METHOD" and has none."""

    def __init__(self, name, arguments):
        self.name, self.arguments = name, arguments

    def __getattr__(self, name):
        try:
            return self.arguments[name]
        except KeyError:
            raise AttributeError(f"{self.name} has no argument {name}") from None


class FrameReader:
    """Bytes in, frames out. What a client says first, the protocol's header, is skipped. A stream
    that is no AMQP any more sets `corrupt` and gives nothing from then on."""

    def __init__(self):
        self.buffer = bytearray()
        self.begun = False
        self.corrupt = False

    def feed(self, data):
        if self.corrupt:
            return
        self.buffer += data
        if not self.begun:
            if len(self.buffer) < 8 and HEADER.startswith(bytes(self.buffer[:4])):
                return
            self.begun = True
            if self.buffer.startswith(b"AMQP"):
                del self.buffer[:8]
        while len(self.buffer) >= 7:
            kind, channel, size = struct.unpack_from(">BHI", self.buffer)
            if len(self.buffer) < size + 8:
                return
            raw = bytes(self.buffer[:size + 8])
            if raw[-1] != FRAME_END:
                self.corrupt = True
                return
            del self.buffer[:size + 8]
            yield Frame(kind, channel, raw[7:-1], raw)


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise ValueError("a field beyond the end of its frame")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self, kind):
        if kind == "s":
            return self.take(self.number(">B")).decode(errors="surrogateescape")
        if kind == "l":
            return self.take(self.number(">I"))
        if kind == "t":
            return self.table()
        return self.number(NUMBER_FORMATS[kind])

    def table(self):
        inner = _Reader(self.take(self.number(">I")))
        found = {}
        while inner.at < len(inner.data):
            name = inner.value("s")
            found[name] = inner.field()
        return found

    def field(self):
        kind = self.take(1)
        if kind in FIELD_FORMATS:
            return self.number(FIELD_FORMATS[kind])
        if kind == b"t":
            return self.number(">B") != 0
        if kind in (b"S", b"x"):
            text = self.value("l")
            return text.decode(errors="surrogateescape") if kind == b"S" else text
        if kind == b"F":
            return self.table()
        if kind == b"D":
            return (self.number(">B"), self.number(">i"))
        if kind == b"V":
            return None
        if kind == b"A":
            inner = _Reader(self.take(self.number(">I")))
            found = []
            while inner.at < len(inner.data):
                found.append(inner.field())
            return found
        raise ValueError(f"a field of unknown kind {kind!r}")


def decode_method(frame):
    """The Method in a frame of type METHOD."""
    reader = _Reader(frame.payload)
    key = (reader.number(">H"), reader.number(">H"))
    if key not in METHODS:
        return Method(f"{key[0]}.{key[1]}", {})
    name, wanted = METHODS[key]
    arguments = {}
    bits, used = 0, 8
    for argument, kind in wanted:
        if kind == "b":
            if used == 8:
                bits, used = reader.number(">B"), 0
            arguments[argument] = bool(bits >> used & 1)
            used += 1
        else:
            used = 8
            arguments[argument] = reader.value(kind)
    return Method(name, arguments)


def decode_content_header(frame):
    """(the body's size, its properties by name)"""
    reader = _Reader(frame.payload)
    reader.take(4)
    size, flags = reader.number(">Q"), reader.number(">H")
    properties = {}
    for n, (name, kind) in enumerate(PROPERTIES):
        if flags & 1 << 15 - n:
            properties[name] = reader.value(kind)
    return size, properties


# ---- the way back


def short(text):
    data = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
    return struct.pack(">B", len(data)) + data


def long(text):
    data = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
    return struct.pack(">I", len(data)) + data


def field(value):
    if isinstance(value, bool):
        return b"t" + struct.pack(">B", value)
    if isinstance(value, int):
        return b"I" + struct.pack(">i", value) if -1 << 31 <= value < 1 << 31 else \
            b"l" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"d" + struct.pack(">d", value)
    if isinstance(value, dict):
        return b"F" + table(value)
    if isinstance(value, (list, tuple)):
        return b"A" + long(b"".join(field(one) for one in value))
    if value is None:
        return b"V"
    return b"S" + long(value)


def table(values):
    return long(b"".join(short(name) + field(value) for name, value in values.items()))


def _value(kind, value):
    if kind == "s":
        return short(value or "")
    if kind == "l":
        return long(value or b"")
    if kind == "t":
        return table(value or {})
    return struct.pack(NUMBER_FORMATS[kind], value or 0)


def frame(kind, channel, payload, size=None, end=FRAME_END):
    """A frame; `size` and `end` to lie about them."""
    head = struct.pack(">BHI", kind, channel, len(payload) if size is None else size)
    return head + payload + bytes([end])


def method(channel, name, **arguments):
    """A frame with a method. Arguments that are not given are 0, false or empty."""
    key = NUMBERS[name]
    data, bits, used = struct.pack(">HH", *key), 0, 0
    for argument, kind in METHODS[key][1]:
        if kind == "b":
            bits |= bool(arguments.pop(argument, False)) << used
            used += 1
            continue
        if used:
            data, bits, used = data + bytes([bits]), 0, 0
        data += _value(kind, arguments.pop(argument, None))
    if used:
        data += bytes([bits])
    if arguments:
        raise TypeError(f"{name} has no {', '.join(arguments)}")
    return frame(METHOD, channel, data)


def content_header(channel, size, properties=None, class_id=60):
    flags, data = 0, b""
    for n, (name, kind) in enumerate(PROPERTIES):
        if name in (properties or {}):
            flags |= 1 << 15 - n
            data += _value(kind, properties[name])
    return frame(CONTENT_HEADER, channel, struct.pack(">HHQH", class_id, 0, size, flags) + data)


def bodies(channel, body, frame_max):
    """The body's frames, as many as it takes."""
    room = frame_max - 8
    return b"".join(frame(BODY, channel, body[at:at + room]) for at in range(0, len(body), room))
