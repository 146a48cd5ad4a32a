"""How the programs were built, read from the programs themselves."""

import json
import os
import re
import shutil
import subprocess
import unittest

import rbit_suite
from rbit_suite import BINARY_DIR, SOURCE_DIR

PROGRAMS = ["rbit", "rbit-leader", "rbit-plugin-host"]


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments], check=True, capture_output=True,
                          text=True).stdout


def cache():
    """CMake's settings of this build."""
    with open(os.path.join(BINARY_DIR, "CMakeCache.txt")) as file:
        return dict(re.findall(r"^(\w+):\w+=(.*)$", file.read(), re.M))


class Hardening(unittest.TestCase):
    def setUp(self):
        if not shutil.which("readelf"):
            self.skipTest("no readelf: apt-get install binutils")
        self.programs = {name: os.path.join(BINARY_DIR, name) for name in PROGRAMS}
        for path in self.programs.values():
            if not os.path.exists(path):
                self.skipTest(f"not built: {path}")

    def each(self):
        for name, path in self.programs.items():
            with self.subTest(name):
                yield name, path

    def test_position_independent(self):
        for _, path in self.each():
            self.assertRegex(readelf("-h", path), r"Type:\s+DYN")
            self.assertRegex(readelf("-d", path), r"FLAGS_1\).*\bPIE\b")

    def test_relocations_are_read_only_and_bound_at_start(self):
        for _, path in self.each():
            self.assertIn("GNU_RELRO", readelf("-l", path))
            self.assertRegex(readelf("-d", path), r"BIND_NOW|FLAGS_1\).*\bNOW\b")

    def test_no_memory_is_both_written_and_executed(self):
        for _, path in self.each():
            segments = readelf("-l", path)
            self.assertRegex(segments, r"GNU_STACK\s.* RW\s")
            self.assertNotRegex(segments, r"LOAD\s.* RWE\s")

    def test_no_path_of_the_build_to_libraries(self):
        for _, path in self.each():
            self.assertNotRegex(readelf("-d", path), "RPATH|RUNPATH")

    def test_stacks_are_guarded(self):
        for _, path in self.each():
            self.assertIn("__stack_chk_fail", readelf("-s", path))

    def test_every_file_of_ours_is_compiled_with_the_guards(self):
        with open(os.path.join(BINARY_DIR, "compile_commands.json")) as file:
            commands = {one["file"]: one["command"] for one in json.load(file)
                        if "rbit_leader_dynamic" not in one["command"]}  # the tests' own
        # A file may be compiled more than once; the last one of it stands for all.
        ours = {file: command for file, command in commands.items()
                if re.match(r"(rbit|runners)/.*\.cpp$", os.path.relpath(file, SOURCE_DIR))}
        self.assertGreater(len(ours), 100)
        wanted = ["-fstack-protector-strong", "-fstack-clash-protection"]
        if cache().get("CMAKE_BUILD_TYPE") == "Release":
            wanted.append("-D_FORTIFY_SOURCE=2")
        for file, command in ours.items():
            for flag in wanted:
                self.assertIn(f" {flag} ", command, file)

    def test_library_calls_are_fortified(self):
        if cache().get("CMAKE_BUILD_TYPE") != "Release":
            self.skipTest("no fortified build: it needs optimisation")
        # Of the C library's own checks; the leader is static and has them under their own names.
        self.assertRegex(readelf("-s", self.programs["rbit"]), r"__\w+_chk\b(?!_fail)")


if __name__ == "__main__":
    rbit_suite.main()
