"""Scripts of row 14 about the confirms of what rbit publishes."""

from odd_scripts import Scripts, after, once

SCRIPTS = Scripts()


@SCRIPTS.add
def publish_refused(broker, hit):
    """basic.nack to the first reports: they are sent again."""
    once(broker, hit, "confirm", lambda s, channel, one: s.method(
        channel, "basic.nack", tag=one.tag), 2)


@SCRIPTS.add
def returned_then_confirmed(broker, hit):
    """basic.return, then basic.ack: it did not arrive."""
    def act(session, channel, one):
        session.return_message(channel, one.message)
        session.method(channel, "basic.ack", tag=one.tag)
    once(broker, hit, "confirm", act)


@SCRIPTS.add
def confirmed_then_returned(broker, hit):
    """The other order: the return comes too late to mean anything."""
    def act(session, channel, one):
        session.method(channel, "basic.ack", tag=one.tag)
        session.return_message(channel, one.message)
    once(broker, hit, "confirm", act)


@SCRIPTS.add
def confirmed_together(broker, hit):
    """No confirm for the first report; the second's says multiple. [jobs: 2]"""
    def second(session, channel, one):
        if one.tag > 1:
            session.method(channel, "basic.ack", tag=one.tag, multiple=True)
            hit()
        return True
    broker.on("confirm", second, 2)


@SCRIPTS.add
def confirmed_never_published(broker, hit):
    """Confirms of tags that were never given, far ones too."""
    def act(session, channel, one):
        for tag in (0, 7, 1 << 63, (1 << 64) - 1):
            session.method(channel, "basic.ack", tag=tag)
    after(broker, hit, "confirm", act)


@SCRIPTS.add
def all_confirmed_at_zero(broker, hit):
    """basic.nack multiple of tag 0, which AMQP reads as "all"."""
    after(broker, hit, "confirm", lambda s, channel, one: s.method(
        channel, "basic.nack", tag=0, multiple=True))


@SCRIPTS.add
def publish_closes_the_channel(broker, hit):
    """channel.close 404 instead of a confirm."""
    once(broker, hit, "confirm", lambda s, channel, one: s.close_channel(
        channel, 404, "NOT_FOUND - no exchange 'x' in vhost '/'"))


@SCRIPTS.add
def publish_closes_the_connection(broker, hit):
    """connection.close 320 instead of a confirm."""
    once(broker, hit, "confirm", lambda s, channel, one: s.close_connection(
        320, "CONNECTION_FORCED - broker forced connection closure"))


@SCRIPTS.add
def blocked_at_publish(broker, hit):
    """connection.blocked instead of a confirm; a second later both."""
    def act(session, channel, one):
        session.method(0, "connection.blocked", reason="low on disk")

        def over():
            session.method(0, "connection.unblocked")
            session.accept(channel, one)
        broker.later(1, over)
    once(broker, hit, "confirm", act)
