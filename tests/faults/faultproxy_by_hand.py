#!/usr/bin/python3
"""A FaultProxy (faultproxy.py) by hand.

    python3 tests/faults/faultproxy_by_hand.py --to HOST:PORT [--listen PORT] [--frames]

Then commands on standard input, "help" names them.
"""

import argparse
import os
import shlex
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import amqp_codec as codec
from faultproxy import FaultProxy, Mishap
from wire_log import DOWN, UP

HELP = """commands, WAY is up, down or nothing for both:
  pass                    everything passes again
  blackhole [WAY]         nothing passes; what is sent comes when it is over
  stall [WAY]             nothing passes nor is read
  delay SECONDS [WAY]     throttle BYTES_A_SECOND [WAY]
  rst | fin               ends all connections
  half-close WAY          ends one direction of all
  cut WAY N [rst|fin]     the next connection, after N bytes
  corrupt WAY N           the next connection, byte N
  down | up               nobody listens; somebody does again
  status                  the connections, and how much went through
  quit"""


def run_command(proxy, words):
    """What to print."""
    name, rest = words[0], words[1:]
    if name == "pass":
        proxy.clear()
    elif name in ("blackhole", "stall"):
        proxy.blackhole(*rest, stall=name == "stall")
    elif name == "delay":
        proxy.delay(float(rest[0]), *rest[1:])
    elif name == "throttle":
        proxy.throttle(int(rest[0]), *rest[1:])
    elif name == "rst":
        proxy.reset()
    elif name == "fin":
        proxy.finish()
    elif name == "half-close":
        proxy.half_close(rest[0])
    elif name == "cut":
        proxy.plan(Mishap(rest[0], int(rest[1]), *rest[2:]))
    elif name == "corrupt":
        proxy.plan(Mishap(rest[0], int(rest[1]), "corrupt"))
    elif name == "down":
        proxy.go_down()
    elif name == "up":
        proxy.come_up()
    elif name == "status":
        return "\n".join(f"{one.number} {'open' if one.is_open else 'ended'} up {one.through[UP]} "
                         f"down {one.through[DOWN]} {one.name}" for one in proxy.connections)
    else:
        return HELP
    return "ok"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--listen", type=int, default=0, metavar="PORT")
    parser.add_argument("--frames", action="store_true", help="print AMQP's methods as they pass")
    options = parser.parse_args()
    host, _, port = options.to.rpartition(":")

    def show(one, direction, frame, seen):
        if frame.type == codec.METHOD and seen is not None:
            print(f"{seen.wall:.6f} {one.number} {direction:4} {seen.channel} {seen.name} "
                  f"{seen.method.arguments}", flush=True)
    with FaultProxy(int(port), host or "127.0.0.1", options.listen,
                    on_frame=show if options.frames else None) as proxy:
        print(f"127.0.0.1:{proxy.port} -> {options.to}", flush=True)
        for line in sys.stdin:
            words = shlex.split(line)
            if words[:1] == ["quit"]:
                break
            if words:
                try:
                    print(run_command(proxy, words), flush=True)
                except (IndexError, TypeError, ValueError) as error:
                    print(f"not understood: {error}\n{HELP}", flush=True)


if __name__ == "__main__":
    main()
