"""What the figures were taken on, in a few lines for those who read them later."""

import os
import statistics
import subprocess
import time

RAM = ("tmpfs", "ramfs")
TICKS = 200


def pin():
    """This process, and so all that it starts, on the same two processors; which."""
    mask = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, mask)
    return mask


def file_system(directory):
    """(its type, its device) as /proc/self/mountinfo has them."""
    number = os.stat(directory).st_dev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    found = ("?", "?")
    with open("/proc/self/mountinfo") as file:
        for line in file:
            fields, _, rest = line.partition(" - ")
            if fields.split()[2] == wanted:
                found = tuple(rest.split()[:2])
    return found


def fdatasync_us(directory):
    """Medians of a sync, microseconds: of 4 KiB that are overwritten, of a file that grows."""
    path = os.path.join(directory, "fdatasync")
    page = b"x" * 4096
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        def ticks(count, place):
            took = []
            for number in range(count):
                os.pwrite(file, page, place(number))
                begun = time.perf_counter()
                os.fdatasync(file)
                took.append(time.perf_counter() - begun)
            return statistics.median(took) * 1e6

        grown = ticks(TICKS // 4, lambda number: number * len(page))
        return ticks(TICKS, lambda number: 0), grown
    finally:
        os.close(file)
        os.unlink(path)


def version(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout or "none"


def describe(directory, mask):
    """A dictionary for the JSON; `lines` makes text of it."""
    model = "?"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
    kind, device = file_system(directory)
    overwritten, growing = fdatasync_us(directory)
    return {"date": time.strftime("%Y-%m-%d %H:%M"), "processors": os.cpu_count(),
            "model": model, "pinned_to": mask, "kernel": os.uname().release,
            "load_before": round(os.getloadavg()[0], 1), "file_system": kind, "device": device,
            "fdatasync_us": round(overwritten), "fdatasync_growing_us": round(growing),
            "versions": {name: version(name) for name in (
                "rabbitmq-server", "python3-celery", "python3-pika", "amqp-tools", "libsqlite3-0")}}


def lines(about):
    processors = ", ".join(map(str, about["pinned_to"]))
    text = [f"{about['date']}, {about['processors']} processors ({about['model']}), Linux "
            f"{about['kernel']}, load before it {about['load_before']}.",
            f"Everything, the broker too, on processors {processors}.",
            f"State on {about['file_system']} ({about['device']}): fdatasync of a page that is "
            f"overwritten {about['fdatasync_us']} us, of a file that grows "
            f"{about['fdatasync_growing_us']} us.",
            "; ".join(f"{name} {text}" for name, text in about["versions"].items()) + "."]
    if about["file_system"] in RAM:
        text.append("THAT IS NO DISK: a sync costs nothing there; --on names another directory.")
    return text
