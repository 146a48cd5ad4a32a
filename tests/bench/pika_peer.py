"""A consumer as python3-pika's documentation writes one.

    pika_peer.py URL QUEUE PREFETCH RESULTS|- nothing|COMMAND...

With RESULTS, a SQLite file, each result is committed with a sync before its message is
acknowledged.
"""

import json
import sqlite3
import subprocess
import sys

import pika


def main():
    url, queue, prefetch, results, *command = sys.argv[1:]
    database = None
    if results != "-":
        database = sqlite3.connect(results, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE result(id INTEGER PRIMARY KEY, job INTEGER, status TEXT)")

    def on_message(channel, method, properties, body):
        request = json.loads(body)
        if command != ["nothing"]:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        if database is not None:
            database.execute("INSERT INTO result(job, status) VALUES(?, 'done')",
                             (request["job"]["id"],))
        channel.basic_ack(method.delivery_tag)

    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=int(prefetch))
        channel.basic_consume(queue, on_message)
        channel.start_consuming()


if __name__ == "__main__":
    main()
