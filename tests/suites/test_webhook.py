"""Statuses to a webhook: in order, signed, over its absences and ours, and to nobody else."""

import json
import os
import threading

import rbit_suite
from pybit_messages import build_request
from rbit_suite import Suite, wait_until
from webhook_listener import Listener, answer

TOKEN = "/services/T0123456789abcdef"
SECRET = "a shared secret"


class WebhookSuite(Suite):
    def setUp(self):
        super().setUp()
        self.listener = Listener(TOKEN)
        self.addCleanup(self.listener.go_down)

    def report_to_it(self, runners, more="", rbit="", begin="report = webhook"):
        self.write("secret", SECRET + "\n")
        os.chmod(self.path("secret"), 0o600)
        self.configure(runners, rbit, more=f"[status]\n{begin}\nwebhook-url = {self.listener.url}\n"
                                           f"webhook-secret-file = secret\n{more}")

    def wait_for_posts(self, job, *statuses):
        wait_until(lambda: len(self.listener.statuses(job)) >= len(statuses),
                   f"{statuses} of job {job}, it has {self.listener.statuses(job)}")
        self.assertEqual(self.listener.statuses(job), list(statuses))

    def run_one(self, line, job=36, more=""):
        """What the listener took of one job."""
        self.report_to_it({"build": f"runner = shell!{line}"}, more)
        self.start()
        self.submit("build", "col10642", job=job)


class Posts(WebhookSuite):
    def test_each_status_is_one_signed_post(self):
        self.run_one("echo said; exit 3")
        self.wait_for_posts(36, "Building", "Failed")
        for post, event in zip(self.listener.posts, ("building", "failed")):
            self.assertEqual(post.line, f"POST {TOKEN} HTTP/1.1")
            self.assertTrue(post.is_signed_with(SECRET))
            self.assertEqual(post.headers["x-rbit-event"], event)
            self.assertEqual(post.headers["content-type"], "application/json")
            self.assertTrue(post.headers["user-agent"].startswith("rbit/"))
            self.assertNotIn("authorization", post.headers)
        begun, ended = (post.json for post in self.listener.posts)
        self.assertEqual(list(ended), ["job", "key", "queue", "runner", "attempt", "seq", "status",
                                       "reason", "message", "result", "artifacts", "times",
                                       "resources"])
        self.assertEqual(begun["job"], 36)
        self.assertEqual(begun["resources"], None)
        self.assertLess(begun["seq"], ended["seq"])
        self.assertEqual((ended["queue"], ended["runner"], ended["attempt"]),
                         ("build", "build", 1))
        self.assertEqual((ended["reason"], ended["message"]), ("exit 3", "said"))
        self.assertEqual(ended["resources"]["exit"], "exit 3")
        self.assertGreater(ended["resources"]["wall_us"], 0)
        self.assertEqual(begun["times"]["begun"], ended["times"]["begun"])
        self.assertLessEqual(ended["times"]["begun"], ended["times"]["ended"])
        delivery = self.listener.posts[1].delivery
        self.assertEqual(delivery, f"{ended['key']}:1:{ended['seq']}")

    def test_artifacts_are_named(self):
        self.run_one('echo x > "$RBIT_OUTPUT_DIR/a.deb"; '
                     'echo \'{"artifact": "b.deb", "kind": "deb"}\' >&3; echo y > b.deb')
        self.wait_for_posts(36, "Building", "Done")
        [artifact] = self.listener.taken[-1].json["artifacts"]
        self.assertEqual(artifact["kind"], "deb")
        self.assertTrue(os.path.exists(artifact["path"]))

    def test_the_body_of_the_message_only_if_it_shall(self):
        self.run_one("true")
        self.wait_for_posts(36, "Building", "Done")
        self.assertFalse(any("body" in post.json for post in self.listener.posts))
        self.assertEqual(self.rbit.stop(), 0)
        self.report_to_it({"build": "runner = shell!true"}, "webhook-body = yes")
        self.start()
        body = build_request(job=37)
        self.submit("build", file=self.write("message", body))
        self.wait_for_posts(37, "Building", "Done")
        wanted = body if isinstance(body, str) else body.decode()
        for post in self.listener.posts:
            if post.json["job"] == 37:
                self.assertEqual(json.loads(post.json["body"]), json.loads(wanted))

    def test_a_secret_is_in_no_post_and_the_token_in_no_text(self):
        self.write("more.ini", "")
        self.report_to_it({"build": "runner = shell!echo hush-hush; echo at "
                                    f"{TOKEN}; exit 1"}, "[log]\nredact = hush-hush\nlevel = DEBUG")
        self.listener.answers = [500, 404]
        self.start()
        self.submit("build", "col10642", job=36)
        wait_until(lambda: "Failed" in self.listener.statuses(36), "the verdict")
        self.assertIn("***", self.listener.taken[-1].json["message"])
        self.assertFalse(any(b"hush-hush" in post.body for post in self.listener.posts))
        self.rbit.wait_for("answered 404")
        for text in (self.rbit.log, self.command("config", self.config).stdout,
                     self.command("check", self.config, "--live").stdout,
                     self.command("explain", self.config, "36").stdout):
            self.assertNotIn("T0123456789abcdef", text)
            self.assertNotIn(SECRET, text)


class Absent(WebhookSuite):
    def test_all_statuses_arrive_in_order(self):
        self.report_to_it({"build": "runner = shell!exit $((RBIT_JOB_ID % 2))"}, rbit="slots = 4")
        self.listener.go_down()
        self.start()
        for number in range(1, 21):
            self.submit("build", "p", job=number)
        for number in range(1, 21):
            self.wait_for_status(number, "Failed" if number % 2 else "Done")
        self.listener.come_up()
        for number in range(1, 21):
            self.wait_for_posts(number, "Building", "Failed" if number % 2 else "Done")

    def test_what_is_told_again_after_a_kill_has_its_id(self):
        """It took the report, and rbit died before it heard so: it comes once more, the same."""
        came, hold = threading.Event(), threading.Event()
        self.addCleanup(hold.set)

        def hang(post, one):
            came.set()
            hold.wait()

        self.report_to_it({"build": "runner = shell!true"})
        self.listener.answers = [204, hang]
        self.start()
        self.submit("build", "p", job=36)
        wait_until(came.is_set, "the verdict's first telling")
        self.wait_until_on_record(36)
        self.rbit.kill()
        self.start()
        self.wait_for_posts(36, "Building", "Done")
        first, again = [post for post in self.listener.posts if post.json["status"] == "Done"]
        self.assertEqual(first.delivery, again.delivery)
        self.assertEqual(first.json, again.json)
        self.assertEqual(first.headers["x-rbit-signature"], again.headers["x-rbit-signature"])

    def test_over_a_stop_with_its_absence(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.listener.go_down()
        self.start()
        self.submit("build", "p", job=36)
        self.wait_for_status(36, "Done")
        self.assertEqual(self.rbit.stop(), 0)
        self.listener.come_up()
        self.start()
        self.wait_for_posts(36, "Building", "Done")


class Wrong(WebhookSuite):
    def told_after(self, *answers, posts):
        """Two jobs one after another are told, though it behaves so before."""
        self.report_to_it({"build": "runner = shell!true"})
        self.listener.answers = list(answers)
        self.start()
        self.submit("build", "p", job=36)
        self.wait_for_posts(36, "Building", "Done")
        self.submit("build", "p", job=37)
        self.wait_for_posts(37, "Building", "Done")
        self.assertGreaterEqual(len(self.listener.posts), posts)
        deliveries = [post.delivery for post in self.listener.posts]
        self.assertEqual(len(set(deliveries)), 4)
        self.assertEqual(deliveries[0], deliveries[len(answers)])  # the first, until it was taken

    def test_500_and_then_well(self):
        self.told_after(500, 503, posts=6)

    def test_what_is_no_http(self):
        self.told_after(b"\x00\xff\r\nno HTTP\r\n\r\n", posts=5)

    def test_a_close_without_an_answer(self):
        self.told_after(b"", posts=5)

    def test_a_close_before_its_status(self):
        self.told_after(b"HTTP/1.1 2", posts=5)

    def test_an_answer_without_end_is_an_answer(self):
        def flood(post, one):
            one.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    one.sendall(b"x" * 65536)
            except OSError:
                return None

        self.report_to_it({"build": "runner = shell!true"})
        self.listener.usual = flood
        self.start()
        self.submit("build", "p", job=36)
        wait_until(lambda: len(self.listener.posts) == 2, "two posts")
        self.submit("build", "p", job=37)
        wait_until(lambda: len(self.listener.posts) == 4, "four posts")
        self.assertEqual(len({post.delivery for post in self.listener.posts}), 4)
        self.assertEqual(self.rbit.stop(), 0)
        self.assertLess(self.rbit.process.returncode, 1)

    def test_404_is_given_up_with_a_line(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.listener.answers = [404, 422]
        self.start()
        self.submit("build", "p", job=36)
        self.rbit.wait_for("answered 422")
        self.submit("build", "p", job=37)
        self.wait_for_posts(37, "Building", "Done")
        self.assertEqual(self.listener.statuses(36), [])
        [line] = self.rbit.lines_with("answered 404")
        self.assertIn(f"http://127.0.0.1:{self.listener.port} answered 404", line)

    def test_401_keeps_what_waits_and_says_so_once(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.listener.usual = 401
        self.start()
        for number in (1, 2, 3):
            self.submit("build", "p", job=number)
        for number in (1, 2, 3):
            self.wait_for_status(number, "Done")
        self.rbit.wait_for("are refused and wait")
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(len(self.rbit.lines_with("are refused and wait")), 1)
        self.listener.usual = 204
        self.start()
        for number in (1, 2, 3):
            self.wait_for_posts(number, "Building", "Done")

    def test_410_ends_it_until_the_next_start(self):
        self.report_to_it({"build": "runner = shell!true"})
        self.listener.usual = 410
        self.start()
        self.submit("build", "p", job=36)
        self.wait_for_status(36, "Done")
        self.submit("build", "p", job=37)
        self.wait_for_status(37, "Done")
        [line] = self.rbit.wait_for("it is gone")
        self.assertIn("WARN", line)
        self.assertEqual(self.rbit.stop(), 0)
        self.assertEqual(len(self.rbit.lines_with("it is gone")), 1)
        self.assertEqual(self.rbit.lines_with("of job 36 is dropped"), [])
        self.assertEqual(self.rbit.lines_with("reports wait on disk"), [])
        self.assertEqual(len(self.listener.posts), 1)
        self.listener.usual = 204
        self.start()
        self.submit("build", "p", job=38)
        self.wait_for_posts(38, "Building", "Done")
        self.assertEqual(self.listener.statuses(37), [])

    def test_a_redirect_is_not_followed(self):
        other = Listener("/other")
        self.addCleanup(other.go_down)
        for status in (301, 302, 303, 307, 308):
            for url in (other.url, self.listener.url.replace(TOKEN, "/elsewhere")):
                self.listener.answers.append(answer(status, f"Location: {url}\r\n"))
        self.report_to_it({"build": "runner = shell!true"})
        self.start()
        for number in range(1, 6):
            self.submit("build", "p", job=number)
        self.rbit.wait_for("which is not followed", times=10)
        self.submit("build", "p", job=36)
        self.wait_for_posts(36, "Building", "Done")
        self.assertEqual(other.posts, [])
        self.assertEqual({post.line for post in self.listener.posts}, {f"POST {TOKEN} HTTP/1.1"})

    def test_one_that_is_slow_holds_no_job_up(self):
        hold = threading.Event()
        self.addCleanup(hold.set)

        def slow(post, one):
            hold.wait()
            return 204

        self.report_to_it({"build": "runner = shell!true"})
        self.listener.usual = slow
        self.start()
        for number in range(1, 11):
            self.submit("build", "p", job=number)
        for number in range(1, 11):
            self.wait_for_status(number, "Done")
        self.listener.usual = 204
        hold.set()
        for number in range(1, 11):
            self.wait_for_posts(number, "Building", "Done")


class Check(WebhookSuite):
    def checked(self):
        return self.command("check", self.config, "--live")

    def test_it_is_connected_to_and_asked_nothing(self):
        self.report_to_it({"build": "runner = shell!true"})
        done = self.checked()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"ok   [status] webhook http://127.0.0.1:{self.listener.port} can be "
                      "reached", done.stdout)
        self.listener.go_down()
        done = self.checked()
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"FAIL [status] webhook http://127.0.0.1:{self.listener.port}: ", done.stdout)
        self.assertEqual(self.listener.posts, [])

    def test_plain_http_to_another_machine_is_a_doubt(self):
        self.report_to_it({"build": "runner = shell!true"})
        text = self.read("rbit.ini").replace("127.0.0.1", "hooks.example")
        self.configure_text(text)
        done = self.command("check", self.config)
        self.assertIn("is plain http to another machine", done.stdout)


if __name__ == "__main__":
    rbit_suite.main()
