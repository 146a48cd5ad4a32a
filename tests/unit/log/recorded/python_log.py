"""What Python's logging makes of formats and of the turns of timed files, for format_test.cpp
and files_test.cpp.

    TZ=Europe/Berlin python3 python_log.py > python_log.json

TZ is the tests' too: the turns at midnight meet the days on which its clocks are changed.
"""

import json
import logging
import logging.handlers
import os
import tempfile
import time

FORMATS = [
    ("%(asctime)s %(levelname)-5.5s [%(name)s] %(message)s", None),
    ("%(message)s", None),
    ("%(asctime)s %(message)s", "%H:%M:%S"),
    ("%(asctime)s,%(msecs)03d %(levelname)s", "%d.%m.%Y %H:%M"),
    ("%(asctime)s|", "%Y-%m-%dT%H:%M:%S%z"),
    ("%(levelno)s %(levelno)d %(levelno)5d| %(levelno)-5d| %(levelno)05d", None),
    ("%(levelname)10s|%(levelname)-10s|%(levelname).3s|%(levelname)10.3s|", None),
    ("%(filename)s:%(lineno)d %(funcName)s %(module)s %(pathname)s", None),
    ("%(created)f %(created).3f %(created)20.2f|", None),
    ("%(msecs)d %(msecs)06.1f", None),
    ("100%% %(message)s %%(name)s", None),
    ("%(message).7s|%(message)30s|%(message)-30s|", None),
    ("%(threadName)s %(name)s", None),
]
RECORDS = [("rbit", logging.INFO, "text"), ("rbit.x", logging.WARNING, "größer als 100 %"),
           ("rbit", logging.CRITICAL, "%(name)s %d")]
CREATED = [1367322533.904134, 1367322533.0, 1480000000.999]
TURNS = [("S", 5), ("M", 1), ("H", 2), ("D", 1), ("MIDNIGHT", 1), ("W0", 1), ("W3", 1), ("W6", 1)]
# 2013-04-30 and the days on which the clocks go forward and back.
TIMES = [1367322533, 1364680800, 1364688000, 1382824800, 1382835600, 1385000000]


def formatted():
    for format_, date in FORMATS:
        formatter = logging.Formatter(format_, date)
        for (name, level, text), created in zip(RECORDS, CREATED):
            record = logging.LogRecord(name, level, "/src/rbit/app/run.cpp", 42, text, (), None,
                                       func="run")
            record.created = created
            record.msecs = (created - int(created)) * 1000
            yield {"format": format_, "date_format": date or "", "name": name, "level": level,
                   "message": text, "micros": round(created * 1e6),
                   "line": formatter.format(record)}


def turns():
    with tempfile.TemporaryDirectory() as directory:
        for when, interval in TURNS:
            handler = logging.handlers.TimedRotatingFileHandler(
                os.path.join(directory, "log"), when, interval, delay=True)
            for now in TIMES:
                turn = handler.computeRollover(now)
                if handler.when[0] in "MW" and when != "M" and time.localtime(turn).tm_hour != 0:
                    # As doRollover() does when the clocks were changed.
                    turn += 3600 * (time.localtime(now).tm_isdst - time.localtime(turn).tm_isdst)
                began = turn - handler.interval
                began += 3600 * (time.localtime(turn).tm_isdst - time.localtime(began).tm_isdst)
                yield {"when": when, "interval": interval, "now": now, "turn": turn,
                       "began": time.strftime(handler.suffix, time.localtime(began))}


print("{\"formatted\": [\n" + ",\n".join(json.dumps(one) for one in formatted()) + "\n],\n"
      "\"turns\": [\n" + ",\n".join(json.dumps(one) for one in turns()) + "\n]}")
