"""Many upgrades in a row over jobs that come all the time, on any broker."""

import signal

from rbit_suite import wait_until

JOBS = range(1, 101)


def runner(suite):
    """Jobs that note that they run, and take up to 0.3 s."""
    return f"""
        runner = shell!
            echo $RBIT_JOB_ID >> {suite.path('runs')}
            sleep 0.$((RBIT_JOB_ID % 4))
        """


def upgrade_while_they_run(suite):
    """Ten times, each when ten more of JOBS have begun."""
    for count in range(10, 101, 10):
        wait_until(lambda: len(suite.runs()) >= count, f"{count} jobs to run")
        suite.rbit.signal(signal.SIGTERM)
        suite.start()


def end_all(suite):
    """The last one stops; each job has run once, and no rbit had anything to complain of."""
    suite.assertEqual(sorted(suite.runs(), key=int), [str(job) for job in JOBS])
    suite.assertEqual(suite.rbit.stop(), 0)
    for one in suite.rbits:
        suite.assertEqual(one.wait(), 0)
        suite.assertEqual(one.lines_with("ERROR"), [])
