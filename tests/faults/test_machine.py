"""Row 19: memory, descriptors, processes, pipes and the sizes of files run out.

    python3 tests/faults/test_machine.py [--seed N] [--long] [unittest's arguments]
"""

import errno
import random
import resource

import disk_suite
import preload
from disk_suite import DiskSuite
from rbit_suite import wait_until


class Limits(DiskSuite):
    def test_a_file_that_may_not_grow_pauses_rbit_until_it_may(self):
        self.set_up_queue()
        self.start()
        self.wait_for_end(self.give())
        _, hard = resource.prlimit(self.rbit.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.rbit.pid, resource.RLIMIT_FSIZE, (4096, hard))
        self.assertIsNone(self.give())
        resource.prlimit(self.rbit.pid, resource.RLIMIT_FSIZE, (hard, hard))
        job = wait_until(self.give, "a job that is taken")
        self.wait_for_end(job)
        self.ends_well()

    def test_no_more_descriptors_costs_no_job(self):
        self.set_up_queue()
        self.start()
        self.wait_for_end(self.give())
        _, hard = resource.prlimit(self.rbit.pid, resource.RLIMIT_NOFILE)
        for room in (0, 1, 3, 6):
            with self.subTest(room=room):
                job = self.give()
                self.wait_for_end(job)
                resource.prlimit(self.rbit.pid, resource.RLIMIT_NOFILE,
                                 (self.rbit.descriptors() + room, hard))
                self.give()  # may not be taken: the control socket needs one, too
                resource.prlimit(self.rbit.pid, resource.RLIMIT_NOFILE, (hard, hard))
                for each in self.confirmed:  # a second try in the next round would be the last
                    self.wait_for_end(each)
        self.ends_well(states=("done", "failed"))


class Machine(DiskSuite):
    """Memory, processes, pipes. rbit goes on, or ends with a reason and not with 0."""

    def one(self, calls, number, error):
        self.revive()
        self.fault.arm(calls, "", number, error, leaders=False)
        job = self.give()
        if job is not None:
            wait_until(lambda: self.is_over(job) or self.rbit.process.poll() is not None
                       or "Blocked" in self.statuses(job), f"an end: {self.fault.what}")
        self.fault.clear()
        if job is not None:  # a second try that meets the next fault would be the last
            wait_until(lambda: self.is_over(job) or self.rbit.process.poll() is not None,
                       f"an end after {self.fault.what}")
        if self.rbit.process.poll() is None:
            return
        self.assertNotEqual(self.rbit.process.returncode, 0, self.fault.what)
        self.assertRegex(self.rbit.log, r"bad_alloc|memory|internal error")

    def revive(self):
        """Another death would be the same job's: the third one makes it poison."""
        if not self.rbits or self.rbit.process.poll() is not None:
            self.start_faulty()
            for job in self.confirmed:
                self.wait_for_end(job)

    def end(self):
        self.revive()
        for job in self.confirmed:
            self.wait_for_end(job)
        self.ends_well(most_runs=2)

    def test_memory_runs_out(self):
        self.set_up_queue()
        chosen = random.Random(disk_suite.seed)
        numbers = range(1, 2001) if disk_suite.long_run else sorted(chosen.sample(range(1, 301), 15))
        for number in numbers:
            with self.subTest(number=number):
                self.one(preload.MALLOC, number, errno.ENOMEM)
        self.end()

    def test_calls_that_take_something_from_the_machine(self):
        self.set_up_queue()
        for calls, error in ((preload.FORK, errno.EAGAIN), (preload.PIPE, errno.EMFILE),
                             (preload.MEMFD, errno.ENFILE), (preload.EPOLL, errno.ENOSPC)):
            for number in range(1, 6 if disk_suite.long_run else 4):
                with self.subTest(calls=preload.NAMES[calls], number=number):
                    self.one(calls, number, error)
        self.end()


if __name__ == "__main__":
    disk_suite.main()
