"""The example plugins, built out of tree against the installed package, as an author would."""

import json
import os
import shutil
import subprocess
import sys
import unittest

from host_case import PYBIT, SOURCE, HostCase, binary


class PluginPackage(HostCase):
    def setUp(self):
        super().setUp()
        first = os.path.join(self.directory, "first")
        self.run_tool("cmake", "--install", binary(), "--component", "plugin", "--prefix", first)
        self.prefix = os.path.join(self.directory, "moved")  # the package does not mind
        os.rename(first, self.prefix)

    def run_tool(self, *argv, **more):
        done = subprocess.run(argv, capture_output=True, text=True, **more)
        self.assertEqual(0, done.returncode, "%s\n%s%s" % (argv, done.stdout, done.stderr))
        return done.stdout

    def greet(self, library, name):
        out = self.run_tool(binary("rbit-plugin-host"), "--once", "--set", "name=Ann", library, name,
                            input=json.dumps(PYBIT), cwd=self.directory)
        self.assertIn("Greeting Ann", out)

    def test_find_package(self):
        for example, library, name in [("plugin-c", "libhello_c.so", "hello_c"),
                                       ("plugin-cpp", "libhello.so", "hello")]:
            source = os.path.join(self.directory, example)
            build = os.path.join(source, "build")
            shutil.copytree(os.path.join(SOURCE, "examples", example), source)
            self.run_tool("cmake", "-S", source, "-B", build, "-DCMAKE_PREFIX_PATH=" + self.prefix)
            self.run_tool("cmake", "--build", build)
            self.greet(os.path.join(build, library), name)

    def test_pkg_config(self):
        share = os.path.join(self.prefix, "share", "pkgconfig")
        flags = self.run_tool("pkg-config", "--cflags", "rbit-plugin",
                              env={**os.environ, "PKG_CONFIG_PATH": share}).split()
        library = os.path.join(self.directory, "libhello_c.so")
        self.run_tool("cc", "-std=c99", "-pedantic", "-Werror", "-fPIC", "-shared",
                      "-fvisibility=hidden", *flags, "-o", library,
                      os.path.join(SOURCE, "examples", "plugin-c", "hello.c"))
        self.greet(library, "hello_c")


if __name__ == "__main__":
    if not os.path.exists(binary("cmake_install.cmake")):
        print("skipped: this is not a build tree")
        sys.exit(77)
    unittest.main()
