"""examples/barterdude: the schema of BarterDude's README on the embedded queue."""

import os
import shutil

import rbit_suite
from local_queue import LocalQueue
from rbit_suite import SOURCE_DIR


class BarterDude(LocalQueue):
    def setUp(self):
        super().setUp()
        shutil.copytree(os.path.join(SOURCE_DIR, "examples", "barterdude"), self.directory,
                        dirs_exist_ok=True)
        text = self.read("rbit.ini")
        self.configure_text(text.replace("/tmp/rbit-barterdude-example", "state"))

    def test_the_file_is_good(self):
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_what_fits_is_run(self):
        self.start()
        for queue in ("queue1", "queue2"):
            done = self.command("submit", self.config, "--queue", queue, "--json",
                                '{"key": "it\'s $HOME", "more": 1}', "--message-id", queue, "--wait")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("key is it's $HOME", self.command("log", self.config, queue).stdout)

    def test_what_does_not_is_refused_here_and_dropped_there(self):
        done = self.command("submit", self.config, "--queue", "queue1", "--json", '{"key": 17}')
        self.assertEqual(done.returncode, 1)
        self.assertIn("/key: expected a string", done.stderr)
        self.start()
        self.rbit.stop()
        self.put("queue1", [b'{"key": 17}', b"{}"])
        self.start()
        self.rbit.wait_for("is dropped (on-invalid = drop)", 2)
        self.rbit.stop()
        self.assertIn("/key: expected a string", self.rbit.log)
        self.assertEqual(self.dead(), [])


if __name__ == "__main__":
    rbit_suite.main()
