"""What lies in the file of a record slot (rbit/run/record_layout.h)."""

import glob
import os
import re
import zlib

BEGIN, END, NOTES, OUTCOME, RESULT = 0, 512, 1024, 4096, 16384
SIZE = 86016
HEAD = 42


def part(path, place):
    """(serial, text) of what stands at that place; None if it is not whole."""
    with open(path, "rb") as slot:
        slot.seek(place)
        head = slot.read(HEAD)
        found = re.fullmatch(rb"rbit-1 (([0-9a-f]{16}) ([0-9a-f]{8})) ([0-9a-f]{8})\n", head)
        if not found:
            return None
        text = slot.read(int(found[3], 16))
    if zlib.crc32(text, zlib.crc32(found[1])) != int(found[4], 16):
        return None
    return int(found[2], 16), text


def text_of(path, place, serial):
    """What that job of the slot has there, or b""."""
    found = part(path, place)
    return found[1] if found and found[0] == serial else b""


def ends(state):
    """{record as the journal has it: what its leader said of the end, or b""} of the last job that
    was begun in each slot."""
    found = {}
    for path in glob.glob(os.path.join(state, "records", "*", "record")):
        begin = part(path, BEGIN)
        if begin:
            name = "%s#%x" % (os.path.dirname(path), begin[0])
            found[name] = text_of(path, END, begin[0])
    return found
