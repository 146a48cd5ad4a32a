"""A systemd of a test's own: the first process of namespaces that nobody else sees, with the units
that the test gives it and none of the machine's."""

import os
import re
import shutil
import subprocess

from rbit_suite import PATIENCE, wait_until

SYSTEMD = "/lib/systemd/systemd"
# What systemd itself asks for, and what units of services want.
TARGETS = ("basic", "sysinit", "shutdown", "multi-user", "network-online")


def cgroups():
    """Where the second version of control groups is mounted; none: nowhere."""
    with open("/proc/self/mounts") as mounts:
        found = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    return found[0] if found else None


class PrivateSystemd:
    """`units`: by name, their texts. Skips the test where none can run."""

    def __init__(self, suite, units):
        for tool in (SYSTEMD, "unshare", "nsenter", "systemctl"):
            if not shutil.which(tool):
                suite.skipTest(f"no {tool} (apt-get install systemd util-linux)")
        if os.geteuid() != 0 or not cgroups():
            suite.skipTest("a systemd of our own wants root, and control groups of version 2")
        self.suite = suite
        os.mkdir(suite.path("units"))
        for name in TARGETS:
            suite.write(f"units/{name}.target", "[Unit]\nDefaultDependencies=no\n")
        for name, text in units.items():
            os.makedirs(os.path.dirname(suite.path("units", name)), exist_ok=True)
            suite.write(f"units/{name}", text)
        self.group = os.path.join(cgroups(), os.path.basename(suite.directory))
        try:
            os.mkdir(self.group)
        except OSError as error:
            suite.skipTest(f"no control group of our own: {error}")
        suite.addCleanup(self.remove_groups)
        self.boot()

    def boot(self):
        suite, log = self.suite, self.suite.path("systemd.log")
        inside = (f"mount --make-rprivate / && umount -R /sys/fs/cgroup && "
                  f"mount -t cgroup2 cgroup2 /sys/fs/cgroup && "
                  f"mount -t tmpfs -o mode=755 tmpfs /run && "
                  f"mount -t tmpfs -o mode=755 tmpfs /var/lib && "
                  f"exec env -i container=test PATH={os.environ['PATH']} "
                  f"SYSTEMD_UNIT_PATH={suite.path('units')} {SYSTEMD} --system "
                  f"--unit=basic.target --log-target=console --show-status=no")
        # It is alone in its group before that becomes the root of what it sees.
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                ["unshare", "--fork", "--pid", "--mount", "--mount-proc", "--ipc", "--uts",
                 "--kill-child", "sh", "-c", f"echo 0 > {self.group}/cgroup.procs && "
                 f"exec unshare --cgroup sh -c '{inside}'"],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        suite.addCleanup(self.process.wait)
        suite.addCleanup(self.process.kill)

        def is_up():
            if self.process.poll() is not None:
                suite.skipTest(f"systemd cannot run here: {suite.read('systemd.log').strip()}")
            children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
            with open(children) as file:
                self.init = file.read().strip()
            return self.init and self.control("is-system-running").stdout.strip() == "running"
        wait_until(is_up, "systemd to be up")

    def remove_groups(self):
        wait_until(lambda: "populated 0" in self.read_group("cgroup.events"), "an empty group")
        for folder, _, _ in os.walk(self.group, topdown=False):
            os.rmdir(folder)

    def read_group(self, name):
        with open(os.path.join(self.group, name)) as file:
            return file.read()

    def run(self, *command, run=subprocess.run, **options):
        """Within; its result has returncode, stdout and stderr."""
        if run is subprocess.run:
            options["timeout"] = PATIENCE
        return run(["nsenter", "-t", self.init, "-a", "env", "-i", f"PATH={os.environ['PATH']}",
                    *command], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE, **options)

    def control(self, *command, **options):
        return self.run("systemctl", *command, **options)

    def must(self, *command):
        done = self.control(*command)
        self.suite.assertEqual(done.returncode, 0,
                               done.stderr + self.suite.read("systemd.log")[-3000:])
        return done.stdout

    def property(self, unit, name):
        return self.must("show", unit, f"--property={name}", "--value").strip()

    def wait_for(self, unit, name, value):
        wait_until(lambda: re.fullmatch(value, self.property(unit, name)),
                   f"{name} {value} of {unit}")
