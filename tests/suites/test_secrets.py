"""Secrets are in no argument list, environment, log, listing, report, core file; and files that
others could read or change are refused."""

import base64
import os
import signal
import stat
import subprocess

import rbit_suite
from front_end import FrontEnd
from rbit_suite import Suite, processes_of, readable

SECRET = "pineapple-7421"
EX_CONFIG = 78


class Secrets(Suite):
    def configure_status(self, front_end, more="", runner="sleep 60", redact=""):
        self.configure({"build": f"runner = shell!{runner}"},
                       more=f"[status]\nurl = {front_end.url}\nusername = builder\n{more}\n"
                            f"[log]\nredact = {redact}")

    def front_end(self):
        one = FrontEnd("builder", SECRET)
        self.addCleanup(one.go_down)
        return one

    def assert_no_secret(self, text, secret=SECRET):
        self.assertNotIn(secret, text)

    def test_no_process_has_it_in_its_arguments_or_environment(self):
        front_end = self.front_end()
        self.configure_status(front_end)
        self.start(environment=self.environment(RBIT_STATUS_PASSWORD=SECRET))
        self.submit("build", "p", job=1)
        rbit_suite.wait_until(lambda: front_end.statuses(1) == ["Building"], "the report")
        processes = rbit_suite.wait_until(  # rbit and what it started
            lambda: (lambda found: found if len(found) >= 2 else None)(processes_of(self.directory)),
            "the job's processes")
        for pid in [*processes, self.rbit.pid]:
            for what in ("cmdline", "environ"):
                self.assertNotIn(SECRET.encode(), readable(f"/proc/{pid}/{what}"))
        self.assert_no_secret(self.rbit.log)
        self.assert_no_secret(self.command("jobs", self.config).stdout)

    def test_a_password_from_the_environment_is_shown_by_its_origin(self):
        self.configure_status(self.front_end())
        listing = self.command_with(RBIT_STATUS_PASSWORD=SECRET)
        self.assertIn("(environment) password = ***", listing)
        self.assert_no_secret(listing)

    def command_with(self, **environment):

        done = subprocess.run([self.program, "config", self.config], capture_output=True, text=True,
                              env=self.environment(**environment), timeout=60)
        return done.stdout + done.stderr

    def test_two_passwords_are_a_mistake(self):
        self.configure_status(self.front_end(), "password = other")
        said = self.command_with(RBIT_STATUS_PASSWORD=SECRET)
        self.assertIn("RBIT_STATUS_PASSWORD says one too", said)
        self.assert_no_secret(said)

    def test_a_credential_of_systemd(self):
        front_end = self.front_end()
        self.configure_status(front_end, runner="true")
        os.mkdir(self.path("credentials"))
        os.chmod(self.write("credentials/status-password", SECRET + "\n"), 0o440)  # as with an ACL
        self.start(environment=self.environment(CREDENTIALS_DIRECTORY=self.path("credentials")))
        self.submit("build", "p", job=1)
        rbit_suite.wait_until(lambda: "Done" in front_end.statuses(1), "the reports")
        self.assert_no_secret(self.rbit.log)

    def test_what_a_job_prints_of_it_is_shown_by_nobody(self):
        front_end = self.front_end()
        say = f"""echo '{{"status":"Building","message":"by {SECRET}"}}' >&3; """ \
              f"echo http://me:hunter22@example.org/ {SECRET} kumquat; exit 3"
        self.configure_status(front_end, f"password = {SECRET}", say, redact="kumquat")
        self.start()
        done = self.submit("build", "p", job=1, wait=True, expect=1)
        self.assertIn("***", done.stdout)
        rbit_suite.wait_until(lambda: "Failed" in front_end.statuses(1), "the reports")
        jobs = self.command("jobs", self.config).stdout
        self.assertEqual(self.rbit.stop(), 0)
        for text in (self.rbit.log, done.stdout, jobs):
            for secret in (SECRET, "hunter22", "kumquat"):
                self.assert_no_secret(text, secret)
        for root, _, names in os.walk(self.path("state")):
            for name in names:
                if name.endswith(".log"):
                    continue  # the job's own output, as it wrote it
                with open(os.path.join(root, name), "rb") as file:
                    content = file.read()
                for secret in (SECRET, "hunter22", "kumquat"):
                    self.assertNotIn(secret.encode(), content, name)

    def test_what_is_cut_is_hidden_first(self):
        # The cuts: 600 bytes of last words, 4,096 of a status, both in the middle of the secret;
        # and in two pieces, over a line end, percent-encoded, in base64.
        encoded = base64.b64encode(b"me:" + SECRET.encode()).decode()
        says = {
            "words": f"printf %s%0596d {SECRET} 0",
            "pieces": f"printf {SECRET[:5]}; sleep 0.2; printf {SECRET[5:]}",
            "lines": f"echo {SECRET[:5]}; echo {SECRET[5:]}",
            "base": f"echo {encoded[:10]}; echo {encoded[10:]}",
            "hex": f"echo {SECRET.replace('-', '%2d')}",
            "status": "printf '{\"status\":\"Building\",\"message\":\"%04090d%s\"}\\n' 0 "
                      f"{SECRET} >&3; echo end",
        }
        self.configure({name: f"runner = shell!{say}; exit 3" for name, say in says.items()},
                       more=f"[log]\nlevel = DEBUG\nredact = {SECRET}")
        self.start()
        shown = []
        for name in says:
            done = self.submit(name, "p", job=len(shown) + 1, wait=True, expect=1)
            explained = self.command("explain", self.config, str(len(shown) + 1))
            if name != "status":  # shown up to its 600 bytes; the journal has it up to the cut
                self.assertIn("***", done.stdout + explained.stdout, name)
            shown += [done.stdout + explained.stdout]
        shown += [self.command("jobs", self.config).stdout]
        self.assertEqual(self.rbit.stop(), 0)
        texts = [text.encode() for text in [*shown, self.rbit.log]]
        for name in os.listdir(self.path("state")):
            if os.path.isfile(self.path("state", name)):
                texts.append(readable(self.path("state", name)))
        for text in texts:
            for rest in (SECRET[:6], SECRET[-8:], encoded[4:12], encoded[-8:], "%2d7421"):
                self.assertNotIn(rest.encode(), text)

    def test_a_mistake_that_is_long_does_not_quote_half_of_it(self):
        self.configure({"build": f"runner = shell!true\ntimeout = {'x' * 74}{SECRET}"},
                       more=f"[log]\nredact = {SECRET}\n[status]\nurl = ftp://{'m' * 60}:{SECRET}@host")
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn("x***", done.stdout + done.stderr)
        self.assert_no_secret(done.stdout + done.stderr, SECRET[:5])

    def test_mistakes_do_not_quote_it(self):
        self.configure({"build": "runner = shell!true"},
                       more=f"[status]\nurl = ftp://me:{SECRET}@host/")
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn("is not http://", done.stdout + done.stderr)
        self.assert_no_secret(done.stdout + done.stderr)

    def test_no_core_and_no_debugger(self):
        self.configure({"build": "runner = shell!true"})
        self.start()
        self.assertRegex(readable(f"/proc/{self.rbit.pid}/limits").decode(),
                         r"Max core file size\s+0\s+0\s")
        # What is not dumpable belongs to root in /proc, whoever runs it.
        self.assertEqual(os.stat(f"/proc/{self.rbit.pid}/environ").st_uid, 0)
        self.rbit.signal(signal.SIGQUIT)
        self.assertEqual(self.rbit.process.wait(60), -signal.SIGQUIT)
        self.assertEqual([name for name in os.listdir(self.directory) if "core" in name], [])


class OpenFiles(Suite):
    RUNNER = {"build": "runner = shell!true"}
    STATUS = f"[status]\nurl = http://127.0.0.1:1\nusername = u\npassword = {SECRET}"

    def check(self, mode, **options):
        """Exit code and words of `rbit check` for a file of that mode."""
        self.configure(self.RUNNER, **options)
        os.chmod(self.config, mode)
        os.chmod(self.directory, 0o755)  # mkdtemp gives 0700, which would hide all in it
        done = self.command("check", self.config)
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        return done.returncode, done.stdout + done.stderr

    def test_a_password_that_all_can_read_is_refused(self):
        code, said = self.check(0o644, more=self.STATUS)
        self.assertEqual(code, EX_CONFIG)
        self.assertIn("[status] password: all users may read it here (chmod 600", said)

    def test_so_is_one_in_a_url(self):
        code, said = self.check(0o604, amqp=f"url = amqp://me:{SECRET}@localhost/")
        self.assertEqual(code, EX_CONFIG)
        self.assertIn("[amqp] url: all users may read it here", said)

    def test_guest_of_the_old_files_is_no_secret(self):
        code, said = self.check(0o644, amqp="host = localhost\nuser = guest\npassword = guest")
        self.assertEqual((code, "chmod" in said), (0, False), said)

    def test_closed_to_others_it_is_taken(self):
        for mode in (0o600, 0o400, 0o640):
            code, said = self.check(mode, more=self.STATUS)
            self.assertEqual(code, 0, said)
        self.assertIn("warn", said)  # a group may read it

    def test_a_closed_directory_hides_it(self):
        self.check(0o644, more=self.STATUS)
        os.chmod(self.directory, 0o700)
        self.assertEqual(self.command("check", self.config).returncode, 0)

    def test_a_runners_setting_is_a_warning(self):
        # Old files hold them and stand there with mode 644; only the name says it is a secret.
        self.RUNNER = {"build": f"runner = shell!true\npassword = {SECRET}"}
        code, said = self.check(0o644)
        self.assertEqual(code, 0, said)
        self.assertIn("warn", said)
        self.assertIn("[runner:build] password: all users may read it here", said)

    def test_one_that_others_may_change_is_refused(self):
        for mode, who in ((0o620, "a group"), (0o602, "anybody")):
            code, said = self.check(mode)
            self.assertEqual(code, EX_CONFIG)
            self.assertIn(f"{who} may change {self.config}", said)
        self.check(0o600)
        os.chmod(self.directory, 0o770)
        done = self.command(self.config)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn(f"a group may change {self.directory} (chmod g-w", done.stderr)

    def test_one_of_another_user_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give a file away")
        self.configure(self.RUNNER)
        os.chown(self.config, 65534, -1)
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn("belongs to user 65534", done.stdout + done.stderr)


class AsRoot(Suite):
    """What root runs, and who may talk to it."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("about rbits of root")

    def test_it_says_once_whose_jobs_are_roots(self):
        self.configure({"a": "runner = shell!true", "b": "runner = shell!true\nuser = nobody"})
        self.start()
        [line] = self.rbit.lines_with("runs as root")
        self.assertIn("the jobs of a (set user", line)

    def test_a_command_that_others_may_change_is_not_run(self):
        tool = self.write("tool", "#!/bin/sh\ntrue\n")
        self.configure({"build": f"runner = shell!{tool} %ID"})
        for mode, code in ((0o755, 0), (0o775, 1), (0o757, 1)):
            os.chmod(tool, mode)
            done = self.command("check", self.config)
            self.assertEqual(done.returncode, code, done.stdout)
            if code:
                self.assertIn(f"{tool}: users other than its owner may write to it", done.stdout)
        os.chmod(tool, 0o755)
        os.chown(tool, 65534, -1)
        self.assertIn("belongs to user 65534", self.command("check", self.config).stdout)

    def test_roots_file_for_our_group_is_how_a_service_reads_it(self):
        self.configure({"build": "runner = shell!true"},
                       more=f"[status]\nurl = http://127.0.0.1:1\nusername = u\npassword = {SECRET}")
        self.let_everybody_run_it()
        for group, is_warned in ((65534, False), (1, None)):
            os.chown(self.config, 0, group)
            os.chmod(self.config, 0o640)
            done = self.command("check", self.config, user=65534, group=65534, extra_groups=[])
            if is_warned is None:  # no file of ours
                self.assertEqual(done.returncode, EX_CONFIG)
                self.assertIn("Permission denied", done.stdout)
            else:
                self.assertNotIn("may read it here", done.stdout)
                self.assertIn("1 queues", done.stdout)
        self.assertIn("a group may read it here", self.command("check", self.config).stdout)

    def test_another_user_is_not_answered(self):
        self.configure({"build": "runner = shell!true"})
        self.start()
        place = self.path("state", "control.sock")
        self.assertEqual(stat.S_IMODE(os.stat(place).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("state")).st_mode), 0o700)
        ask = ("import os, socket, sys; os.setuid(int(sys.argv[1])); s = socket.socket(socket.AF_UNIX)\n"
               "s.settimeout(30); s.connect(sys.argv[2])\n"
               "try: s.sendall(b'{\"do\": \"jobs\"}\\n'); print(s.recv(100))\n"
               "except OSError: print(b'')")
        for door in (self.directory, self.path("state")):
            os.chmod(door, 0o755)
        os.chmod(place, 0o666)  # even so

        def answer(user):
            return subprocess.run(["/usr/bin/python3", "-c", ask, str(user), place],
                                  capture_output=True, text=True, timeout=60).stdout.strip()
        self.assertNotEqual(answer(0), "b''")
        self.assertEqual(answer(65534), "b''")


if __name__ == "__main__":
    rbit_suite.main()
