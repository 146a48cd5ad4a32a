"""What a process and a directory hold and have used."""

import os

TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def memory_kib(pid):
    """(resident, proportional) of a process. rbit is not dumpable: only root sees the second."""
    resident = proportional = None
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                resident = int(line.split()[1])
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            proportional = sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except OSError:
        pass
    return resident, proportional


def cpu_seconds(pid):
    """(its own, that of its children that ended)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    user, system, child_user, child_system = (int(one) * TICK for one in fields[11:15])
    return user + system, child_user + child_system


def open_descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def files_below(path):
    """(how many files and directories, how many bytes)."""
    count = size = 0
    for folder, folders, files in os.walk(path):
        count += len(folders) + len(files)
        for name in files:
            try:
                size += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                pass
    return count, size


def children_of(pid):
    """Pids of all that descend from it."""
    found, left = [], [pid]
    while left:
        one = left.pop()
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children") as file:
                    left += [int(child) for child in file.read().split()]
        except OSError:
            continue
        found.append(one)
    return found[1:]


def wake_ups(pid):
    """How often each thread of a process and of its descendants has slept, by the thread's name."""
    counts = {}
    for one in [pid, *children_of(pid)]:
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                name, times = "?", 0
                with open(f"/proc/{one}/task/{task}/status") as file:
                    for line in file:
                        if line.startswith("Name:"):
                            name = line.split(None, 1)[1].strip()
                        elif line.startswith("voluntary_ctxt_switches:"):
                            times = int(line.split()[1])
                counts[name] = counts.get(name, 0) + times
        except OSError:
            continue
    return counts
