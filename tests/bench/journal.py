"""What a job writes into the journal."""

import os
import re
import shutil
import subprocess

from gauges import children_of
from home import PROGRAM
from peers import plugin_runner
from stock import request
from table import at_most

KIB = 1024
GOALS = {1: 12, 8: 6}  # KiB a job, by slots
JOBS = 500
WRITE = re.compile(r"\b(pwrite64|write|pwritev)\(.* = (\d+)$")
SYNC = re.compile(r"\b(fdatasync|fsync)\(.* = 0$")


def journal(bench):
    """Counted by strace in a run of its own: the bytes of each write into rbit.db and rbit.db-wal,
    and the syncs. It stops rbit at these calls alone, but that makes commits rarer: a run on a slow
    disk. What the kernel has noted as written by rbit (/proc/PID/io: whole pages, logs too) is
    beside it, of a run without strace."""
    if shutil.which("strace") is None:
        return
    jobs = bench.jobs or JOBS
    for kind, runner in (("shell", "shell!true"), ("plugin", plugin_runner(bench))):
        for slots, goal in GOALS.items():
            written, syncs = traced(bench, runner, slots, jobs)
            noted = accounted(bench, runner, slots, jobs)
            yield at_most(f"journal, a {kind} job, slots {slots}", written / KIB, goal, "KiB",
                          f"{syncs:.2f} syncs; by the kernel's account of all files "
                          f"{noted / KIB:.1f} KiB")


def prepared(bench, runner, slots, prefix=()):
    home = bench.home(prefix=prefix)
    home.configure({"q": runner}, slots)
    return home


def traced(bench, runner, slots, jobs):
    """(bytes, syncs) a job."""
    folder = bench.new_folder("trace")
    path = os.path.join(folder, "trace")
    with prepared(bench, runner, slots) as home:
        # Submitted first, in a life of its own: its rows are no part of it.
        files = [os.path.join(home.state, name) for name in ("rbit.db", "rbit.db-wal")]
        home.start()
        home.stop()
        submitted(home, jobs)
        home.prefix = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", path, "-e",
                       "trace=pwrite64,write,pwritev,fdatasync,fsync",
                       *(part for one in files for part in ("-P", one))]
        home.start()
        home.wait_for_done(jobs)
        for pid in children_of(home.rbit.pid)[:1]:  # rbit itself: strace passes no signal on
            os.kill(pid, 15)
        home.rbit.process.wait(60)
    written = syncs = 0
    with open(path, errors="replace") as file:
        for line in file:
            found = WRITE.search(line)
            written += int(found[2]) if found else 0
            syncs += SYNC.search(line) is not None
    return written / jobs, syncs / jobs


def submitted(home, jobs):
    """Into the file, while no rbit runs: one commit for many."""
    path = os.path.join(home.directory, "lines")
    with open(path, "wb") as file:
        for number in range(1, jobs + 1):
            file.write(request(number) + b"\n")
    subprocess.run([PROGRAM, "submit", home.config, "--queue", "q", "--from", path], check=True,
                   stdout=subprocess.DEVNULL)


def accounted(bench, runner, slots, jobs):
    """Bytes a job that the kernel notes as to be written for rbit."""
    def noted():
        with open(f"/proc/{home.rbit.pid}/io") as file:
            return int(dict(line.split(": ") for line in file)["write_bytes"])

    with prepared(bench, runner, slots) as home:
        home.start()
        home.stop()
        submitted(home, jobs)
        home.start()
        home.wait_for_done(jobs)
        return noted() / jobs
