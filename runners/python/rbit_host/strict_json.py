"""JSON as rbit reads it: no NaN, no number out of range, no member twice, no half letters.

A verdict that rbit cannot read would be waited for, so what goes into one is looked at here.
"""

from json import JSONDecoder, JSONEncoder

NO_NUMBERS = "NaN and infinity are no JSON"
DEPTH_LIMIT, VALUES_LIMIT = 32, 9900  # of what is in a line; rbit reads a little more


def _refuse(_word):
    raise ValueError(NO_NUMBERS)


def _members(pairs):
    members = dict(pairs)
    if len(members) < len(pairs):
        names = set()
        for name, _ in pairs:
            if name in names:
                raise ValueError("member %r stands twice" % name)
            names.add(name)
    return members


# Functions of C: what a job replaces in `json` does not change what the next one is asked for.
_scan = JSONDecoder(parse_constant=_refuse).scan_once
_scan_strictly = JSONDecoder(parse_constant=_refuse, object_pairs_hook=_members).scan_once
_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _scanned(scan, text):
    if isinstance(text, bytes):
        raise ValueError("the text is no JSON: it is not UTF-8")
    if text.startswith("\ufeff"):
        raise ValueError("the text is no JSON: it starts with a byte order mark")
    text = text.strip(" \t\r\n")
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError("the text is no JSON") from None
    if end != len(text):
        raise ValueError("the text is no JSON: something follows at %d" % end)
    return value


def parsed(text):
    """The value that a JSON text is; a ValueError for what is none."""
    return _scanned(_scan, text)


def text_of(value):
    """A value as JSON; TypeError or ValueError say why it is none."""
    try:
        text = _encode(value)
    except ValueError as error:
        if str(error).startswith("Out of range float"):  # Python's words for it
            raise ValueError(NO_NUMBERS) from None
        raise
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text in it has half a letter (a lone surrogate)") from None
    _scanned(_scan_strictly, text)  # True and "true" are two keys in Python
    return text


def check_limits(text):
    """A ValueError if a line with this JSON would be refused for what it holds."""
    values = 0
    level, depth = [parsed(text)], 0
    while level:
        values += len(level)
        depth += 1
        if depth > DEPTH_LIMIT + 1:
            raise ValueError("it is nested deeper than %d" % DEPTH_LIMIT)
        if values > VALUES_LIMIT:
            raise ValueError("it has more than %d values" % VALUES_LIMIT)
        inside = []
        for one in level:
            if type(one) is list:
                inside += one
            elif type(one) is dict:
                inside += one.values()
            elif type(one) is int:
                try:
                    float(one)
                except OverflowError:
                    raise ValueError("a number in it is out of range") from None
        level = inside
