"""What rbit tells the service manager that started it (sd_notify(3)); here that is the test."""

import os
import signal
import socket

import rbit_suite
from rbit_suite import PATIENCE, Suite, free_port, wait_until


class Manager:
    """The socket of NOTIFY_SOCKET, and what came there."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.socket.setblocking(False)
        self.told = []

    def lines(self):
        while True:
            try:
                self.told += self.socket.recv(8192).decode().splitlines()
            except BlockingIOError:
                return self.told

    def has(self, begin):
        return [line for line in self.lines() if line.startswith(begin)]

    def wait_for(self, begin, times=1):
        wait_until(lambda: len(self.has(begin)) >= times, f"{times} {begin!r}; got {self.told}")


class Told(Suite):
    def start_under(self, address, until="", **variables):
        manager = Manager(address)
        self.addCleanup(manager.socket.close)
        self.start(until=until,
                   environment=self.environment(NOTIFY_SOCKET=address, **variables))
        return manager

    def test_ready_and_the_stop_with_as_much_time_as_the_jobs_need(self):
        gate = self.gate("gate")
        self.configure({"build": f"runner = shell!read -r _ < {self.path('gate')}"})
        manager = self.start_under(self.path("notify"))
        manager.wait_for("READY=1")
        lines = manager.lines()
        self.assertLess(lines.index("EXTEND_TIMEOUT_USEC=60000000"), lines.index("READY=1"))
        [status] = manager.has("STATUS=takes jobs of 1 queues, ")
        self.assertIn("slots; the embedded queue", status)
        self.assertEqual(manager.has("WATCHDOG"), [])
        self.submit("build", "p", job=1)
        gate.wait_for_job()
        del manager.told[:]
        self.rbit.signal(signal.SIGTERM)
        manager.wait_for("EXTEND_TIMEOUT_USEC=60000000")
        self.assertEqual(manager.lines()[:2], [
            "STOPPING=1", "STATUS=draining: no new jobs, 1 run to their end"])
        gate.let_through()
        self.assertEqual(self.rbit.process.wait(PATIENCE), 0)

    def test_a_reload(self):
        self.configure({"build": "runner = shell!true"})
        manager = self.start_under(self.path("notify"))
        manager.wait_for("READY=1")
        good = self.read("rbit.ini")
        for text, said in ((good + "[amqp2]\n", "is not taken"), (good, "reloaded ")):
            del manager.told[:]  # a mistake leaves it ready, too
            self.write("rbit.ini", text)
            self.rbit.signal(signal.SIGHUP)
            self.rbit.wait_for(said)
            manager.wait_for("READY=1")
            lines = manager.lines()
            self.assertEqual(lines[0], "RELOADING=1")
            self.assertTrue(lines[1].startswith("MONOTONIC_USEC="), lines)

    def test_an_abstract_name(self):
        self.configure({"build": "runner = shell!true"})
        self.start_under(f"@rbit-suite-{os.getpid()}").wait_for("READY=1")

    def test_the_watchdog_is_fed_while_the_loop_turns(self):
        self.configure({"build": "runner = shell!true"})
        manager = self.start_under(self.path("notify"), WATCHDOG_USEC="200000")
        manager.wait_for("WATCHDOG=1", times=5)
        self.rbit.signal(signal.SIGSTOP)
        self.addCleanup(self.rbit.signal, signal.SIGCONT)
        wait_until(lambda: b"T (stopped)" in rbit_suite.readable(f"/proc/{self.rbit.pid}/status"),
                   "it to stop")
        manager.lines()
        del manager.told[:]
        self.assertEqual(manager.lines(), [])
        self.rbit.signal(signal.SIGCONT)
        manager.wait_for("WATCHDOG=1", times=2)

    def test_a_watchdog_that_is_for_another_process(self):
        self.configure({"build": "runner = shell!true"})
        manager = self.start_under(self.path("notify"), WATCHDOG_USEC="2000", WATCHDOG_PID="1")
        manager.wait_for("READY=1")
        self.submit("build", "p", job=1, wait=True)
        self.assertEqual(manager.has("WATCHDOG"), [])

    def test_it_is_ready_without_a_broker_and_says_that_it_has_none(self):
        self.configure({"build": "runner = shell!true"},
                       amqp=f"url = amqp://127.0.0.1:{free_port()}")
        manager = self.start_under(self.path("notify"), until=None)
        manager.wait_for("READY=1")
        manager.wait_for("STATUS=takes jobs of 1 queues")
        self.assertIn("the broker is away", manager.has("STATUS=takes")[0])

    def test_jobs_hear_nothing_of_it(self):
        self.configure({"build": f"runner = shell!env > {self.path('seen')}"})
        manager = self.start_under(self.path("notify"), WATCHDOG_USEC="60000000")
        manager.wait_for("READY=1")
        self.submit("build", "p", job=1, wait=True)
        self.assertNotRegex(self.read("seen"), "NOTIFY_SOCKET|WATCHDOG")

    def test_an_address_that_is_none_is_said_and_no_harm(self):
        self.configure({"build": "runner = shell!true"})
        self.start(environment=self.environment(NOTIFY_SOCKET="relative"))
        self.rbit.wait_for("NOTIFY_SOCKET is no path and no @NAME")
        self.submit("build", "p", job=1, wait=True)

    def test_a_manager_that_is_gone_is_no_harm(self):
        self.configure({"build": "runner = shell!true"})
        self.start(environment=self.environment(NOTIFY_SOCKET=self.path("nobody")))
        self.submit("build", "p", job=1, wait=True)
        self.assertEqual(self.rbit.stop(), 0)


if __name__ == "__main__":
    rbit_suite.main()
