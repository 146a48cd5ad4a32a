"""The Celery worker that rbit is measured beside: its tasks. peers.py starts it and says why it is
set as it is.

BENCH_BROKER, BENCH_QUEUE; BENCH_COMMAND: what the task `command` runs; BENCH_RESULTS: a database
for results, and then tasks are acknowledged late."""

import os
import shlex
import subprocess

from celery import Celery

RESULTS = os.environ.get("BENCH_RESULTS")
COMMAND = shlex.split(os.environ["BENCH_COMMAND"])

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_default_queue=os.environ["BENCH_QUEUE"],
    worker_prefetch_multiplier=int(os.environ["BENCH_PREFETCH"]),
    worker_disable_rate_limits=True,
    worker_hijack_root_logger=False,
    task_ignore_result=RESULTS is None,
    task_acks_late=RESULTS is not None,
    task_reject_on_worker_lost=RESULTS is not None,
)
if RESULTS is not None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    app.conf.result_backend = f"db+sqlite:///{RESULTS}"
    app.conf.database_engine_options = {"connect_args": {"timeout": 60}}

    @event.listens_for(Engine, "connect")
    def write_ahead(connection, _):
        """A third of the syncs that SQLite's own default needs, and as durable."""
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")


@app.task(name="nothing")
def nothing(request):
    pass


@app.task(name="command")
def command(request):
    subprocess.run(COMMAND, check=True, stdin=subprocess.DEVNULL)
