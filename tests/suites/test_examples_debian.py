"""examples/debian: a source tree becomes a .deb, by dpkg-buildpackage."""

import os
import shutil
import subprocess

import rbit_suite
from rbit_suite import SOURCE_DIR, Suite

QUEUE = "debian_any_bookworm_deb"


class Debian(Suite):
    def setUp(self):
        super().setUp()
        if not shutil.which("dpkg-buildpackage") or not shutil.which("dpkg-deb"):
            self.skipTest("dpkg-buildpackage is not installed (Debian: build-essential)")
        if subprocess.call(["dpkg-query", "-W", "build-essential"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL) != 0:
            self.skipTest("build-essential is not installed")
        example = os.path.join(SOURCE_DIR, "examples", "debian")
        shutil.copytree(example, self.directory, dirs_exist_ok=True)
        text = self.read("rbit.ini")
        self.configure_text(text.replace("sources = /srv/sources",
                                         "sources = " + self.path("sources"))
                            .replace("state-dir = /tmp/rbit-debian-example", "state-dir = state"))

    def output(self, suffix):
        return [self.path("output", name) for name in sorted(os.listdir(self.path("output")))
                if name.endswith(suffix)]

    def test_the_package_is_built_and_works(self):
        self.start()
        self.submit(QUEUE, "hello-rbit", "1.0", job=36, wait=True)
        self.assertEqual([1, 1, 1], [len(self.output(end))
                                     for end in (".deb", ".changes", ".buildinfo")])
        package = self.output(".deb")[0]
        fields = subprocess.check_output(["dpkg-deb", "--field", package], text=True)
        self.assertIn("Package: hello-rbit\n", fields)
        self.assertIn("Version: 1.0\n", fields)
        self.assertIn("Depends: libc6", fields)
        for line in subprocess.check_output(["dpkg-deb", "--contents", package],
                                            text=True).splitlines():
            self.assertIn(" root/root ", line)
        subprocess.check_call(["dpkg-deb", "--extract", package, self.path("root")])
        said = subprocess.check_output([self.path("root/usr/bin/hello-rbit")], text=True)
        self.assertEqual(said, "Hello from a package that rbit built\n")
        self.assertEqual(os.listdir(self.path("sources/hello-rbit/debian/source")), ["format"])
        self.assertFalse(os.path.exists(self.path("sources/hello-rbit/hello")))

    def test_another_version_than_the_tree_has(self):
        self.start()
        done = self.submit(QUEUE, "hello-rbit", "2.0", job=36, wait=True, expect=1)
        self.assertIn("the tree has version 1.0", done.stdout)
        self.assertFalse(os.path.exists(self.path("output")) and self.output(".deb"))

    def test_a_missing_build_dependency_is_blocked(self):
        control = "sources/hello-rbit/debian/control"
        self.write(control, self.read(control).replace(
            "Rules-Requires", "Build-Depends: no-such-package-as-this\nRules-Requires"))
        self.start()
        self.submit(QUEUE, "hello-rbit", "1.0", job=36)
        self.assert_statuses(36, "Building", "Blocked")

    def test_what_does_not_compile(self):
        self.write("sources/hello-rbit/hello.c", "int main(void) { return nothing; }\n")
        self.start()
        self.submit(QUEUE, "hello-rbit", "1.0", job=36, wait=True, expect=1)
        self.assertFalse(os.path.exists(self.path("output")) and self.output(".deb"))


if __name__ == "__main__":
    rbit_suite.main()
