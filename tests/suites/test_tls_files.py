"""What `rbit check` knows of the files of TLS without a broker."""

import os
import sys

import private_ca
import rbit_suite
from rbit_suite import SKIPPED, Suite


class TlsFiles(Suite):
    def setUp(self):
        super().setUp()
        self.ca = private_ca.PrivateCa(self.directory)

    def check(self, expect, ca=None, pair=None, more="", host="localhost"):
        """The lines of `rbit check` about the broker."""
        certificate, key = pair or (None, None)
        self.configure({"build": "runner = shell!true"},
                       amqp=f"url = amqps://guest:guest@{host}/\nca-file = "
                            f"{ca or self.ca.certificate}\n" +
                            (f"cert-file = {certificate}\nkey-file = {key}\n" if pair else "") +
                            more)
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def test_good_ones(self):
        text = self.check(0, pair=self.ca.issue("client"))
        self.assertIn("localhost:5671", text)
        self.assertIn("virtual host '/'", text)
        self.assertNotIn("FAIL", text)
        self.assertNotIn("warn", text)

    def test_missing(self):
        nowhere = self.path("nowhere.pem")
        self.assertIn(f"FAIL [amqp] {nowhere}: No such file", self.check(1, ca=nowhere))
        certificate, key = self.ca.issue("client")
        self.assertIn(f"FAIL [amqp] {nowhere}: No such file",
                      self.check(1, pair=(certificate, nowhere)))
        self.assertIn(f"FAIL [amqp] {nowhere}: No such file", self.check(1, pair=(nowhere, key)))

    def test_unreadable(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        certificate, key = self.ca.issue("client")
        os.chmod(key, 0)
        self.assertIn(f"FAIL [amqp] {key}: Permission denied",
                      self.check(1, pair=(certificate, key)))

    def test_a_key_that_all_may_read(self):
        certificate, key = self.ca.issue("client")
        os.chmod(key, 0o644)
        self.assertIn(f"FAIL [amqp] key-file = {key}: all users may read it (chmod o= {key})",
                      self.check(1, pair=(certificate, key)))
        os.chmod(key, 0o640)  # as Debian's group ssl-cert has them
        self.assertNotIn("FAIL", self.check(0, pair=(certificate, key)))

    def test_no_pem(self):
        text = self.write("text", "no certificate\n")
        self.assertIn("no PEM certificate", self.check(1, ca=text))
        certificate, key = self.ca.issue("client")
        self.assertIn("no PEM certificate", self.check(1, pair=(text, key)))
        self.assertIn("no PEM private key", self.check(1, pair=(certificate, text)))

    def test_a_key_with_a_pass_phrase(self):
        certificate, key = self.ca.issue("client")
        locked = self.path("locked.key")
        self.ca.openssl("rsa", "-aes128", "-passout", "pass:secret", "-in", key, "-out", locked)
        self.assertIn("pass phrase", self.check(1, pair=(certificate, locked)))

    def test_expired(self):
        certificate, key = self.ca.issue("old", dates=private_ca.EXPIRED)
        text = self.check(1, pair=(certificate, key))
        self.assertRegex(text, rf"FAIL \[amqp\] {certificate}: expired \d+ days ago")

    def test_expires_soon(self):
        certificate, key = self.ca.issue("brief", days=5)
        text = self.check(0, pair=(certificate, key))
        self.assertRegex(text, rf"warn \[amqp\] {certificate}: expires in [45] days")

    def test_an_old_authority_among_good_ones(self):
        old, _ = self.ca.issue("old", dates=private_ca.EXPIRED)
        with open(old) as one, open(self.ca.certificate) as other:
            both = self.write("both.pem", one.read() + other.read())
        self.assertRegex(self.check(0, ca=both), r"warn \[amqp\] .*both.pem: expired")
        self.assertRegex(self.check(1, ca=old), r"FAIL \[amqp\] .*old.pem: expired")

    def test_somebody_elses_key(self):
        certificate, _ = self.ca.issue("one")
        _, key = self.ca.issue("other")
        text = self.check(1, pair=(certificate, key))
        self.assertIn(f"FAIL [amqp] {key}: not the private key of {certificate}", text)

    def test_without_verification(self):
        text = self.check(0, more="tls-verify = no")
        self.assertIn("warn [amqp] tls-verify = no", text)
        text = self.check(78, more="tls-verify = no", host="build.example.org")
        self.assertIn("tls-verify", text)
        self.assertIn("build.example.org", text)

    def test_a_password_in_the_clear(self):
        self.configure({"build": "runner = shell!true"}, amqp="host = broker.example.org")
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("warn [amqp] the password travels to broker.example.org:5672", done.stdout)


if __name__ == "__main__":
    if private_ca.missing():
        print(f"skipped: {private_ca.missing()}", file=sys.stderr)
        sys.exit(SKIPPED)
    rbit_suite.main()
