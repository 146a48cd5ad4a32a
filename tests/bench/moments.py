"""How long single things take: from publishing to a job's first instruction, and submitting."""

import os
import select
import statistics
import subprocess
import time

from footprint import queues
from home import PROGRAM
from stock import request
from table import at_most

MEDIAN_MS, WORST_MS = 3, 10
LINES, SUBMIT_SECONDS = 10_000, 2
REST = 0.01  # seconds between a job's end and the next message: rbit is idle then


def latency(bench):
    """From publishing a message to an idle rbit until the first instruction of its job."""
    count = bench.jobs or 300
    for name, port, queue in queues(bench):
        with bench.home(port) as home:
            pipe = os.path.join(home.directory, "stamps")
            os.mkfifo(pipe)
            reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
            home.configure({queue: f"shell!exec {bench.path('stamp')} {pipe}"})
            home.start()
            took = []
            for number in range(1, count + 1):
                begun = time.monotonic_ns()
                if port:
                    bench.stock.publish(queue, number)
                else:
                    home.submit(queue, [number])
                if not select.select([reader], [], [], 60)[0]:
                    raise RuntimeError("no job began within 60 s")
                took.append((int(os.read(reader, 100)) - begun) / 1e6)
                home.wait_for_done(number)
                time.sleep(REST)
            os.close(reader)
        took = sorted(took[len(took) // 10:])  # the first ones make all warm
        yield at_most(f"latency, {name}, median", statistics.median(took), MEDIAN_MS, "ms",
                      f"least {took[0]:.2f} ms", 2)
        yield at_most(f"latency, {name}, 99th percentile", took[len(took) * 99 // 100], WORST_MS,
                      "ms", f"worst {took[-1]:.2f} ms", 2)


def submit(bench):
    """rbit submit --from FILE, beside an rbit whose slots are taken."""
    count = bench.jobs or LINES
    for name, port, queue in queues(bench):
        with bench.home(port) as home:
            gate = os.path.join(home.directory, "gate")
            os.mkfifo(gate)
            home.configure({queue: f"shell!read -r _ < {gate}"})
            home.start()
            if port:
                bench.stock.publish(queue, 1)
            else:
                home.submit(queue, [1])
            while home.tail.look() == 0 and home.tail.begun == 0:
                time.sleep(REST)
            path = os.path.join(home.directory, "lines")
            with open(path, "wb") as file:
                for number in range(2, count + 2):
                    file.write(request(number) + b"\n")
            begun = time.monotonic()
            done = subprocess.run(
                [PROGRAM, "submit", home.config, "--queue", queue, "--from", path],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            seconds = time.monotonic() - begun
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
            home.rbit.kill()  # its job waits for ever
            yield at_most(f"submit --from of {LINES} lines, {name}", seconds * LINES / count,
                          SUBMIT_SECONDS, "s", f"{count / seconds:.0f} lines a second", 2)
            if port:
                bench.stock.drop(queue)
