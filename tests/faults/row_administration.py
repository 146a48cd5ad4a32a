"""Rows in which the broker is changed under rbit's feet: alarms, queues, rights, users, virtual
hosts. Whoever administers a broker does all of this."""

import concurrent.futures
import os
import threading
import time
import urllib.request

try:
    import pika
except ImportError:
    pika = None  # the run skips what needs a broker

from evidence import TERMINAL
from network import Network
from rbit_suite import free_port, wait_until
from row import Row

WORK = ("0-0-0", "50-0-0", "300-0-0", "2000-0-0", "5-75-1", "10-1-9")
LOOP_HELD = 1.0  # seconds; a page of the monitor comes from the loop
SLOTS = 8
# The alarm is raised while the first last, the copies of the next are in vain, and the others must
# begin all the same.
LASTING = ("2000-0-0",) * SLOTS * 3 + ("5-75-1", "10-1-9") * SLOTS + ("2000-0-0",) * SLOTS * 9


# ---- row 12


ALARMS = {
    "memory": (("set_vm_memory_high_watermark", "absolute", "10MiB"),
               ("set_vm_memory_high_watermark", "absolute", "1GB")),
    "disk": (("set_disk_free_limit", "1000GB"), ("set_disk_free_limit", "50MB")),
}


class Pulse:
    """Asks rbit's monitor for its page, which comes from the loop, over and over; `slowest` is how
    long it took at most, in seconds."""

    def __init__(self, port, lateness):
        self.url = f"http://127.0.0.1:{port}/metrics"
        self.lateness = lateness  # of this machine: it is not the loop's
        self.slowest, self.asked = 0.0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _run(self):
        while not self.over.wait(0.1):
            begun = time.monotonic()
            with urllib.request.urlopen(self.url, timeout=30) as page:
                page.read()
            now = time.monotonic()
            self.slowest = max(self.slowest, now - begun - self.lateness.between(begun, now))
            self.asked += 1


def alarms(context):
    """The broker stops taking messages while jobs end: they end, and are told of afterwards."""
    port = free_port()
    with Network(context, "alarm", slots=SLOTS, more=f"[monitor]\nlisten = 127.0.0.1:{port}\n") as net:
        net.start()
        net.wait_for_both()
        seconds = context.pick(15, 300)  # more than a copy waits for its confirm
        with Pulse(port, net.lateness) as pulse:
            for _ in range(context.pick(3, 20)):
                raise_it, clear_it = ALARMS[context.schedule.one_of("alarm", sorted(ALARMS))]
                blocked = len(net.proxy.log.named("connection.blocked"))
                net.world.publish([context.schedule.one_of("work", WORK) for _ in range(12)])
                net.world.publish(LASTING)
                context.node.ctl(*raise_it)
                begun = time.monotonic()
                try:
                    wait_until(lambda n=blocked: len(net.proxy.log.named("connection.blocked")) > n,
                               "connection.blocked", 60)
                    time.sleep(max(0, begun + seconds - time.monotonic()))
                    runs = net.world.runs()
                    all_began = {run.job for run in runs} >= net.world.found.confirmed
                    now = time.monotonic()
                    patience = 4 + net.lateness.between(now - 4, now)
                    if not all_began and max(run.begin for run in runs) < now - patience:
                        net.problems.append("no job began any more while the broker was blocked")
                finally:
                    context.node.ctl(*clear_it)
                net.world.wait_for_all()
        net.finish()
        net.world.found.figures.update(slowest_page_s=round(pulse.slowest, 2), pages=pulse.asked)
        if pulse.slowest > LOOP_HELD:
            net.problems.append(f"the loop was held for {pulse.slowest:.1f} s")
        if pulse.asked < 10:
            net.problems.append(f"the monitor gave {pulse.asked} pages only")
        return net.world.found


# ---- row 13


GRANT = """rabbit_auth_backend_internal:set_permissions(<<"{user}">>, <<"{vhost}">>,
    <<"{what}">>, <<"{what}">>, <<"{what}">>, <<"suite">>)"""
ADD_USER = 'rabbit_auth_backend_internal:add_user(<<"{user}">>, <<"secret">>, <<"suite">>)'
DELETE_USER = 'rabbit_auth_backend_internal:delete_user(<<"{user}">>, <<"suite">>)'
ADD_VHOST = 'rabbit_vhost:add(<<"{vhost}">>, <<"suite">>)'
DELETE_VHOST = 'rabbit_vhost:delete(<<"{vhost}">>, <<"suite">>)'
DROP = """[rabbit_networking:close_connection(Pid, "rights") ||
    [{{pid, Pid}}, {{user, <<"{user}">>}}] <- rabbit_networking:connection_info_all([pid, user])]"""


class Case:
    """One rbit with a user of its own, perhaps in a virtual host of its own, and a second queue
    that goes on when the first has trouble."""

    harm, cure = (), ()

    def __init__(self, context, number):
        self.context = context
        self.names = {"user": f"u{number}", "vhost": "/", "what": ".*"}
        self.number = number

    def statements(self, texts, **more):
        return [one.format(**{**self.names, **more}) for one in texts]

    def before(self):
        return self.statements((ADD_USER, GRANT))

    def begin(self):
        name = f"{type(self).__name__.lower()}{self.number}"
        amqp = f"user = {self.names['user']}\npassword = secret\n"
        self.net = Network(self.context, name, amqp=amqp, rbit=f"    {name}-other:work")
        self.other = f"{name}-other"
        self.world = self.net.world
        self.net.start()
        self.net.wait_for_both()
        self.work()

    def work(self):
        self.world.publish(["0-0-0", "50-0-0", "5-75-1", "10-1-9"])
        wait_until(lambda: self.world.found.confirmed <= set(self.world.ended()), "all jobs", 180)

    def work_elsewhere(self):
        """The other queue, while the first one has its trouble."""
        queue, self.world.queue = self.world.queue, self.other
        try:
            self.work()
        finally:
            self.world.queue = queue

    def during(self):
        """Between harm and cure."""

    def after(self):
        begun = time.monotonic()
        self.work()
        self.world.found.figures["back_after_s"] = round(time.monotonic() - begun)

    def end(self):
        found = self.net.finish()
        self.world.channel().queue_delete(self.other)
        self.world.reconnect()
        return found


class QueueDeleted(Case):
    def during(self):
        self.world.channel().queue_delete(self.world.queue)
        self.work_elsewhere()

    def after(self):
        wait_until(self.is_there, "the queue to be declared again", 120)
        super().after()

    def is_there(self):
        channel = self.world.channel().connection.channel()
        try:
            channel.queue_declare(self.world.queue, passive=True)
            channel.close()
            return True
        except pika.exceptions.ChannelClosedByBroker:
            return False


class OtherArguments(Case):
    """Somebody makes the queue anew, not as rbit would: it is used as it is, and never deleted."""

    def during(self):
        for _ in range(20):  # rbit is quick to make it again, its own way
            channel = self.world.channel()
            channel.queue_delete(self.world.queue)
            try:
                channel.queue_declare(self.world.queue, durable=True,
                                      arguments={"x-max-priority": 5})
                break
            except pika.exceptions.ChannelClosedByBroker:
                pass
        self.work_elsewhere()

    def after(self):
        super().after()
        self.world.channel().queue_declare(self.world.queue, durable=True,
                                           arguments={"x-max-priority": 5})  # it still has them


class NoRights(Case):
    harm, cure = (GRANT, DROP), (GRANT,)

    def during(self):
        self.net.world.rbit.wait_for("ERROR")


class UserDeleted(Case):
    harm, cure = (DELETE_USER,), (ADD_USER, GRANT)

    def during(self):
        self.net.world.rbit.wait_for("ERROR")

    def after(self):
        super().after()
        errors = [line[line.index("ERROR"):] for line in self.world.rbit.lines_with("ERROR")]
        if len(errors) != len(set(errors)) or not errors:
            self.net.problems.append(f"not one ERROR line for each refusal: {errors}")


class HostDeleted(UserDeleted):
    """A virtual host of its own goes, with its queues and all that is in them."""

    harm, cure = (DELETE_VHOST,), (ADD_VHOST, GRANT, GRANT.replace("{user}", "guest"))

    def __init__(self, context, number):
        super().__init__(context, number)
        self.names["vhost"] = f"v{number}"

    def before(self):
        return self.statements((ADD_USER, *self.cure))

    def begin(self):
        name = f"hostdeleted{self.number}"
        vhost = self.names["vhost"]
        amqp = f"user = {self.names['user']}\npassword = secret\nvirtual_host = {vhost}\n"
        self.net = Network(self.context, name, amqp=amqp, rbit=f"    {name}-other:work")
        self.other, self.world = f"{name}-other", self.net.world
        self.move()
        self.net.start()
        self.net.wait_for_both()
        self.work()
        wait_until(self.all_told, "the reports of all ends")  # what is on its way then is lost

    def all_told(self):
        self.early = getattr(self, "early", []) + self.world._reports()
        return self.world.found.confirmed <= {one.job for one in self.early
                                              if one.status in TERMINAL}

    def move(self):
        self.world._channel = None  # it ended with the host
        self.world.url = self.context.node.url + self.names["vhost"]
        self.world._declare()

    def after(self):
        self.move()
        super().after()

    def end(self):
        found = super().end()
        found.reports = self.early + found.reports
        return found


def administered(context):
    """All cases at once, since each takes as long as rbit waits before it asks again."""
    kinds = (QueueDeleted, OtherArguments, NoRights, UserDeleted, HostDeleted)
    cases = [kind(context, f"{os.getpid()}n{number}") for number, kind in
             enumerate(kinds * context.pick(2, 20))]

    def tell(texts):
        if texts:
            context.node.ctl("eval", ", ".join(texts) + ", ok.")

    def each(what):
        return [(type(case).__name__ + case.number[-2:], lambda one=case: getattr(one, what)())
                for case in cases]
    tell([text for case in cases for text in case.before()])
    in_parallel(each("begin"))
    tell([text for case in cases for text in case.statements(case.harm, what="^$")])
    in_parallel(each("during"))
    tell([text for case in cases for text in case.statements(case.cure)])
    in_parallel(each("after"))
    return in_parallel(each("end"))


def in_parallel(functions):
    """[(name, result)]; the first exception is everybody's."""
    with concurrent.futures.ThreadPoolExecutor(len(functions)) as pool:
        waiting = [(name, pool.submit(function)) for name, function in functions]
        return [(name, one.result()) for name, one in waiting]


MUST = ("I1", "I2", "I3", "I4", "I6")
ROWS = [
    Row(12, "alarms of the broker", alarms, "administration", must_cover=MUST + ("I5",)),
    Row(13, "queues, rights, users, hosts go", administered, "administration", must_cover=MUST),
]
