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
