"""The main job on the embedded queue: a message, a shell line, statuses, artifacts."""

import os
import signal
import subprocess
import time

import rbit_suite
from pybit_messages import build_request
from rbit_suite import Suite, is_running, wait_until


class Scripts(Suite):
    """Lines of several lines, scripts beside the file, shells of one's own."""

    def say(self, text, expect=0, name="build"):
        """What a job of that section wrote."""
        self.configure_text("[rbit]\nstate-dir = state\nqueue-mappings = build:build\n[amqp]\n"
                            f"url = local:\n[runner:build]\n{text}\n")
        self.start()
        self.submit("build", "col10642", job=36, wait=True, expect=expect)
        said = self.command("log", self.config, "36").stdout
        self.assertEqual(self.rbit.stop(), 0)
        return said

    def test_python_in_a_here_document(self):
        self.assertEqual(self.say("""runner = shell!
    /usr/bin/python3 - "%ID" <<'END'
    import sys

    def twice(text):
        # a comment of the script's
        if text:
            return "%s %s 100%%" % (text, text)

    print(twice(sys.argv[1]))
    END
    f=a.b.c; echo ${f%%.*} | awk '{printf "%s%%\\n", $1}'"""), "col10642 col10642 100%\na%\n")

    def test_a_makefile(self):
        self.assertEqual(self.say("runner = shell!cat > Makefile <<'END'\n\tall:\n\t\t@echo made "
                                  "$(NAME)\n\n\tEND\n\tmake -s NAME=%ID"), "made col10642\n")

    def test_a_shell_of_its_own(self):
        self.assertEqual(self.say("shell = /bin/bash -euo pipefail\n"
                                  "runner = shell!a=(%ID x); echo ${a[0]}; false | true; echo no",
                                  expect=1), "col10642\n")
        self.configure({"build": "runner = shell!echo %ID\nshell = /usr/bin/python3"})
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 78)
        self.assertIn("[runner:build] shell: 'python3' does not read a line as sh does", done.stdout)

    def test_a_script_beside_the_file(self):
        script = self.write("build.sh", "#!/bin/sh\necho \"$0|$1|$2|$#|$RBIT_CONFIG_DIR\"\n")
        text = "script = build.sh %ID 'a b'"
        self.configure({"build": text})
        for mode, said in ((0o644, "is not executable"), (0o755, None)):
            os.chmod(script, mode)
            done = self.command("check", self.config)
            self.assertEqual(done.returncode, 1 if said else 0, done.stdout)
            self.assertIn(said or "[runner:build] can work", done.stdout)
        self.assertEqual(self.say(text), f"{script}|col10642|a b|2|{self.directory}\n")
        os.unlink(script)
        self.assertIn(script + ": No such file", self.command("check", self.config).stdout)

    def test_the_whole_value_of_a_script_reaches_it(self):
        self.write("my script.sh", "#!/bin/sh\nfor a; do echo \"[$a]\"; done\n")
        os.chmod(self.path("my script.sh"), 0o755)
        self.assertEqual(self.say("script = 'my script.sh' %ID ';'\n    b \"c d\" \\\n    100%"),
                         "[col10642]\n[;]\n[b]\n[c d]\n[100%]\n")

    def test_every_kind_of_job_knows_the_files_directory(self):
        self.write("where.py", "import os\n\n\ndef where(build_request, settings):\n"
                               "    print(os.environ['RBIT_CONFIG_DIR'])\n")
        self.assertEqual(self.say("runner = python!where:where"), self.directory + "\n")


class Verdicts(Suite):
    def test_exit_0_is_done(self):
        self.configure({"build": "runner = shell!echo hello"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.assert_statuses(36, "Building", "Done")
        self.assertEqual(self.rbit.stop(), 0)

    def test_another_exit_code_is_failed_with_the_last_line_as_message(self):
        self.configure({"build": """
            runner = shell!echo one; echo two >&2; echo "! LaTeX Error: no file"; exit 3
            """})
        self.start()
        done = self.submit("build", "col10642", job=36, wait=True, expect=1)
        self.assertIn("exit 3", done.stdout)
        self.assertIn("! LaTeX Error: no file", done.stdout)
        self.assert_statuses(36, "Building", "Failed")
        self.rbit.wait_for("! LaTeX Error: no file")

    def test_what_the_shell_cannot_find_is_failed_with_127(self):
        self.configure({"build": "runner = shell!cd . && no-such-command-here"})
        self.start()
        done = self.submit("build", "col10642", job=36, wait=True, expect=1)
        self.assertIn("exit 127", done.stdout)

    def test_exit_75_is_blocked_and_comes_back(self):
        self.configure({"build": f"""
            runner = shell!echo again >> {self.path('runs')}; [ $RBIT_ATTEMPT -ge 3 ] || exit 75
            retry-delay = 50ms
            """})
        self.start()
        self.submit("build", "col10642", job=36)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Blocked", "Building", "Done")
        self.assertEqual(self.read("runs"), "again\n" * 3)

    def test_blocked_has_an_end(self):
        self.configure({"build": "runner = shell!exit 75\nattempts = 2\nretry-delay = 50ms"})
        self.start()
        self.submit("build", "col10642", job=36, wait=True, expect=1)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Failed")

    def test_exit_codes_of_ones_own_are_blocked(self):
        self.configure({"build": """
            runner = shell!exit $RBIT_ATTEMPT
            blocked-exit-codes = 1,3
            retry-delay = 50ms
            """})
        self.start()
        self.submit("build", "col10642", job=36)
        self.assert_statuses(36, "Building", "Blocked", "Building", "Failed")

    def test_a_signal_is_failed_by_its_name(self):
        self.configure({"build": "runner = shell!kill -SEGV $$\nattempts = 1"})
        self.start()
        done = self.submit("build", "col10642", job=36, wait=True, expect=1)
        self.assertIn("signal SEGV", done.stdout)

    def test_a_timeout_ends_whatever_the_job_started(self):
        # The grandchild has left the process group and ignores TERM.
        self.configure({"build": f"""
            runner = shell!
                setsid sh -c 'trap "" TERM; echo $$ > {self.path('pid')}; exec sleep 1000' & wait
            timeout = 3
            grace = 1
            attempts = 1
            """})
        self.start()
        done = self.submit("build", "col10642", job=36, wait=True, expect=1)
        self.assertIn("timeout", done.stdout)
        self.assertFalse(is_running(self.read("pid").strip()))
        self.assert_statuses(36, "Building", "Failed")

    def test_a_background_child_does_not_keep_a_job_running(self):
        # ninja#2052: whoever waits for end of file waits for the daemon.
        self.configure({"build": "runner = shell!sleep 1000 & echo over"})
        self.start()
        self.submit("build", "col10642", job=36)
        self.assert_statuses(36, "Building", "Done")

    def test_the_next_job_runs_whatever_the_last_one_did(self):
        self.configure({"build": "runner = shell!kill -KILL $$\nattempts = 1",
                        "other": "runner = shell!true"})
        self.start()
        self.submit("build", "one", job=1)
        self.submit("other", "two", job=2)
        self.assert_statuses(1, "Building", "Failed")
        self.assert_statuses(2, "Building", "Done")


class WhatAJobSees(Suite):
    def test_the_body_on_stdin_byte_for_byte(self):
        self.configure({"build": f"runner = shell!cat > {self.path('body')}"})
        body = build_request(job=36).replace(b"}", b"}  ").replace(b"col10642", b"\\u0063ol10642")
        self.start()
        self.submit("build", file=self.write("message", body))
        self.wait_for_status(36, "Done")
        with open(self.path("body"), "rb") as file:
            self.assertEqual(file.read(), body)

    def test_a_large_body_that_nobody_reads(self):
        self.configure({"build": "runner = shell!true"})
        body = build_request(job=36) + b" " * (2 << 20)
        self.start()
        self.submit("build", file=self.write("message", body))
        self.assert_statuses(36, "Building", "Done")

    def test_the_fields_as_variables_in_an_environment_made_from_nothing(self):
        self.configure({"build": f"""
            runner = shell!env > {self.path('env')}; cat "$RBIT_MESSAGE_FILE" > {self.path('copy')}
            Some-Key.x = a value
            env.COLOUR = blue
            pass-env = PASSED
            """})
        self.start(environment=self.environment(SECRET="hidden", PASSED="through",
                                                LD_LIBRARY_PATH="/nowhere"))
        body = build_request(job=36, uri="http://cnx.org/a?b=c", method="git", vcs_id="v1",
                             build_env="squeeze")
        self.submit("build", file=self.write("message", body))
        self.wait_for_status(36, "Done")
        seen = dict(line.partition("=")[::2] for line in self.read("env").splitlines())
        expected = {"RBIT_PACKAGE": "col10642", "RBIT_VERSION": "1.2", "RBIT_ARCH": "desktop",
                    "RBIT_SUITE": "latex", "RBIT_DIST": "cnx", "RBIT_FORMAT": "pdf",
                    "RBIT_BUILD_ENV": "squeeze", "RBIT_METHOD": "git",
                    "RBIT_URI": "http://cnx.org/a?b=c", "RBIT_VCS_ID": "v1", "RBIT_JOB_ID": "36",
                    "RBIT_QUEUE": "build", "RBIT_RUNNER": "build", "RBIT_ATTEMPT": "1",
                    "RBIT_REDELIVERED": "0", "RBIT_MASTER": "1",
                    "RBIT_SETTING_SOME_KEY_X": "a value", "COLOUR": "blue", "PASSED": "through"}
        self.assertEqual({name: seen.get(name) for name in expected}, expected)
        self.assertNotIn("SECRET", seen)
        self.assertNotIn("LD_LIBRARY_PATH", seen)
        self.assertLess(abs(int(seen["RBIT_TIMESTAMP"]) - time.time()), 3600)
        self.assertEqual(self.read("copy").encode(), body)
        for name in ("PATH", "HOME", "TMPDIR", "LANG", "RBIT_WORK_DIR", "RBIT_OUTPUT_DIR"):
            self.assertIn(name, seen)

    def test_a_directory_of_its_own_that_is_gone_afterwards(self):
        self.configure({"build": f"runner = shell!pwd > {self.path('cwd')}; ls -A; touch left"})
        self.start()
        self.submit("build", "one", job=1)
        self.wait_for_status(1, "Done")
        first = self.read("cwd").strip()
        self.submit("build", "two", job=2)
        self.wait_for_status(2, "Done")
        self.assertNotEqual(first, self.read("cwd").strip())
        for left in (first, self.read("cwd").strip()):
            wait_until(lambda path=left: not os.path.exists(path), f"the removal of {left}")

    def test_four_descriptors_and_no_ignored_signal(self):
        self.configure({"build": f"""
            runner = shell!
                ls /proc/self/fd > {self.path('fds')}
                grep -E 'SigIgn|SigBlk' /proc/self/status > {self.path('signals')}
            """})
        self.start()
        self.submit("build", "one", job=1)
        self.wait_for_status(1, "Done")
        # 3 is ls's own look at the directory, or our events; a fifth would be a leak.
        self.assertLessEqual(set(self.read("fds").split()), {"0", "1", "2", "3", "4"})
        self.assertEqual(self.read("signals").split(),
                         ["SigBlk:", "0" * 16, "SigIgn:", "0" * 16])

    def test_the_log_holds_both_outputs(self):
        self.configure({"build": "runner = shell!echo to stdout; echo to stderr >&2"})
        self.start()
        self.submit("build", "one", job=1)
        self.wait_for_status(1, "Done")
        texts = []
        for folder, _, files in os.walk(self.path("state")):
            texts += [self.read(folder, name) for name in files if name.endswith(".log")]
        self.assertTrue([text for text in texts if "to stdout\nto stderr\n" in text], texts)


class Placeholders(Suite):
    def test_each_is_the_field_of_its_name(self):
        self.configure({"build": f"""
            runner = shell!
                printf '%s\\n' %ID %VERSION %ARCH %SUITE %DIST %FORMAT > {self.path('out')}
                printf '%s\\n' %ENV %METHOD %URI %VCS %JOB >> {self.path('out')}
            """})
        self.start()
        body = build_request(job=36, method="git", vcs_id="trunk", build_env="squeeze")
        self.submit("build", file=self.write("message", body))
        self.wait_for_status(36, "Done")
        self.assertEqual(self.read("out").split("\n")[:-1],
                         ["col10642", "1.2", "desktop", "latex", "cnx", "pdf", "squeeze", "git",
                          "http://cnx.org/", "trunk", "36"])

    def test_no_text_of_a_message_meets_the_shell(self):
        pwned = self.path("pwned")
        # What is no valid URI may be refused; what is taken must arrive as it is.
        hostile = [f"http://x/$(touch {pwned})", f"http://x/`touch {pwned}`",
                   f"http://x/;touch {pwned}", f"http://x/\"; touch {pwned}; \"",
                   f"http://x/'; touch {pwned}; '", f"http://x/|touch {pwned}",
                   f"http://x/&& touch {pwned}", "http://x/ * ?", "http://x/%ID%(a)s{settings.a}",
                   "http://x/$HOME ${RBIT_PACKAGE}", "http://x/\\"]
        self.configure({"build": f"""
            runner = shell!printf '%s\\n' %URI "in quotes: %URI" > {self.path('out')}-%JOB
            """})
        self.start()
        taken = []
        for number, uri in enumerate(hostile, 1):
            message = self.write("message", build_request(job=number, uri=uri))
            done = self.submit("build", file=message, expect=None)
            taken.append(done.returncode == 0)
        for number, uri in enumerate(hostile, 1):
            if taken[number - 1]:
                self.wait_for_status(number, "Done")
                self.assertEqual(self.read(f"out-{number}"), f"{uri}\nin quotes: {uri}\n")
        self.assertFalse(os.path.exists(pwned))
        self.assertTrue(any(taken))

    def test_settings_by_either_name(self):
        self.configure({"build": f"""
            runner = shell!
                exec > {self.path('out')}
                printf '%s|' %(deposit_location)s {{settings.deposit_location}}
                printf '%s|' "$RBIT_SETTING_DEPOSIT_LOCATION"
            deposit_location = /srv/a b; $(touch pwned)
            """})
        self.start()
        self.submit("build", "one", job=1)
        self.wait_for_status(1, "Done")
        self.assertEqual(self.read("out"), "/srv/a b; $(touch pwned)|" * 3)

    def test_a_line_over_several_lines_is_a_script(self):
        self.configure({"build": f"""
            runner = shell!
                set -e
                for word in one two; do
                  echo $word %ID >> {self.path('out')}
                done
            """})
        self.start()
        self.submit("build", "x", job=1)
        self.wait_for_status(1, "Done")
        self.assertEqual(self.read("out"), "one x\ntwo x\n")


class Events(Suite):
    def test_json_lines_on_descriptor_3(self):
        self.configure({"build": """
            runner = shell!
                echo hello > book.pdf
                echo '{"status": "Building", "message": "half way"}' >&3
                echo '{"artifact": "book.pdf", "kind": "pdf"}' >&3
                echo 'no JSON at all' >&3
            """})
        self.start("--debug")
        done = self.submit("build", "book", job=36, wait=True)
        self.assertIn("half way", done.stdout)
        self.assertIn("Done", done.stdout)

        def found():
            return [os.path.join(folder, "book.pdf")
                    for folder, _, files in os.walk(self.path("state")) if "book.pdf" in files]
        # What the job left in its directory goes soon after its end.
        wait_until(lambda: len(found()) == 1, "one copy")
        with open(found()[0]) as file:
            self.assertEqual(file.read(), "hello\n")

    def test_artifacts_by_pattern_into_the_output_directory(self):
        os.mkdir(self.path("out"))
        self.configure({"build": f"""
            runner = shell!echo a > %ID.pdf; echo b > %ID.epub; echo c > notes.txt
            artifacts = *.pdf *.epub
            output-dir = {self.path('out')}
            """})
        self.start()
        self.submit("build", "col10642", job=36, wait=True)
        self.assertEqual(sorted(os.listdir(self.path("out"))), ["col10642.epub", "col10642.pdf"])

    def test_each_job_has_a_directory_of_its_own_and_keeps_trees_and_blanks(self):
        self.configure({"build": f"""
            top = {self.path('out')}
            runner = shell!
                mkdir -p dist/sub; echo %ID > dist/sub/a; echo b > 'my book.pdf'
                ln -s 'my book.pdf' latest.pdf; ln -s /etc/passwd out.pdf
            artifacts = "my *.pdf" dist/
                latest.pdf out.pdf
            output-dir = %(top)s/%ID/%VERSION/%JOB
            """})
        self.start()
        for job, package in ((36, "a"), (37, "b")):
            done = self.submit("build", package, job=job, wait=True)
            self.assertIn("not kept: out.pdf: is a link that leads out", done.stdout)
        kept = sorted(os.path.relpath(os.path.join(folder, name), self.path("out"))
                      for folder, _, files in os.walk(self.path("out")) for name in files)
        names = ["dist/sub/a", "latest.pdf", "my book.pdf"]
        first, second = (sorted({name.split("/")[0] for name in kept}))
        self.assertEqual([first, second], ["a", "b"])
        self.assertEqual([name.split("/", 3)[3] for name in kept], names + names)

    def test_artifacts_on_a_full_disk_wait_without_a_slot(self):
        os.mkdir(self.path("out"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", self.path("out")],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.path("out")], check=True)
        self.write("out/other", b"x" * (1536 << 10))
        self.configure({
            "build": f"""
                runner = shell!head -c 1000000 /dev/zero > %ID.bin
                artifacts = *.bin
                output-dir = {self.path('out')}
                """,
            "large": f"""
                runner = shell!head -c 3000000 /dev/zero > %ID.bin
                artifacts = *.bin
                output-dir = {self.path('out')}
                """,
            "other": "runner = shell!true"}, rbit="slots = 1")
        self.start()
        self.submit("build", "waits", job=36)
        wait_until(lambda: "cannot be kept now" in self.command("jobs", self.config).stdout,
                   "the job that waits")
        self.submit("other", "next", job=37, wait=True)
        done = self.submit("large", "hopeless", job=38, wait=True, expect=1)
        self.assertRegex(done.stdout, "the artifacts are 2 MiB and the disk of .*/out is 2: set "
                                      "output-dir to a larger one")
        os.remove(self.path("out/other"))
        wait_until(lambda: self.rbit.lines_with("its artifacts are kept now"), "room")
        wait_until(lambda: self.rbit.lines_with("Job 36's state is now 'Done'"), "the end")
        self.assertEqual(os.listdir(self.path("out")), ["waits.bin"])

    def test_an_artifact_outside_is_refused(self):
        self.configure({"build": """
            runner = shell!ln -s /etc/passwd book.pdf; echo '{"artifact": "book.pdf"}' >&3
            """})
        self.start()
        done = self.submit("build", "book", job=36, wait=True, expect=1)
        self.assertIn("book.pdf", done.stdout)

    def test_the_message_of_a_failure_by_the_job_itself(self):
        self.configure({"build": """
            runner = shell!
                echo '{"status": "Failed", "message": "the manuscript is empty"}' >&3
                exit 1
            """})
        self.start()
        done = self.submit("build", "book", job=36, wait=True, expect=1)
        self.assertIn("the manuscript is empty", done.stdout)
        self.assert_statuses(36, "Building", "Failed")


class ManyJobs(Suite):
    def test_never_more_at_once_than_slots(self):
        self.configure({"build": f"""
            runner = shell!
                mkdir {self.path('now')}/%ID
                ls {self.path('now')} | wc -l >> {self.path('counts')}
                rmdir {self.path('now')}/%ID
            """}, rbit="slots = 2")
        os.mkdir(self.path("now"))
        self.start()
        for number in range(1, 21):
            self.submit("build", f"p{number}", job=number)
        for number in range(1, 21):
            self.wait_for_status(number, "Done")
        counts = [int(line) for line in self.read("counts").split()]
        self.assertEqual(len(counts), 20)
        self.assertLessEqual(max(counts), 2)

    def test_two_jobs_run_side_by_side(self):
        # Each waits for the other: with one at a time neither would end.
        self.configure({"build": f"""
            runner = shell!
                mkfifo {self.path('pipe')} 2> /dev/null || true
                case %ID in
                  first) echo from first > {self.path('pipe')} ;;
                  *) read -r _ < {self.path('pipe')} ;;
                esac
            """}, rbit="slots = 2")
        self.start()
        self.submit("build", "first", job=1)
        self.submit("build", "second", job=2)
        self.assert_statuses(1, "Building", "Done")
        self.assert_statuses(2, "Building", "Done")

    def test_a_share_of_the_slots(self):
        gate = self.gate("gate")
        self.configure({"slow": f"runner = shell!read -r _ < {gate.path}\nslots = 1",
                        "quick": "runner = shell!true"}, rbit="slots = 2")
        self.start()
        self.submit("slow", "one", job=1)
        self.submit("slow", "two", job=2)
        self.wait_for_status(1, "Building")
        self.submit("quick", "three", job=3)
        self.wait_for_status(3, "Done")
        self.assertEqual(self.statuses(2), [])
        gate.let_through()
        self.wait_for_status(2, "Building")
        gate.let_through()
        self.wait_for_status(2, "Done")

    def test_no_descriptor_and_no_process_is_left_behind(self):
        self.configure({"build": "runner = shell!(setsid sleep 1000 &) ; true"}, rbit="slots = 1")
        self.start()
        self.submit("build", "warm", job=1)
        self.wait_for_status(1, "Done")
        before = self.rbit.descriptors()
        for number in range(2, 32):
            self.submit("build", "p", job=number)
        for number in range(2, 32):
            self.wait_for_status(number, "Done")
        # A job whose verdict is being written has its record still, while the next one runs.
        before += 4
        wait_until(lambda: self.rbit.descriptors() <= before, f"only {before} descriptors")
        self.assertEqual(rbit_suite.processes_of("RBIT_WORK_DIR=" + self.path()), [])
        self.rbit.signal(signal.SIGTERM)
        self.assertEqual(self.rbit.wait(), 0)


if __name__ == "__main__":
    rbit_suite.main()
