"""Gives orders to programs that run with librbit_preload.so (tests/faults/preload/preload.c).

    fault = Fault(path)
    environment = fault.environment()           # for the program
    fault.arm(WRITE, "rbit.db", nth=3, error=errno.ENOSPC)
    ...
    fault.clear()
"""

import errno
import mmap
import struct

WRITE, SYNC, OPEN, RENAME, MKDIR, TRUNCATE = 1, 2, 4, 8, 16, 32
FORK, PIPE, MALLOC, STATFS, MEMFD, EPOLL, READ = 64, 128, 256, 512, 1024, 2048, 4096
NAMES = {WRITE: "write", SYNC: "fsync", OPEN: "open", RENAME: "rename", MKDIR: "mkdir",
         TRUNCATE: "ftruncate", FORK: "fork", PIPE: "pipe", MALLOC: "malloc", STATFS: "statfs",
         MEMFD: "memfd", EPOLL: "epoll", READ: "pread"}

ORDER = struct.Struct("<IIqiIqqq256s")
COUNTED, FAILED = 24, 32  # offsets of the two that the program writes


class Fault:
    """One order, shared with all programs that were started with it."""

    def __init__(self, path, library):
        self.path, self.library = path, library
        with open(path, "wb") as file:
            file.write(bytes(4096))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 4096)
        self.what = "nothing"

    def environment(self):
        return {"LD_PRELOAD": self.library, "RBIT_FAULT_STATE": self.path}

    def arm(self, calls, path="", nth=1, error=errno.ENOSPC, lasting=False, leaders=True):
        """The `nth` of these calls from now fails, and all after it if it is lasting."""
        self.what = (f"{NAMES.get(calls, calls)} {nth}{' and on' if lasting else ''} of "
                     f"'{path}': {errno.errorcode[error]}")
        self.memory[0:4] = bytes(4)  # nothing is half an order
        self.memory[4:ORDER.size] = ORDER.pack(1, calls, nth, error, int(lasting), 0, 0,
                                               int(leaders), path.encode())[4:]
        self.memory[0:4] = (1).to_bytes(4, "little")

    def clear(self):
        self.memory[0:4] = bytes(4)

    def _number(self, offset):
        return int.from_bytes(self.memory[offset:offset + 8], "little")

    @property
    def counted(self):
        return self._number(COUNTED)

    @property
    def failed(self):
        return self._number(FAILED)
