"""What a leader does when its rbit has died."""

import contextlib
import os
import signal

import rbit_suite
from rbit_suite import Suite, is_running, processes_of, readable, wait_until


def leaders_of(pid):
    """The leaders that this rbit has started."""
    found = []
    for entry in os.listdir("/proc"):
        fields = readable(f"/proc/{entry}/stat").rpartition(b")")[2].split() if entry.isdigit() else []
        if len(fields) > 1 and int(fields[1]) == pid and \
                readable(f"/proc/{entry}/comm").strip() == b"rbit-leader":
            found.append(int(entry))
    return found


class LeaderAlone(Suite):
    def test_a_job_whose_pipe_breaks_with_rbit_has_no_verdict(self):
        # The kernel closes a dead program's pipes before anybody hears of its death: a job that
        # writes all the time is the first to know.
        # The runs' last lines: an exit code of its own, a signal, a shell that gives up.
        for job, line in enumerate(("yes || exit 2", "exec yes", "set -e; yes; echo never"), 1):
            with self.subTest(line):
                begun = self.path(f"begun{job}")
                self.configure({"build": f"runner = shell![ -e {begun} ] && exit 0; "
                                         f": > {begun}; {line}\ngrace = 1"})
                self.start()
                self.submit("build", "col10642", job=job)
                self.wait_for_file(f"begun{job}")
                self.rbit.kill()
                wait_until(lambda: not processes_of(self.directory), "the end of its leader")
                self.start()
                self.wait_for_status(job, "Done")
                self.assertNotIn("Failed", self.statuses(job))
                self.assertEqual(self.rbit.stop(), 0)

    def test_a_leader_that_hears_of_a_job_and_of_the_death_at_once_starts_nothing(self):
        started = self.path("started")
        self.configure({"build": f"runner = shell!echo %ID >> {started}; [ %ID = warm ] || sleep 600"})
        self.start()
        self.submit("build", "warm", job=1)
        self.wait_for_status(1, "Done")
        [leader] = leaders_of(self.rbit.pid)
        os.kill(leader, signal.SIGSTOP)
        self.submit("build", "late", job=2)
        self.wait_for_status(2, "Building")
        self.rbit.kill()
        with contextlib.suppress(ProcessLookupError):  # rbit ends a stopped leader after a while
            os.kill(leader, signal.SIGCONT)
        wait_until(lambda: not is_running(leader), "the end of the leader")
        self.assertEqual(self.read("started"), "warm\n")


if __name__ == "__main__":
    rbit_suite.main()
