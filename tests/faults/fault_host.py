"""The job of the fault suite in a Python host: the same lines as fault_job.c, in its own process.
The setting `run-log` of its section names the file; an API of this age knows no attempt (0)."""

import os
import time


def work(build_request, settings):
    milliseconds = int(build_request.get_version().split("-")[0])
    job = build_request.get_job_id()
    log = os.open(settings["run-log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def say(word):
        os.write(log, f"{word} {time.monotonic_ns() // 1000} {job} 0 {os.getpid()} 0\n".encode())
    say("begin")
    time.sleep(milliseconds / 1000)
    say("end")
    os.close(log)
