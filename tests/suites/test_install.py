"""cmake --install into a prefix: everything in its place, working from wherever the prefix is."""

import os
import shutil
import subprocess

import rbit_suite
from rbit_suite import BINARY_DIR, Suite


class Installed(Suite):
    def setUp(self):
        super().setUp()
        if not shutil.which("cmake"):
            self.skipTest("cmake is not installed (apt-get install cmake)")
        self.prefix = self.path("prefix")
        self.run_tool("cmake", "--install", BINARY_DIR, "--prefix", self.prefix)

    def run_tool(self, *command, **environment):
        done = subprocess.run(command, cwd=self.directory, text=True, capture_output=True,
                              env=self.environment(**environment), timeout=rbit_suite.PATIENCE * 5)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_everything_is_in_its_place(self):
        for path in ("bin/rbit", "libexec/rbit/rbit-leader", "libexec/rbit/rbit-plugin-host",
                     "include/rbit/plugin.h", "include/rbit/plugin.hpp",
                     "share/man/man1/rbit.1", "share/man/man5/rbit.ini.5",
                     "share/man/man7/rbit-plugin.7", "share/man/man7/rbit-runner.7",
                     "share/man/man7/rbit-cli-consumer.7", "share/man/man7/rbit-monitor.7",
                     "share/doc/rbit/prometheus/rbit.rules.yml",
                     "share/doc/rbit/prometheus/prometheus.yml",
                     "share/doc/rbit/grafana/rbit.json"):
            with self.subTest(path):
                self.assertTrue(os.path.exists(os.path.join(self.prefix, path)),
                                self.run_tool("find", self.prefix, "-type", "f"))

    def test_nothing_of_the_build_is_in_it(self):
        # A prefix that names the build tree works only where it was built.
        for program in ("bin/rbit", "libexec/rbit/rbit-leader", "libexec/rbit/rbit-plugin-host"):
            with open(os.path.join(self.prefix, program), "rb") as file:
                self.assertNotIn(os.fsencode(BINARY_DIR + "/"), file.read(), program)

    def test_it_works_from_another_place(self):
        moved = self.path("elsewhere")
        os.rename(self.prefix, moved)
        self.program = os.path.join(moved, "bin", "rbit")
        library = shutil.copy(self.library("examples", "libhello.so"), self.directory)
        self.configure({"build": "runner = shell!echo hello",
                        "greet": f"runner = plugin!{library}:hello\nname = world"})
        self.start()
        self.submit("build", "col10642", job=36, wait=True)
        self.submit("greet", "col10642", job=37, wait=True)
        self.assertEqual(self.rbit.stop(), 0)

    def test_from_the_path(self):
        self.configure({"build": "runner = shell!echo hello"})
        path = os.path.join(self.prefix, "bin") + ":" + os.environ["PATH"]
        printed = self.run_tool("sh", "-c", "rbit --version", PATH=path)
        self.assertRegex(printed, r"^rbit \d+\.\d+\.\d+$")
        self.program = "rbit"
        os.environ["PATH"], before = path, os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", before)
        self.start()
        self.submit("build", "col10642", job=36, wait=True)


if __name__ == "__main__":
    rbit_suite.main()
