"""Runs the jobs of one Python function, in a process of its own.

    python3 -I -B .../rbit_host [--trust-uid=UID] --config-dir=DIR package.module:callable

Started by rbit (rbit/run/make_runner.cpp makes this command line). Jobs come as lines on
standard input, events go to descriptor 3, standard output and error are the job's log; the formats
are those of rbit-runner(7). Exit codes: 0 the input ended, 1 refused, 2 usage.
"""

import os
import sys

# -I keeps everything off the path. Ours come first: the modules `rbit` and `coyote` of some
# installed package must not hide them.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from rbit_host import host  # noqa: E402  (the path had to be set first)

if __name__ == "__main__":
    host.main(sys.argv[1:])
