#!/usr/bin/python3
"""Runs all broker tests beside one node: python3 tests/broker/run.py [unittest's arguments].
RBIT_BROKER_PART=1/2 in the environment: every second file, from the first."""

import glob
import os

import broker_suite


def load_tests(loader, tests, pattern):
    here = os.path.dirname(os.path.abspath(__file__))
    part, parts = map(int, os.environ.get("RBIT_BROKER_PART", "1/1").split("/"))
    for path in sorted(glob.glob(os.path.join(here, "test_*.py")))[part - 1::parts]:
        tests.addTests(loader.loadTestsFromName(os.path.splitext(os.path.basename(path))[0]))
    return tests


if __name__ == "__main__":
    broker_suite.main()
