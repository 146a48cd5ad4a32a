"""The embedded queue's tables, looked at and written to while no rbit runs."""

import contextlib
import glob
import sqlite3
import time

from rbit_suite import Suite


class LocalQueue(Suite):
    @contextlib.contextmanager
    def database(self):
        """The journal's file. REQUIRES: no rbit runs, nobody else may have it open."""
        self.assertTrue(all(one.process.poll() is not None for one in self.rbits))
        [path] = glob.glob(self.path("state", "*.db"))
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            yield connection

    def put(self, queue, bodies, properties="{}"):
        """Straight into the queue: `rbit submit` would refuse what these are."""
        self.put_messages((queue, properties, body) for body in bodies)

    def put_messages(self, messages):
        """The same for (queue, properties as JSON, body)."""
        with self.database() as database:
            place = database.execute("SELECT coalesce(max(place), 0) FROM message").fetchone()[0]
            for queue, properties, body in messages:
                place += 1
                database.execute("INSERT INTO message(queue, place, first, properties, body)"
                                 " VALUES(?, ?, ?, ?, ?)",
                                 (queue, place, int(time.time() * 1e6), properties, body))

    def dead(self):
        with self.database() as database:
            return database.execute("SELECT queue, reason, properties, body FROM dead ORDER BY id"
                                    ).fetchall()
