"""rbit as process 1, as in a container: who loses his parent comes to it."""

import os
import shutil
import signal
import subprocess

import rbit_suite
from rbit_suite import Rbit, Suite, is_running, readable, wait_until

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc"]


def fields_of(pid):
    """State, parent and what follows of /proc/PID/stat; none if it is gone."""
    return readable(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def below(pid, name):
    """Pids of that name among the descendants of `pid`."""
    parents = {}
    for entry in os.listdir("/proc"):
        fields = fields_of(entry) if entry.isdigit() else []
        if len(fields) > 1:
            parents[int(entry)] = int(fields[1])
    found = []
    for one in parents:
        above = one
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and one != pid and readable(f"/proc/{one}/comm").strip() == name:
            found.append(one)
    return found


class ProcessOne(Suite):
    def setUp(self):
        super().setUp()
        if shutil.which("unshare") is None or \
                subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0:
            self.skipTest("no PID namespaces here (unshare --pid is refused)")

    def start_as_one(self, before):
        """A shell that becomes rbit after `before`, and is process 1 from its beginning."""
        script = self.write("one.sh", f"{before}\nexec {self.program} {self.config}\n")
        one = Rbit(NAMESPACE[0], [*NAMESPACE[1:], "/bin/sh", script], self.directory,
                   len(self.rbits) + 1, self.environment())
        self.rbits.append(one)
        one.wait_for(self.consuming)
        first, = below(one.pid, b"rbit")
        self.addCleanup(self.end, first)
        return first

    @staticmethod
    def end(pid):
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)  # and with it all of its namespace

    def test_it_reaps_what_it_adopts_and_ends_what_is_its_jobs(self):
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!setsid sleep 4243 & read -r _ < {gate.path}"},
                       rbit="slots = 1")
        # One that nobody waits for, and one that goes on and has nothing to do with any job.
        first = self.start_as_one("( setsid sleep 4242 & ) ; ( setsid sleep 0.1 & )")
        stranger, = wait_until(lambda: [pid for pid in below(first, b"sleep") if b"4242" in
                                        readable(f"/proc/{pid}/cmdline")], "the stranger")
        wait_until(lambda: not any(
            fields_of(pid)[:1] == [b"Z"] for pid in below(first, b"sleep")), "no zombie")
        wait_until(lambda: below(first, b"sleep") == [stranger], "the end of the short one")

        self.submit("build", "p", "1.0", job=36)
        gate.wait_for_job()
        self.addCleanup(gate.end.close)
        daemon, = wait_until(lambda: [pid for pid in below(first, b"sleep") if pid != stranger],
                             "the job's daemon")
        leader, = below(first, b"rbit-leader")
        os.kill(leader, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{daemon}"), "the end of the job's daemon")
        wait_until(lambda: not os.path.exists(f"/proc/{leader}"), "the leader to be reaped")
        self.rbit.wait_for("its leader died")
        self.assertTrue(is_running(stranger))

        # Orphans of its jobs come to the leader; of strangers, to rbit.
        os.kill(stranger, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{stranger}"), "the stranger to be reaped")
        os.kill(first, signal.SIGTERM)
        self.assertEqual(self.rbit.wait(), 0)


if __name__ == "__main__":
    rbit_suite.main()
