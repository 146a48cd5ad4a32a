"""The bench measures: with a few jobs and without a broker it writes its table, its JSON and its
picture. How fast anything is, is not asked here."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import rbit_suite
from rbit_suite import Suite

BENCH = os.path.join(rbit_suite.SOURCE_DIR, "tests", "bench")


class Bench(Suite):
    def measure(self, *figures):
        """What bench.py says of them, as the JSON has it."""
        if not os.access("/usr/bin/c++", os.X_OK):
            self.skipTest("no compiler for what rbit is measured beside")
        arguments = [part for one in figures for part in ("--only", one)]
        self.done = subprocess.run(
            ["/usr/bin/python3", "-B", os.path.join(BENCH, "bench.py"), *arguments, "--no-broker",
             "--jobs", "20", "--runs", "1", "--on", self.directory, "--to", self.path("measured")],
            cwd=self.directory, env=self.environment(RBIT_BINARY_DIR=rbit_suite.BINARY_DIR),
            text=True, stdin=subprocess.DEVNULL, capture_output=True)
        self.assertIn(self.done.returncode, (0, 1), self.done.stderr)
        self.assertNotIn("Traceback", self.done.stderr)
        return json.loads(self.read("measured.json"))

    def test_it_writes_a_table_json_and_a_picture(self):
        found = self.measure("embedded", "latency", "submit", "start")
        by_name = {one["figure"]: one for one in found["figures"]}
        self.assertLessEqual(
            {"embedded shell", "embedded plugin / SQLite loop, nothing",
             "latency, embedded queue, median", "submit --from of 10000 lines, embedded queue",
             "start, embedded queue"}, set(by_name))
        for one in found["figures"]:
            self.assertIn(one["verdict"], ("", "met", "MISSED"))
        shell = by_name["embedded shell"]["details"]["embedded shell"]
        self.assertGreater(shell["median"], 0)
        self.assertEqual(len(shell["rounds"]), 1)
        self.assertGreater(found["machine"]["fdatasync_us"], 0)
        self.assertTrue(found["machine"]["file_system"])

        table = self.read("measured.txt")
        self.assertEqual(len(re.findall(r"^=[= ]+$", table, re.M)), 3)
        for name in by_name:
            self.assertIn(f"\n{name}  ", table)
        self.assertIn(table.strip(), self.done.stdout)

        picture = ElementTree.fromstring(self.read("measured.svg"))
        texts = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
        for one in found["figures"]:
            self.assertEqual(one["figure"] in texts, one["goal"] is not None, one["figure"])

    def test_nothing_is_left_of_it(self):
        self.measure("memory")
        self.assertEqual([name for name in os.listdir(self.directory)
                          if name.startswith("rbit-bench.")], [])


if __name__ == "__main__":
    rbit_suite.main()
