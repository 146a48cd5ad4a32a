"""TLS to a real RabbitMQ, with an authority of the test's own (RELIABILITY.md 3)."""

import shutil
import sys
import tempfile
import unittest

import broker_suite
import node as broker_node
import private_ca
from broker_suite import BrokerSuite
from pybit_messages import build_request
from rbit_suite import SKIPPED


class TlsSuite(BrokerSuite):
    """One node for each class; its certificate can be changed while it runs."""

    alternatives = "DNS:localhost,IP:127.0.0.1"

    @classmethod
    def setUpClass(cls):
        why = private_ca.missing()
        if why:
            raise unittest.SkipTest(why)
        cls.files = tempfile.mkdtemp(prefix="rbit-tls.")
        cls.addClassCleanup(shutil.rmtree, cls.files, ignore_errors=True)
        cls.ca = private_ca.PrivateCa(cls.files)
        cls.own_pair = cls.ca.issue("node", cls.alternatives)
        cls.shown = (f"{cls.files}/shown.pem", f"{cls.files}/shown.key")
        cls.show(cls.own_pair)
        cls.own = broker_node.Node(tls={
            "cacertfile": cls.ca.certificate, "certfile": cls.shown[0], "keyfile": cls.shown[1],
            **cls.options()})
        cls.addClassCleanup(cls.own.stop)
        cls.own.start()

    @classmethod
    def options(cls):
        return {}

    @classmethod
    def show(cls, pair):
        """The node shows this certificate from now on."""
        for source, target in zip(pair, cls.shown):
            shutil.copyfile(source, target)

    def show_for_this_test(self, pair):
        self.show(pair)
        self.node.ctl("eval", "ssl:clear_pem_cache().")
        self.addCleanup(self.node.ctl, "eval", "ssl:clear_pem_cache().")
        self.addCleanup(self.show, self.own_pair)

    def node_for_this_test(self):
        return self.own

    def configure_tls(self, host="localhost", more="", ca=None):
        trust = f"ca-file = {ca or self.ca.certificate}\n" if ca != "" else ""
        self.configure({self.queue(): "runner = shell!true"}, rbit=f"name = {self.dist}",
                       amqp=f"url = amqps://guest:guest@{host}:{self.node.tls_port}/\n"
                            f"heartbeat = 5\n{trust}{more}")

    def assert_works(self):
        self.start()
        self.publish(self.queue(), build_request(job=36))
        self.assert_statuses(36, "Building", "Done")

    def assert_refused(self, *reasons):
        """It says so with one of `reasons`, and goes on trying without its password having left."""
        self.start(until="broker unreachable")
        [line] = self.rbit.lines_with("broker unreachable")
        self.assertTrue(any(one in line.lower() for one in reasons), line)
        self.assertIn(str(self.node.tls_port), line)
        self.assertEqual(self.rbit.lines_with(self.consuming), [])
        self.assertNotIn(self.dist, self.node.ctl("list_connections", "client_properties"))
        self.assertEqual(self.rbit.stop(), 0)


class Verified(TlsSuite):
    def test_by_name(self):
        self.configure_tls("localhost")
        self.assert_works()
        self.assertEqual(self.rbit.lines_with("WARN"), [])
        told = [line for line in self.node.ctl(
            "list_connections", "client_properties", "ssl_protocol").splitlines()
            if self.dist in line]
        self.assertEqual(len(told), 2, told)  # intake and publish
        for line in told:
            self.assertRegex(line, r"tlsv1\.[23]$")

    def test_by_address(self):
        self.configure_tls("127.0.0.1")
        self.assert_works()

    def test_submit(self):
        self.configure_tls()
        self.channel.queue_declare(self.queue(), durable=True)
        self.submit(self.queue(), "col10642", job=36)
        self.get(self.queue())

    def test_check_knows_it(self):
        self.configure_tls()
        self.assertEqual(self.command("check", self.config).returncode, 0)

    def test_another_name(self):
        self.show_for_this_test(self.ca.issue("other", "DNS:other.example.org,IP:127.0.0.1"))
        self.configure_tls("localhost")
        self.assert_refused("certificate verify failed", "hostname mismatch")

    def test_another_address(self):
        # The library's own check ignores addresses; and a common name is no name.
        self.show_for_this_test(self.ca.issue("127.0.0.1", "DNS:localhost,IP:127.0.0.2"))
        self.configure_tls("127.0.0.1")
        self.assert_refused("certificate verify failed", "ip address mismatch")

    def test_an_authority_nobody_knows(self):
        other = private_ca.PrivateCa(self.directory, "other")
        self.configure_tls(ca=other.certificate)
        self.assert_refused("certificate verify failed")

    def test_the_systems_authorities_do_not_know_ours(self):
        self.configure_tls(ca="")
        self.assert_refused("certificate verify failed")

    def test_an_expired_certificate(self):
        self.show_for_this_test(self.ca.issue("old", self.alternatives, private_ca.EXPIRED))
        self.configure_tls()
        self.assert_refused("certificate verify failed", "expired")

    def test_no_tls_at_all(self):
        self.configure({self.queue(): "runner = shell!true"},
                       amqp=f"url = amqps://guest:guest@localhost:{self.node.port}/\n"
                            f"ca-file = {self.ca.certificate}")
        self.start(until="broker unreachable")
        self.assertEqual(self.rbit.stop(), 0)

    def test_without_verification_it_works_here_and_says_so_each_time(self):
        self.show_for_this_test(self.ca.issue("old", "DNS:other.example.org", private_ca.EXPIRED))
        self.configure_tls(ca="", more="tls-verify = no\nreconnect-ceiling = 1s")
        self.assert_works()
        self.assertEqual(len(self.rbit.lines_with("tls-verify = no")), 1)
        for line in self.node.ctl("list_connections", "pid", "client_properties").splitlines():
            pid, _, properties = line.partition("\t")
            if f"{self.dist} intake" in properties:
                self.node.ctl("close_connection", pid, "a test")
        self.rbit.wait_for(self.consuming, times=2)
        self.assertEqual(len(self.rbit.lines_with("tls-verify = no")), 2)


class ClientCertificate(TlsSuite):
    @classmethod
    def options(cls):
        return {"verify": "verify_peer", "fail_if_no_peer_cert": "true"}

    def test_with_one(self):
        certificate, key = self.ca.issue("client")
        self.configure_tls(more=f"cert-file = {certificate}\nkey-file = {key}")
        self.assert_works()

    def test_without_one(self):
        self.configure_tls()
        self.assert_refused("tls", "ssl", "socket", "certificate required", "lost")

    def test_of_another_authority(self):
        certificate, key = private_ca.PrivateCa(self.directory, "other").issue("client")
        self.configure_tls(more=f"cert-file = {certificate}\nkey-file = {key}")
        self.assert_refused("tls", "ssl", "socket", "unknown ca", "lost")


class OldVersions(TlsSuite):
    @classmethod
    def options(cls):
        return {"versions.1": "tlsv1.1"}

    def test_are_refused(self):
        self.configure_tls()
        self.assert_refused("protocol", "version")

    def test_even_without_verification(self):
        self.configure_tls(ca="", more="tls-verify = no")
        self.assert_refused("protocol", "version")


if __name__ == "__main__":
    if private_ca.missing():
        print(f"skipped: {private_ca.missing()}", file=sys.stderr)
        sys.exit(SKIPPED)
    broker_suite.main()
