"""TLS to a real RabbitMQ, with an authority of the test's own.

The node gets one more listener for each certificate or rule that a test is about, all by one
command: a command costs more than the rest of a test.
"""

import shutil
import sys
import tempfile
import unittest

import broker_suite
import node as broker_node
import private_ca
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import SKIPPED, wait_until

LISTEN = """
{{ok, _}} = application:ensure_all_started(ssl),
Listen = fun(Port, More) ->
    rabbit_networking:start_ssl_listener({{"127.0.0.1", Port}}, [{{cacertfile, "{ca}"}} | More], 1)
end,
{calls}, ok.
"""

# Of one port, so that other tests' connections stand.
CLOSE = """
[rabbit_networking:close_connection(Pid, "a test") || Pid <- rabbit_networking:connections(),
    rabbit_networking:connection_info(Pid, [port]) =:= [{{port, {port}}}]], ok.
"""

ca = None  # one authority for all tests
files = None
ports = {}  # of the listeners, by name


def setUpModule():
    global ca, files
    why = private_ca.missing()
    if why:
        raise unittest.SkipTest(why)
    files = tempfile.mkdtemp(prefix="rbit-tls.")
    unittest.addModuleCleanup(shutil.rmtree, files, ignore_errors=True)
    ca = private_ca.PrivateCa(files)
    good = ca.issue("node", "DNS:localhost,IP:127.0.0.1")
    open_listeners({
        "good": (good, ""),
        "other name": (ca.issue("other", "DNS:other.example.org,IP:127.0.0.1"), ""),
        # The library's own check ignores addresses; and a common name is no name.
        "other address": (ca.issue("127.0.0.1", "DNS:localhost,IP:127.0.0.2"), ""),
        "expired": (ca.issue("old", "DNS:localhost,IP:127.0.0.1", private_ca.EXPIRED), ""),
        "wants a certificate": (good, ", {verify, verify_peer}, {fail_if_no_peer_cert, true}"),
        "tls 1.1": (good, ", {versions, ['tlsv1.1']}"),
    })


def open_listeners(wanted):
    free = []
    while len(free) < len(wanted):
        base = broker_node.free_base()
        free += [port for port in range(base, base + 4) if port not in free]
    calls = []
    for (name, ((certificate, key), more)), port in zip(wanted.items(), free):
        ports[name] = port
        calls.append(f'ok = Listen({port}, [{{certfile, "{certificate}"}}, '
                     f'{{keyfile, "{key}"}}{more}])')
    broker_suite.shared.ctl("eval", LISTEN.format(ca=ca.certificate, calls=", ".join(calls)))


class TlsSuite(BrokerSuite):
    def configure_tls(self, listener="good", host="localhost", more="", authority=None):
        trusted = authority or ca.certificate
        trust = f"ca-file = {trusted}\n" if authority != "" else ""
        self.port = ports[listener]
        self.configure({self.queue(): "runner = shell!true"}, rbit=f"name = {self.dist}",
                       amqp=f"url = amqps://guest:guest@{host}:{self.port}/\n"
                            f"heartbeat = 10\n{trust}{more}")

    def let_in(self):
        """How many connections of this test the broker has let in, by its own log."""
        return sum(f":{self.port} - " in line and self.dist in line and "access to vhost" in line
                   for line in self.node.log.splitlines())

    def assert_works(self):
        self.start()
        self.publish(self.queue(), build_request(job=36))
        self.assert_statuses(36, "Building", "Done")
        # Intake and publish. That it is in the log is what makes assert_refused worth something.
        wait_until(lambda: self.let_in() >= 2, "both connections in the broker's log")

    def assert_refused(self, *reasons):
        """It says so with one of `reasons`, and goes on trying without its password having left."""
        self.start(until="broker unreachable")
        [line] = self.rbit.lines_with("broker unreachable")
        self.assertTrue(any(one in line.lower() for one in reasons), line)
        self.assertIn(str(self.port), line)
        self.assertEqual(self.rbit.lines_with(self.consuming), [])
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.let_in(), 0)


class Verified(TlsSuite):
    def test_by_name(self):
        self.configure_tls()
        self.assert_works()
        told = [line for line in self.node.ctl(
            "list_connections", "client_properties", "ssl_protocol").splitlines()
            if self.dist in line]
        self.assertEqual(len(told), 2, told)  # intake and publish
        for line in told:
            self.assertRegex(line, r"tlsv1\.[23]$")

    def test_by_address(self):
        self.configure_tls(host="127.0.0.1")
        self.assert_works()

    def test_submit(self):
        self.configure_tls()
        self.channel.queue_declare(self.queue(), durable=True)
        self.submit(self.queue(), "col10642", job=36)
        self.get(self.queue())

    def test_check_knows_it(self):
        self.configure_tls()
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_another_name(self):
        self.configure_tls("other name")
        self.assert_refused("certificate verify failed", "hostname mismatch")

    def test_the_same_certificate_by_its_address(self):
        self.configure_tls("other name", host="127.0.0.1")
        self.assert_works()

    def test_another_address(self):
        self.configure_tls("other address", host="127.0.0.1")
        self.assert_refused("certificate verify failed", "ip address mismatch")

    def test_an_authority_nobody_knows(self):
        other = private_ca.PrivateCa(self.directory, "other")
        self.configure_tls(authority=other.certificate)
        self.assert_refused("certificate verify failed")

    def test_the_systems_authorities_do_not_know_ours(self):
        self.configure_tls(authority="")
        self.assert_refused("certificate verify failed")

    def test_an_expired_certificate(self):
        self.configure_tls("expired")
        self.assert_refused("certificate verify failed", "expired")

    def test_no_tls_at_all(self):
        ports["plain"] = self.node.port
        self.configure_tls("plain")
        self.start(until="broker unreachable")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(self.let_in(), 0)

    def test_without_verification_it_works_here_and_says_so_each_time(self):
        self.configure_tls("expired", authority="",
                           more="tls-verify = no\nreconnect-ceiling = 1s")
        self.assert_works()
        self.assertEqual(len(self.rbit.lines_with("tls-verify = no")), 1)
        self.node.ctl("eval", CLOSE.format(port=self.port))
        self.rbit.wait_for(self.consuming, times=2)
        self.assertEqual(len(self.rbit.lines_with("tls-verify = no")), 2)


class ClientCertificate(TlsSuite):
    def test_with_one(self):
        certificate, key = ca.issue("client")
        self.configure_tls("wants a certificate",
                           more=f"cert-file = {certificate}\nkey-file = {key}")
        self.assert_works()

    def test_without_one(self):
        self.configure_tls("wants a certificate")
        self.assert_refused("tls", "ssl", "socket", "certificate required", "lost")

    def test_of_another_authority(self):
        certificate, key = private_ca.PrivateCa(self.directory, "other").issue("client")
        self.configure_tls("wants a certificate",
                           more=f"cert-file = {certificate}\nkey-file = {key}")
        self.assert_refused("tls", "ssl", "socket", "unknown ca", "lost")


class OldVersions(TlsSuite):
    def test_are_refused(self):
        self.configure_tls("tls 1.1")
        self.assert_refused("protocol", "version")

    def test_even_without_verification(self):
        self.configure_tls("tls 1.1", authority="", more="tls-verify = no")
        self.assert_refused("protocol", "version")


if __name__ == "__main__":
    if private_ca.missing():
        print(f"skipped: {private_ca.missing()}", file=sys.stderr)
        sys.exit(SKIPPED)
    broker_suite.main()
