"""Directories that somebody else made beforehand, or could put others in the place of."""

import os
import stat
import unittest

import rbit_suite
from rbit_suite import Suite

NOBODY = 65534
CONFIG = 78


@unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
class ForeignPlaces(Suite):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("sticky"))
        os.chmod(self.path("sticky"), 0o1777)
        os.mkdir(self.path("sticky", "his"), 0o777)
        os.chmod(self.path("sticky", "his"), 0o777)
        os.chown(self.path("sticky", "his"), NOBODY, NOBODY)
        os.symlink(self.path("mine"), self.path("sticky", "link"))
        os.lchown(self.path("sticky", "link"), NOBODY, NOBODY)
        os.mkdir(self.path("open"))
        os.chmod(self.path("open"), 0o777)

    def configure_places(self, runner="", **places):
        places = {"state-dir": "state", **{name.replace("_", "-"): path
                                           for name, path in places.items()}}
        lines = "".join(f"{name} = {path}\n" for name, path in places.items())
        self.configure_text(f"[rbit]\nqueue-mappings = build:build\n{lines}[amqp]\nurl = local:\n"
                            f"[runner:build]\nrunner = shell!echo made > made\n{runner}")

    def assert_refused(self, place, *texts):
        checked = self.command("check", self.config)
        self.assertNotEqual(checked.returncode, 0, f"{place}: {checked.stdout}")
        for text in texts:
            self.assertIn(text, checked.stdout + checked.stderr, place)

    foreign = {"sticky/his": "belongs to user 65534", "sticky/his/new": "belongs to user 65534",
               "sticky/link": "belongs to user 65534", "sticky/link/new": "belongs to user 65534",
               "open": "chmod go-w", "open/new": "chmod go-w"}

    def test_state_and_work_directory_are_refused_at_the_start_and_by_check(self):
        for key in ("state_dir", "work_dir"):
            for place, text in self.foreign.items():
                with self.subTest(key=key, place=place):
                    self.configure_places(**{key: self.path(place)})
                    self.assert_refused(place, text)
                    started = self.command("run", self.config)
                    self.assertEqual(started.returncode, CONFIG, started.stderr)
                    self.assertIn(text, started.stderr)
                    self.assertFalse(os.path.exists(self.path("sticky/his/new")))
                    self.assertFalse(os.path.exists(self.path("mine")))
                    self.assertFalse(os.path.exists(self.path("open/new")))
                    self.assertEqual(os.listdir(self.path("sticky/his")), [])

    def test_output_directory_keeps_its_queue_waiting(self):
        for place, text in self.foreign.items():
            with self.subTest(place=place):
                self.configure_places(runner=f"artifacts = made\noutput-dir = {self.path(place)}\n")
                self.assert_refused(place, text)
        self.submit("build", "p", job=1)
        self.start(until="cannot work, its queues wait")
        self.assertIn("chmod go-w", self.rbit.log)
        self.assertEqual(self.statuses(1), [])
        self.assertEqual(os.listdir(self.path("open")), [])
        self.assertEqual(self.rbit.stop(), 0)
        os.chmod(self.path("open"), 0o755)
        self.start()
        self.wait_for_status(1, "Done")
        self.assertEqual(os.listdir(self.path("open", "new")), ["made"])

    def test_a_link_in_place_of_the_lock_is_not_followed(self):
        self.configure_places()
        os.mkdir(self.path("state"), 0o700)
        self.write("precious", "kept")
        os.symlink(self.path("precious"), self.path("state", "lock"))
        started = self.command("run", self.config)
        self.assertEqual(started.returncode, CONFIG, started.stderr)
        self.assertIn(self.path("state", "lock"), started.stderr)
        os.unlink(self.path("state", "lock"))
        os.mkfifo(self.path("state", "lock"))
        self.assertEqual(self.command("run", self.config).returncode, CONFIG)
        self.assertEqual(self.read("precious"), "kept")

    def test_a_log_where_somebody_else_decides_is_refused(self):
        self.write("precious", "kept")
        self.write("sticky/his.log", "")
        os.chown(self.path("sticky", "his.log"), NOBODY, NOBODY)
        os.symlink(self.path("precious"), self.path("sticky", "link.log"))
        os.lchown(self.path("sticky", "link.log"), NOBODY, NOBODY)
        for name in ("sticky/his.log", "sticky/link.log", "sticky/his/log", "open/log"):
            with self.subTest(name=name):
                self.configure_places(runner=f"[log]\nfile = {self.path(name)}\n")
                self.assert_refused(name, "the log file")
                started = self.command("run", self.config)
                self.assertEqual(started.returncode, CONFIG, started.stderr)
        self.assertEqual(self.read("precious"), "kept")
        # As /var/log of Ubuntu; a link of ours; and what is no file.
        os.mkdir(self.path("group"))
        os.chmod(self.path("group"), 0o775)
        os.symlink("group/log", self.path("sticky", "mine.log"))
        for name in (self.path("group", "log"), self.path("sticky", "mine.log"), "/dev/stderr",
                     self.path("sticky", "new.log")):
            with self.subTest(name=name):
                self.configure_places(runner=f"[log]\nfile = {name}\n")
                checked = self.command("check", self.config)
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_links_of_the_administrator_are_his(self):
        os.mkdir(self.path("disk"), 0o755)
        for name in ("state", "work", "out"):
            os.symlink(f"disk/{name}", self.path(name))
        self.configure_places(runner=f"artifacts = made\noutput-dir = {self.path('out')}\n",
                              work_dir=self.path("work"))
        self.assertEqual(self.command("check", self.config).returncode, 0)
        self.start()
        self.submit("build", "p", job=1)
        self.wait_for_status(1, "Done")
        self.assertEqual(self.read("disk", "out", "made"), "made\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("disk", "state")).st_mode), 0o700)


if __name__ == "__main__":
    rbit_suite.main()
