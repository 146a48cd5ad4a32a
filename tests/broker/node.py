#!/usr/bin/python3
"""A private RabbitMQ node for tests: loopback only, in a directory of its own, without systemd.

As a module:   with Node() as node: ... node.url, node.port, node.ctl("list_queues")
As a program:  python3 tests/broker/node.py --run COMMAND [ARGS...]
               starts a node, gives COMMAND its address in RBIT_TEST_AMQP_URL, stops the node and
               ends as COMMAND did; 77 (skipped) where RabbitMQ is not installed.

Only pids that were started here are ever signalled: other nodes may run on the machine.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# Those in /usr/sbin change to the user rabbitmq and its home.
PROGRAMS = "/usr/lib/rabbitmq/bin"
SKIPPED = 77
UNAVAILABLE = 69  # of rabbitmqctl: it did not reach the node
PATIENCE = 300  # seconds; a boot takes 5 to 8 on an idle machine, and ours is rarely idle


class NodeError(Exception):
    pass


def missing():
    """Why no node can be started here, or None."""
    if not os.access(os.path.join(PROGRAMS, "rabbitmq-server"), os.X_OK):
        return "RabbitMQ is not installed (apt-get install rabbitmq-server)"
    if not epmd_program():
        return "epmd is not installed (apt-get install erlang-base)"
    return None


def epmd_program():
    return shutil.which("epmd", path=os.environ.get("PATH", "") + ":/usr/bin:/usr/lib/erlang/bin")


def wait_until(condition, what, patience=PATIENCE, step=0.05):
    """Polls until `condition` is true, returns what it gave; NodeError after `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise NodeError(f"waited {patience} s in vain for {what}")
        time.sleep(step)


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_base():
    """A port P with P..P+3 free, below the ephemeral range, where nobody is given one by chance."""
    for _ in range(200):
        base = random.randrange(10000, 32763)
        if all(is_free(base + n) for n in range(4)):
            return base
    raise NodeError("no four free ports in a row between 10000 and 32768")


# Holds the reading end of a pipe from the harness. A line means "all is well, go"; end of file
# means that the harness died without stopping its node, which must not outlive it.
GUARD = """
read -r _ && exit 0
[ -s "$0/pid" ] && kill -9 "$(cat "$0/pid")"
kill "$1"
rm -rf "$0"
"""


class Node:
    """One broker. `url`, `port`, `directory`; start, stop, kill9, restart, ctl.

    `config` is more text for rabbitmq.conf, `advanced` the text of advanced.config. With `tls`, a
    dictionary of ssl_options such as "cacertfile", the node speaks TLS too, on `tls_port`.
    `plugins` are enabled from the start. The directory is removed by stop(), unless RBIT_TEST_KEEP
    is set.
    """

    def __init__(self, config="", advanced="", tls=None, plugins=()):
        self.config = config
        self.plugins = plugins
        self.tls = tls
        self.advanced = advanced
        self.directory = tempfile.mkdtemp(prefix="rbit-node.")
        self.port = None
        self.epmd = None
        self.server = None
        self.guard = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def tls_port(self):
        return self.port + 3

    @property
    def log(self):
        """The text of the broker's own log."""
        text = ""
        folder = os.path.join(self.directory, "log")
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), errors="replace") as file:
                text += file.read()
        return text

    def start(self, until_ready=True):
        """A first start takes other ports if somebody was quicker; a later one keeps its own.
        It ends when all of the node is there, or else when its port answers."""
        why = missing()
        if why:
            raise NodeError(why)
        if self.port is not None:
            self._start_server(until_ready)
            return self
        for attempt in range(5):
            self.port = free_base()
            self._write_files()
            try:
                self._start_epmd()
                self._start_server()
                return self
            except (NodeError, subprocess.TimeoutExpired):
                self._end(self.server)
                self._end(self.epmd)
                self._dismiss_guard()
                if attempt == 4:
                    raise
        raise NodeError("not reached")

    def stop(self):
        """Stops the broker and epmd, and removes the directory."""
        if self.server is not None and self.server.poll() is None:
            self.server.terminate()
            try:
                self.server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill9()
        self._end(self.server)
        self._end(self.epmd)
        self._dismiss_guard()
        if os.environ.get("RBIT_TEST_KEEP"):
            print(f"node.py: kept {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def halt(self):
        """Stops the broker only, in order; what is durable stays. `start` brings it back."""
        self.server.terminate()
        self.server.wait(PATIENCE)

    def kill9(self):
        """Kills the broker as a crash would. Its wrapper ends by itself, epmd stays for later."""
        os.kill(self.pid, signal.SIGKILL)
        self.server.wait(PATIENCE)

    def restart(self):
        """Stops in order, starts again on the same directory and ports."""
        self.halt()
        self.start()

    @property
    def pid(self):
        """The broker's own process, not its wrapper's."""
        with open(os.path.join(self.directory, "pid")) as file:
            return int(file.read())

    def ctl(self, *arguments, patience=PATIENCE):
        """rabbitmqctl -q ARGUMENTS; its standard output. NodeError if it fails. 0.6 s a call, 30 s on
        a busy machine, where it may also give up the handshake with its node: asked again."""
        for _ in range(3):
            done = subprocess.run([os.path.join(PROGRAMS, "rabbitmqctl"), "-q", *arguments],
                                  env=self.environment(), cwd=self.directory, text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=patience)
            if done.returncode != UNAVAILABLE or self.server.poll() is not None:
                break
        if done.returncode != 0:
            raise NodeError(f"rabbitmqctl {' '.join(arguments)} ended with {done.returncode}: "
                            f"{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def environment(self):
        """The same for the server and for each rabbitmqctl."""
        d, port = self.directory, self.port
        environment = dict(os.environ)
        environment.pop("NOTIFY_SOCKET", None)  # else systemd would hear that its own unit is ready
        for name in list(environment):
            if name.startswith(("RABBITMQ_", "ERL_")):
                del environment[name]
        environment.update({
            "HOME": d,
            "RABBITMQ_NODENAME": f"rbit{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(port + 1),
            "ERL_EPMD_PORT": str(port + 2),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_INETRC": f"{d}/inetrc",
            "ERL_CRASH_DUMP": f"{d}/erl_crash.dump",
            "LC_ALL": "C.UTF-8",
            "RABBITMQ_MNESIA_BASE": f"{d}/mnesia",
            "RABBITMQ_LOG_BASE": f"{d}/log",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{d}/schema",
            "RABBITMQ_PID_FILE": f"{d}/pid",
            "RABBITMQ_CONFIG_FILE": f"{d}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{d}/advanced.config",
            "RABBITMQ_CONF_ENV_FILE": f"{d}/env.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{d}/enabled_plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1}",
        })
        return environment

    def _write_files(self):
        for name in ("mnesia", "log", "schema"):
            shutil.rmtree(os.path.join(self.directory, name), ignore_errors=True)
            os.mkdir(os.path.join(self.directory, name))
        self._write("env.conf", "")
        # A bare system may have no /etc/hosts, and then no localhost.
        self._write("inetrc", '{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file, native]}.\n')
        self._write("enabled_plugins", f"[{','.join(self.plugins)}].\n")
        self._write("rabbitmq.conf",
                    f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
                    "vm_memory_high_watermark.absolute = 1GB\n"
                    "disk_free_limit.absolute = 50MB\n" + self._tls_config() + self.config)
        if self.advanced:
            self._write("advanced.config", self.advanced)

    def _tls_config(self):
        if self.tls is None:
            return ""
        options = "".join(f"ssl_options.{key} = {value}\n" for key, value in self.tls.items())
        return f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\n{options}"

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)

    def _start_epmd(self):
        # As our own child: the one that a node starts by itself is a daemon that outlives it.
        port = self.port + 2
        self.epmd = subprocess.Popen([epmd_program(), "-port", str(port)],
                                     env=self.environment(), cwd=self.directory,
                                     start_new_session=True, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.epmd.poll() is not None or answers(port), "epmd to listen")
        if self.epmd.poll() is not None:
            raise NodeError(f"epmd ended with {self.epmd.returncode} (port {port} taken?)")
        self.guard = subprocess.Popen(["/bin/sh", "-c", GUARD, self.directory, str(self.epmd.pid)],
                                      start_new_session=True, stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _start_server(self, until_ready=True):
        try:
            os.unlink(os.path.join(self.directory, "pid"))  # of an earlier life
        except FileNotFoundError:
            pass
        output = os.path.join(self.directory, "output")
        with open(output, "ab") as file:
            self.server = subprocess.Popen([os.path.join(PROGRAMS, "rabbitmq-server")],
                                           env=self.environment(), cwd=self.directory,
                                           start_new_session=True, stdin=subprocess.DEVNULL,
                                           stdout=file, stderr=subprocess.STDOUT)
        wait_until(lambda: self.server.poll() is not None or answers(self.port),
                   "the broker to listen")
        if self.server.poll() is not None:
            with open(output, errors="replace") as file:
                tail = file.read()[-2000:]
            raise NodeError(f"rabbitmq-server ended with {self.server.returncode}: {tail}")
        if until_ready:
            self.ctl("await_startup")  # fails at once if asked before the port answers

    def _dismiss_guard(self):
        if self.guard is None:
            return
        try:
            self.guard.communicate(b"done\n", PATIENCE)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        self.guard = None

    @staticmethod
    def _end(process):
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def run(command):
    """The exit code of `command`, run beside a node of its own."""
    why = missing()
    if why:
        print(f"skipped: {why}", file=sys.stderr)
        return SKIPPED
    with Node() as node:
        child = subprocess.Popen(command, env={**os.environ, "RBIT_TEST_AMQP_URL": node.url})
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
    return code if code >= 0 else 128 - code


def main(arguments):
    if len(arguments) < 2 or arguments[0] != "--run":
        print(__doc__, file=sys.stderr)
        return 2
    # So that a test stopped from outside still takes its node along.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        return run(arguments[1:])
    except NodeError as error:
        print(f"node.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
