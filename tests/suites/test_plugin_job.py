"""Plugins: the hellos of the examples, and one that does everything a plugin must not."""

import os
import shutil

import rbit_suite
from rbit_suite import Suite


class Hello(Suite):
    def greet(self, library):
        os.mkdir(self.path("out"))
        self.configure({"greet": f"""
            runner = plugin!{library}
            name = world
            output-dir = {self.path('out')}
            """})
        self.start()
        done = self.submit("greet", "col10642", job=36, wait=True)
        self.assertIn("Done", done.stdout)
        self.assertEqual(os.listdir(self.path("out")), ["hello.txt"])
        self.assertIn("world", self.read("out", "hello.txt"))
        return done

    def test_in_cpp(self):
        done = self.greet(self.library("examples", "libhello.so") + ":hello")
        self.assertIn("Greeting world", done.stdout)
        self.assertEqual(self.read("out", "hello.txt"), "Hello world\n")

    def test_in_c(self):
        self.greet(self.library("examples", "libhello_c.so") + ":hello_c")

    def test_the_stem_counts_where_no_name_is_given(self):
        self.greet(self.library("examples", "libhello.so"))

    def test_one_host_for_many_jobs(self):
        library = shutil.copy(self.library("examples", "libhello.so"), self.directory)
        self.configure({"greet": f"runner = plugin!{library}:hello\nname = world"},
                       rbit="slots = 1")
        self.start()
        hosts = set()
        for number in range(1, 6):
            self.submit("greet", "p", job=number)
            self.wait_for_status(number, "Done")
            hosts |= set(rbit_suite.processes_of(library))
        self.assertEqual(len(hosts), 1, hosts)

    def test_keep_warm_1_is_a_host_a_job(self):
        self.configure({"greet": f"""
            runner = plugin!{self.library('examples', 'libhello.so')}:hello
            name = world
            keep-warm = 1
            """}, rbit="slots = 1")
        self.start()
        for number in range(1, 4):
            self.submit("greet", "p", job=number)
            self.wait_for_status(number, "Done")


class Naughty(Suite):
    """What a plugin does costs its own job, is reported with its reason, and the next one runs."""

    def naughty(self, name, more=""):
        """What `submit --wait` prints of one job of that runner; a hello must work after it."""
        self.configure({
            "naughty": f"""
            runner = plugin!{self.library('tests', 'libnaughty.so')}:{name}
            attempts = 1
            grace = 1
            {more}
            """,
            "greet": f"""
            runner = plugin!{self.library('examples', 'libhello.so')}:hello
            name = world
            """}, rbit="slots = 1")
        self.start()
        done = self.submit("naughty", "col10642", job=36, wait=True, expect=1)
        self.submit("greet", "col10642", job=37, wait=True, expect=0)
        self.submit("naughty", "col10642", job=38, wait=True, expect=1)
        self.assert_statuses(36, "Building", "Failed")
        self.assert_statuses(38, "Building", "Failed")
        return done.stdout

    def test_a_segmentation_fault(self):
        printed = self.naughty("segv")
        self.assertIn("plugin-crash", printed)
        self.assertIn("SEGV", printed)

    def test_an_exit(self):
        printed = self.naughty("exit3")
        self.assertIn("plugin-crash", printed)
        self.assertIn("exit 3", printed)

    def test_an_exception_that_is_none(self):
        self.naughty("throws")

    def test_an_exception_says_what(self):
        self.assertRegex(self.naughty("throws_std"), "Failed.*[a-z]")

    def test_a_hang_is_a_timeout(self):
        self.assertIn("timeout", self.naughty("hangs", "timeout = 1"))

    def test_failed_on_its_own_account(self):
        self.naughty("failed")

    def test_a_result_that_is_none(self):
        self.naughty("odd_result")


class Blocked(Suite):
    def test_blocked_comes_back_until_it_fails(self):
        self.configure({"naughty": f"""
            runner = plugin!{self.library('tests', 'libnaughty.so')}:blocked
            attempts = 2
            retry-delay = 50ms
            """})
        self.start()
        self.submit("naughty", "col10642", job=36)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Failed")


class CannotLoad(Suite):
    """A runner that cannot work at all burns no job; the others go on."""

    def refused(self, line, *words):
        self.configure({"broken": f"runner = plugin!{line}", "build": "runner = shell!true"})
        self.start(until="cannot work")
        self.submit("build", "col10642", job=36)
        self.wait_for_status(36, "Done")
        self.submit("broken", "col10642", job=37)
        for word in words:
            self.rbit.wait_for(word)
        self.assertNotIn("Failed", self.statuses(37))
        self.assertEqual(self.rbit.stop(), 0)

    def test_a_newer_abi_is_refused_with_both_numbers(self):
        self.refused(self.library("tests", "libnaughty.so") + ":needs_minor_7", "1.7", "1.1")

    def test_a_runner_that_is_not_in_the_library(self):
        self.refused(self.library("tests", "libnaughty.so") + ":nobody", "nobody")


if __name__ == "__main__":
    rbit_suite.main()
