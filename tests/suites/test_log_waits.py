"""Nobody waits for where the log goes: a pipe that is not read, a FIFO, a terminal that stands."""

import fcntl
import os
import pty
import signal
import subprocess
import termios
import time

import rbit_suite
from rbit_suite import Suite, wait_until

SET_PIPE_SIZE = 1031  # fcntl's F_SETPIPE_SZ
# A final status is the runner's own business: it is logged, and goes nowhere else.
EVENT = '{"status": "Done", "message": "' + "x" * 450 + '"}'
SHORT = 30  # seconds; a log that holds the program holds it for ever


class NobodyReads(Suite):
    """Each test gives rbit a log that is stuck; the rest is the same for all."""

    def start_with(self, stderr):
        one = subprocess.Popen([self.program, self.config, "--debug"], cwd=self.directory,
                               env=self.environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True)

        def end():
            if one.poll() is None:
                one.kill()
            one.wait()
        self.addCleanup(end)
        return one

    def configure_noise(self, more=""):
        """A job of which the log has 900 lines of half a KiB, more than its buffer holds, and one that only its timeout ends."""
        self.configure({
            "noise": "runner = shell!yes \'{line}\' | head -n 900 >&3".format(line=EVENT),
            "stuck": "runner = shell!sleep 1000\ntimeout = 1\nattempts = 1\ngrace = 1"},
            rbit="slots = 2", more=more)

    def answers(self):
        done = subprocess.run([self.program, "jobs", self.config, "--json"], cwd=self.directory,
                              env=self.environment(), capture_output=True, timeout=SHORT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def put_to_the_test(self, one):
        wait_until(lambda: os.path.exists(self.path("state", "control.sock")), "the socket")
        self.submit("noise", "p", "1.0", "--wait", job=1)
        self.submit("stuck", "p", "1.0", "--wait", job=36, expect=None)  # its timeout fires
        self.assertIn("Failed", self.answers())
        self.assertIsNone(one.poll())

    def assert_ends_at_once(self, one):
        begin = time.monotonic()
        one.send_signal(signal.SIGTERM)
        self.assertEqual(one.wait(SHORT), 0)
        # A second for the log; the rest is this machine's.
        self.assertLess(time.monotonic() - begin, 10)

    def small_pipe(self):
        read, write = os.pipe()
        fcntl.fcntl(write, SET_PIPE_SIZE, 4096)
        return read, write

    def read_until_loss(self, fd):
        """Reads what is there, and what comes, until the loss is said."""
        os.set_blocking(fd, False)
        text = bytearray()

        def is_said():
            try:
                text.extend(os.read(fd, 65536))
            except BlockingIOError:
                pass
            return b" of the log w" in text
        wait_until(is_said, "word of the lines that were lost")
        return text.decode(errors="replace")

    def test_a_pipe(self):
        self.configure_noise()
        read, write = self.small_pipe()
        one = self.start_with(write)
        os.close(write)
        self.put_to_the_test(one)
        text = self.read_until_loss(read)
        self.assertRegex(text, r"WARNI \[rbit\] \d+ lines? of the log (was|were) lost: "
                               r"nobody reads standard error")
        self.assertIsNone(one.poll())
        self.assert_ends_at_once(one)
        os.close(read)

    def test_a_pipe_that_is_never_read(self):
        self.configure_noise()
        read, write = self.small_pipe()
        one = self.start_with(write)
        os.close(write)
        self.put_to_the_test(one)
        self.assert_ends_at_once(one)
        os.close(read)

    def test_a_pipe_that_is_full_from_the_beginning(self):
        # Also what is said at the start, and what ends it.
        self.configure_noise()
        read, write = self.small_pipe()
        os.write(write, b"x" * 4096)
        one = self.start_with(write)
        self.put_to_the_test(one)
        self.assert_ends_at_once(one)
        done = subprocess.run([self.program, self.path("not-there.ini")], stderr=write,
                              timeout=SHORT)
        self.assertEqual(done.returncode, 78)
        os.close(read)
        os.close(write)

    def test_a_fifo_as_log_file(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        self.configure_noise(more=f"[log]\nfile = {fifo}\n")
        one = self.start_with(subprocess.DEVNULL)
        self.put_to_the_test(one)
        one.send_signal(signal.SIGHUP)  # opens it again, in its turn
        self.answers()
        with open(fifo, "rb", buffering=0,
                  opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as reader:
            self.assertRegex(self.read_until_loss(reader.fileno()),
                             f"lines? of the log (was|were) lost: {fifo} took no more")
        self.assertIsNone(one.poll())
        self.assert_ends_at_once(one)

    def test_a_terminal_that_was_stopped(self):
        self.configure_noise()
        ours, theirs = pty.openpty()
        one = self.start_with(theirs)
        termios.tcflow(theirs, termios.TCOOFF)  # what Ctrl-S does
        self.put_to_the_test(one)
        self.assert_ends_at_once(one)
        os.close(ours)
        os.close(theirs)

    def test_a_pipe_whose_reader_has_gone(self):
        self.configure_noise()
        read, write = self.small_pipe()
        one = self.start_with(write)
        os.close(write)
        wait_until(lambda: os.path.exists(self.path("state", "control.sock")), "the socket")
        os.close(read)
        self.put_to_the_test(one)
        self.assert_ends_at_once(one)


if __name__ == "__main__":
    rbit_suite.main()
