"""What nobody refers to any more is let go before it counts as left behind: an open file in a cycle
of objects, the program of `os.popen("...").read()`."""

import sys
from builtins import Exception, OSError, len, print
from gc import collect
from os import P_ALL, WEXITED, WNOHANG, WNOWAIT, listdir, waitid
from time import monotonic, sleep

PATIENCE_S = 0.1  # for a program that has closed its output and is about to end


def open_descriptors():
    try:
        return len(listdir("/proc/self/fd"))
    except OSError:  # the job has taken /proc away, which rbit sees
        return 0


def has_children():
    try:
        waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT)
        return True
    except OSError:  # none at all
        return False


def wait_for_abandoned(active, clean_up):
    """Those that `subprocess` keeps because nobody waited for them."""
    end = monotonic() + PATIENCE_S
    clean_up()
    while active and monotonic() < end:
        sleep(0.001)
        clean_up()


def left_open(before):
    """How many descriptors more there are than `before`."""
    more = open_descriptors() - before
    children = has_children()
    if more <= 0 and not children:
        return more
    collect()  # some 10 ms, so only here
    try:
        module = sys.modules.get("subprocess")
        if children and module:
            wait_for_abandoned(module._active, module._cleanup)
    except Exception as error:  # it is not Python's own any more, which is told as well
        print("rbit: the job's children: %s" % error, file=sys.stderr)
    return open_descriptors() - before
