"""The build request and the message, as functions written for the Python rbits expect them.

Made from plain JSON: `py/object` and its like are data here and name no class.
"""

from binascii import a2b_base64
from time import time

from json import JSONDecoder, dumps

from rbit_host import strict_json

# A function of C: what a job replaces in `json` does not change what the next one is asked for.
scan = JSONDecoder().scan_once


class Part:
    """A JSON object with attributes. One that is missing is None."""

    def __init__(self, members):
        for name, value in members.items():
            # What a message holds never hides a method, nor anything of Python's own.
            if name.isidentifier() and not name.startswith("_") and not hasattr(type(self), name):
                setattr(self, name, self._made(name, value))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __repr__(self):
        return "<%s %r>" % (type(self).__name__, self.__dict__)

    def _made(self, name, value):
        if isinstance(value, dict):
            return PARTS.get(name, Part)(value)
        return value


def _name(part):
    return getattr(part, "name", None)


class PackageInstance(Part):
    def get_package_name(self):
        return _name(self.package)

    def get_package_version(self):
        return getattr(self.package, "version", None)

    def get_arch_name(self):
        return _name(self.arch)

    def get_suite_name(self):
        return _name(self.suite)

    def get_distribution_name(self):
        return _name(self.distribution)

    def get_format_name(self):
        return _name(self.format)

    def get_buildenv_name(self):
        return _name(self.build_env)


PARTS = {"packageinstance": PackageInstance}


class BuildRequest(Part):
    def __init__(self, members, timestamp):
        super().__init__(members)
        self._members = members
        self.timestamp = timestamp

    def _instance(self):
        instance = getattr(self.job, "packageinstance", None)
        return instance if isinstance(instance, PackageInstance) else PackageInstance({})

    def get_package(self):
        return self._instance().get_package_name()

    def get_version(self):
        return self._instance().get_package_version()

    def get_arch(self):
        return self._instance().get_arch_name()

    def get_suite(self):
        return self._instance().get_suite_name()

    def get_dist(self):
        return self._instance().get_distribution_name()

    def get_format(self):
        return self._instance().get_format_name()

    def get_buildenv(self):
        return self._instance().get_buildenv_name()

    def get_job_id(self):
        return getattr(self.job, "id", None)

    def get_buildstamp(self):
        return self.timestamp

    def stamp_request(self):
        self.timestamp = int(time())

    def toJson(self):
        """As it came, with the time stamp it has now."""
        return dumps({**self._members, "timestamp": self.timestamp})


class Message(str):
    """The body; old functions decode `message` or `message.body`. What else is known of the message
    are its attributes: key, headers and so on."""

    @property
    def body(self):
        return str(self)

    @property
    def json(self):
        """The value that the body is; the same one each time. ValueError if it is no JSON."""
        if "_json" not in self.__dict__:
            self._json = strict_json.parsed(str(self))
        return self._json


class RawMessage(bytes):
    """The same of a message that may be any bytes."""

    @property
    def body(self):
        return bytes(self)

    @property
    def json(self):
        raise AttributeError("message.json: a raw message is bytes; "
                             "message = json in its section makes it JSON")


FACTS = ("kind", "key", "queue", "exchange", "routing_key", "attempt", "redelivered", "properties",
         "headers")


class Facts(dict):
    """By name, as members and as attributes."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def body_of(line):
    """Of a job's line: text, or bytes where it is none or may be none."""
    if "payload_base64" in line:
        return a2b_base64(line["payload_base64"])
    text = line.get("payload", "")
    return text.encode("utf-8") if line.get("kind") == "raw" else text


def facts_of(line):
    """What a job's line says of its message."""
    facts = Facts((name, line.get(name)) for name in FACTS)
    facts["kind"] = facts["kind"] or "pybit"
    facts["key"] = line.get("id")
    facts["properties"] = facts["properties"] or {}
    facts["headers"] = facts["headers"] or {}
    return facts


def message_of(body, facts):
    message = RawMessage(body) if isinstance(body, bytes) else Message(body)
    message.__dict__.update(facts)
    return message


def task_of(body):
    """The task that a body is, out of its envelope if it is in one. rbit has read it before."""
    task = strict_json.parsed(body)
    if "task_name" not in task and isinstance(task.get("Message"), str):
        task = strict_json.parsed(task["Message"])
    return task


def parsed(text):
    """The value that a JSON text is; a ValueError, or None, for what is none."""
    text = text.strip(" \t\r\n")
    try:
        value, end = scan(text, 0)
    except StopIteration:
        return None
    return value if end == len(text) else None


def build_request(body, timestamp):
    try:
        members = parsed(body)
    except ValueError:
        members = {}
    return BuildRequest(members if isinstance(members, dict) else {}, timestamp)
