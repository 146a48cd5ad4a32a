"""A certificate authority of the test's own, made with openssl: who trusts it, trusts its node."""

import os
import shutil
import subprocess

EXPIRED = ("20200101000000Z", "20200201000000Z")  # from, until

CONFIG = """
[ca]
default_ca = ours
[ours]
database = {directory}/index.txt
serial = {directory}/serial
new_certs_dir = {directory}
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = copy
[anything]
commonName = supplied
"""


def missing():
    """Why there can be no authority here, or None."""
    return None if shutil.which("openssl") else "openssl is not installed (apt-get install openssl)"


class PrivateCa:
    """`certificate` is the file to trust; `issue` makes more. All files lie in `directory`."""

    def __init__(self, directory, name="authority"):
        self.directory = os.path.join(directory, name)
        os.mkdir(self.directory)
        self.config = self.write("ca.cnf", CONFIG.format(directory=self.directory))
        self.write("index.txt", "")
        self.write("serial", "1000\n")
        self.certificate, self.key = self.path("ca.pem"), self.path("ca.key")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                     "-subj", f"/CN=rbit test {name}", "-keyout", self.key,
                     "-out", self.certificate)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.directory)

    def issue(self, name, alternatives="DNS:localhost,IP:127.0.0.1", dates=None, days=30):
        """A certificate and its key: two files."""
        certificate, key = self.path(f"{name}.pem"), self.path(f"{name}.key")
        request = self.path(f"{name}.csr")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                     "-addext", f"subjectAltName={alternatives}", "-keyout", key, "-out", request)
        valid = ("-startdate", dates[0], "-enddate", dates[1]) if dates else ("-days", str(days))
        self.openssl("ca", "-batch", "-notext", "-config", self.config, "-cert", self.certificate,
                     "-keyfile", self.key, "-in", request, "-out", certificate, *valid)
        return certificate, key
