"""The page of the monitor (rbit-monitor(7)), in a headless Chromium where it is drawn, else over
HTTP: what it shows, what can be done from it and by whom, and that it costs nothing in peace."""

import http.client
import json
import os
import select
import unittest

import rbit_suite
from page_case import STEPS, TOKEN, PageCase, needs_browser
from rbit_suite import Suite, free_port, wait_until

HOSTILE = "<img src=x onerror=alert(1)>"


class Page(PageCase, Suite):
    def setUp(self):
        super().setUp()
        self.port = free_port()

    def start_shown(self):
        """A few jobs of each kind."""
        self.one = self.gate("one")
        self.addCleanup(lambda: self.one.end and self.one.end.close())
        self.configure({
            "build": "runner = shell!echo built",
            "a-queue-with-a-very-long-name_amd64_experimental-security_deb": "runner = shell!true",
            "bad": f"runner = shell!echo '{HOSTILE} make: *** [all] Error 2'; exit 3",
            "steps": STEPS.format(gate=self.one.path) + "slots = 1\n",
            "later": "runner = shell!exit 75\nretry-delay = 1h"},
            rbit="slots = 4", more=self.with_token())
        self.start()
        for job in range(1, 4):
            self.submit("build", "libfoo", job=job)
        self.submit("bad", "broken", job=11)
        self.submit("later", "waits", job=12)
        for name in ("order-1", "order-2"):
            self.submit("steps", None, "", "--message-id", name, file=self.write(name, "{}"))
        self.one.wait_for_job()
        self.wait_for_status(11, "Failed")
        self.wait_for_status(12, "Blocked")


@needs_browser
class Shown(Page):
    def test_what_goes_on_is_shown_follows_and_is_inert(self):
        self.start_shown()
        page = self.sign_in(lambda page: self.take_pictures(page, "door"))
        page.until_text("#running", "order-1")
        page.until_text("#running", "33% · 3/9 <b>pages</b>")
        page.until_text("#waiting", "order-2")
        page.until_text("#waiting", "exit 75")
        page.until_text("#recent", HOSTILE)
        page.until_text("#charts", "3 done")
        for used in page.do("[...document.querySelectorAll('#recent .used')].map(c => c.innerText)"):
            self.assertRegex(used, r"^\S+ m?s CPU, [\d.]+ [KM]iB$")
        self.assertIn("3 jobs were done, 1 failed",
                      page.do("document.querySelector('#charts svg').getAttribute('aria-label')"))
        page.until_text("#queues", "a-queue-with-a-very-long-name")
        self.assertEqual(page.do("document.querySelectorAll('main script, main img, main b').length"),
                         page.do("document.querySelectorAll('figcaption b').length"))
        self.take_pictures(page, "page")
        # One after the other, without anybody asking.
        self.one.let_through()
        page.until_text("#recent", "order-1")
        self.one.wait_for_job()
        page.until_text("#running", "order-2")
        self.one.let_through()
        page.until_text("#running", "Nothing runs.")
        self.assertEqual(page.do("typeof alerted"), "undefined")
        foreign = [one for one in page.requests
                   if not one.startswith((self.address + "/", "data:", "about:"))]
        self.assertEqual(foreign, [])
        errors = [one for one in page.errors if "401" not in one]  # of the door
        self.assertEqual(errors, [])

    def test_a_job_has_its_story_and_its_output_with_its_colours(self):
        self.start_shown()
        page = self.sign_in()
        page.until_text("#running", "order-1")
        page.do("document.querySelector('#running .link').focus()")
        page.press("Enter")
        page.until("document.getElementById('story').open")
        page.until_text("#s-log", "<script>alert(1)</script>")
        self.assertEqual(page.text("#s-log .a-bold.f2"), "ok")
        self.assertNotIn("title", page.text("#s-log"))
        self.assertEqual(page.do("document.querySelectorAll('#s-log script').length"), 0)
        page.until_text("#s-live", "live")
        page.until_text("#s-events", "attempt 1 begins")
        self.take_pictures(page, "story", whole=False)
        self.one.let_through()
        page.until_text("#s-events", "attempt 1 used")
        page.until_text("#s-title", "Done")
        page.until("document.querySelector('#s-live').hidden")
        page.click("#s-acts button")
        page.until_text("#story #said", "Submitted again: ")  # outside of it nobody would see it
        page.press("Escape")
        page.until("!document.getElementById('story').open")
        self.one.let_through()

    def test_by_keyboard_alone(self):
        self.start_shown()
        page = self.sign_in()
        page.until_text("#running", "order-1")
        page.press("Tab")
        self.assertEqual(page.do("document.activeElement.className"), "skip")
        seen = []
        for _ in range(40):
            page.press("Tab")
            seen.append(page.do("document.activeElement.getAttribute('aria-label') || "
                                "document.activeElement.innerText.trim()"))
            self.assertNotEqual(page.do("getComputedStyle(document.activeElement).outlineStyle"),
                                "none", seen)
            if seen[-1] == "Cancel job order-1":
                break
        self.assertIn("Pause queue build", seen)
        self.assertEqual(seen[-1], "Cancel job order-1")
        page.press("Enter")
        page.until("document.getElementById('ask').open")
        self.assertEqual(page.do("document.activeElement.id"), "a-no")  # nothing by mistake
        page.press("Escape")
        page.until("!document.getElementById('ask').open")
        self.assertEqual(self.statuses("order-1"), ["Building"])
        page.do("document.querySelector('#running .danger').focus()")
        page.press("Enter")
        page.until("document.getElementById('ask').open")
        page.press("Tab", shift=True)
        page.press("Enter")
        self.wait_for_status("order-1", "Cancelled")
        page.until_text("#said", "Told to end: order-1")
        # What was declined before is not done after all.
        self.assertEqual(len(self.rbit.lines_with("from the page: cancel order-1")), 1)
        page.until_text("#recent", "Cancelled")

    def test_pause_retry_replay_and_drop(self):
        self.start_shown()
        page = self.sign_in()
        page.until_text("#queues", "Pause")
        page.click("[aria-label='Pause queue build']")
        page.until_text("#queues", "Resume")
        self.assertIn("paused", self.command("status", self.config).stdout)
        page.click("[aria-label='Resume queue build']")
        page.until("!document.querySelector(\"[aria-label='Resume queue build']\")")
        page.click("[aria-label='Retry job 1']")
        page.until_text("#said", "Submitted again: ")
        wait_until(lambda: self.statuses(1).count("Done") == 2, "job 1 to be done again")
        self.submit("bad", "broken", job=13)
        self.wait_for_status(13, "Failed")
        page.until("!document.querySelector('#show-dead').hidden")
        page.click("#show-dead")
        page.until("document.querySelectorAll('#dead [data-key]').length === 2")
        self.assertIn("exit 3", page.text("#dead"))
        self.take_pictures(page, "dead")
        page.click("#dead .quiet")  # replay the first
        wait_until(lambda: self.statuses(11).count("Failed") == 2, "job 11 to fail again")
        page.until("document.querySelectorAll('#dead [data-key]').length === 1")
        page.click("#dead .danger")
        page.until("document.getElementById('ask').open")
        self.take_pictures(page, "ask", whole=False)
        page.click("#a-yes")
        page.until_text("#dead", "There are none.")
        self.assertNotIn("\n", self.command("dead", "list", self.config).stdout.strip())
        self.one.let_through()

    def test_nothing_yet_looks_like_nothing_yet_and_says_how_to_act(self):
        self.configure({"build": "runner = shell!true"},
                       more=f"[monitor]\nlisten = 127.0.0.1:{self.port}\n")
        self.start()
        page = self.browse()
        page.until_text("#queues", "build")
        page.until_text("#running", "Nothing runs.")
        page.until_text("#recent", "No job has ended yet.")
        page.until_text("#how", "set token-file")
        self.assertEqual(page.do("document.querySelectorAll('button.danger').length"), 1)  # `ask`
        self.take_pictures(page, "empty")


class Refused(Page):
    def setUp(self):
        super().setUp()
        self.configure({"build": "runner = shell!true"}, more=self.with_token())
        self.start()

    def session(self):
        """A cookie, and what its acts have to bring."""
        code, _ = self.post("/login", "token=wrong")
        self.assertEqual(code, 403)
        peer = http.client.HTTPConnection("127.0.0.1", self.port, timeout=rbit_suite.PATIENCE)
        self.addCleanup(peer.close)
        peer.request("POST", "/login", "token=" + TOKEN)
        answer = peer.getresponse()
        answer.read()
        self.assertEqual(answer.status, 303)
        cookie = answer.getheader("Set-Cookie")
        for part in ("HttpOnly", "SameSite=Strict", f"rbit-{self.port}="):
            self.assertIn(part, cookie)
        cookie = cookie.split(";")[0]
        peer.request("GET", "/api/session", headers={"Cookie": cookie})
        return cookie, json.loads(peer.getresponse().read())["form"]

    def test_an_act_needs_the_token_and_the_page_itself(self):
        order = json.dumps({"do": "pause", "queue": "build"})
        own, other = self.address, "http://evil.example"
        cookie, form = self.session()
        refused = [
            (401, {}), (401, {"Cookie": f"rbit-{self.port}=guess", "X_Rbit_Form": form}),
            (401, {"Authorization": "Bearer guess"}),
            (403, {"Cookie": cookie}), (403, {"Cookie": cookie, "Origin": own}),
            (403, {"Cookie": cookie, "X_Rbit_Form": form}),  # it does not say where it is from
            (403, {"Cookie": cookie, "X_Rbit_Form": "guess", "Origin": own}),
            (403, {"Cookie": cookie, "X_Rbit_Form": form, "Origin": other}),
            (403, {"Cookie": cookie, "X_Rbit_Form": form, "Origin": "null"}),
            (403, {"Cookie": cookie, "X_Rbit_Form": form, "Origin": ""}),
            (403, {"Cookie": cookie, "X_Rbit_Form": form, "Origin": own + ".evil.example"}),
            (403, {"Cookie": cookie, "X_Rbit_Form": form, "Origin": own,
                   "Sec_Fetch_Site": "cross-site"}),
            (403, {"Cookie": cookie, "X_Rbit_Form": form, "Origin": own,
                   "Sec_Fetch_Site": "same-site"}),
            (403, {"Authorization": "Bearer " + TOKEN, "Origin": other})]
        for code, headers in refused:
            with self.subTest(headers=headers):
                self.assertEqual(self.post("/api/act", order, **headers)[0], code)
        self.assertNotIn("is paused", self.rbit.log)
        code, _ = self.post("/login", "token=" + TOKEN, Origin=other)
        self.assertEqual(code, 403)
        code, body = self.post("/api/act", order, Cookie=cookie, X_Rbit_Form=form, Origin=own)
        self.assertEqual((code, json.loads(body)), (200, {"ok": True}))
        self.rbit.wait_for("queue build is paused")
        self.assertEqual(self.act(do="resume", queue="build")[0], 200)
        self.assertEqual(self.post("/logout", "", Cookie=cookie, X_Rbit_Form=form, Origin=own)[0],
                         303)
        self.assertEqual(self.post("/api/act", order, Cookie=cookie, X_Rbit_Form=form,
                                   Origin=own)[0], 401)

    def test_orders_that_are_none(self):
        for order, why in (({"do": "explode"}, "nothing that can be done"), ({"do": "cancel"}, "names no job"),
                           ({"do": "cancel", "job": "nobody"}, "is not in the journal"),
                           ({"do": "retry", "job": "nobody"}, "is not in the journal"),
                           ({"do": "pause", "queue": "none"}, "no runner of this configuration"),
                           ({"do": "drop"}, "names no dead letter"),
                           ({"do": "drop", "queue": "build", "id": "x"}, "is not there any more"),
                           ({"do": ["drop"]}, "nothing that can be done")):
            with self.subTest(order=order):
                code, answer = self.act(**order)
                self.assertEqual(code, 409)
                self.assertIn(why, json.dumps(answer["error"]))
        code, _ = self.post("/api/act", "[", Authorization="Bearer " + TOKEN)
        self.assertEqual(code, 409)

    def test_without_the_token_there_is_a_door_and_nothing_behind_it(self):
        for path in ("/plain", "/api/state", "/api/session", "/events", "/api/job/x", "/metrics",
                     "/api/dead", "/api/log/x"):
            self.assertEqual(self.get(path)[0], 401, path)
        code, body = self.get("/")
        self.assertEqual(code, 401)
        self.assertIn('action="/login"', body)
        self.assertNotIn("build", body)


class Quiet(Page):
    def test_in_peace_nothing_is_sent_and_a_change_once(self):
        self.configure({"build": "runner = shell!true"}, more=self.with_token())
        self.start()
        listeners = [self.listener() for _ in range(5)]
        for peer, head in listeners:
            self.assertIn(b"text/event-stream", head)
            self.assertIn('"queues":[', self.events_of(peer, "\n\n"))
        quiet, _, _ = select.select([peer for peer, _ in listeners], [], [], 12)
        self.assertEqual(quiet, [])
        self.submit("build", "p", job=1)
        for peer, _ in listeners:
            heard = self.events_of(peer, '"recent":[{')
            self.assertIn("event: change\n", heard)


if __name__ == "__main__":
    rbit_suite.main()
