"""The Celery worker that rbit is measured beside (baseline.py), with everything set that Celery
has against loss: late acknowledgement, rejection when a worker is lost, prefetch 1, confirms."""

import os
import subprocess

from celery import Celery

app = Celery("work", broker=os.environ["BASELINE_BROKER"])
app.conf.update(
    task_default_queue=os.environ["BASELINE_QUEUE"],
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_concurrency=4,
    task_ignore_result=True,
    broker_heartbeat=3,
    broker_connection_max_retries=None,
    broker_transport_options={"confirm_publish": True},
    worker_hijack_root_logger=False,
)


@app.task(bind=True, name="work")
def work(self, job, version):
    """The same command as rbit's, which says the same in the same run log."""
    environment = {**os.environ, "RBIT_JOB_ID": job, "RBIT_VERSION": version,
                   "RBIT_ATTEMPT": str(self.request.retries + 1)}
    subprocess.run([os.environ["BASELINE_JOB"], os.environ["BASELINE_LOG"]], env=environment,
                   check=True, stdout=subprocess.DEVNULL)
