"""The page of the monitor in a headless Chromium, with jobs that mean no good, a connection that
comes and goes, and more of everything than anybody looks at."""

import json

import rbit_suite
from local_queue import LocalQueue
from page_case import PageCase, needs_browser
from rbit_suite import Suite, free_port

BIDI = "\u202e"


def spelt(text):
    return json.dumps(text)


class Page(PageCase, Suite):
    def setUp(self):
        super().setUp()
        self.port = free_port()

    def written(self, page, *pieces):
        """What `outputWriter` makes of output that comes in these pieces."""
        return page.do("(() => { const log = document.createElement('pre'), write = outputWriter(log);"
                       f"for (const one of {json.dumps(pieces)}) write(one);"
                       "return log.textContent; })()")

    def open_job(self, page, name):
        page.do("[...document.querySelectorAll('main button.link')]"
                f".find(one => one.innerText === {spelt(name)}).click()")
        page.until("document.getElementById('story').open")


@needs_browser
class Hostile(LocalQueue, Page):
    def test_output_is_written_as_a_terminal_would_and_in_no_time(self):
        self.configure({"build": "runner = shell!true"}, more=self.with_token())
        self.start()
        page = self.sign_in()
        for pieces, wanted in (
                (["10%\r20%", "\r30%", "\r", "\n", "next"], "30%\nnext"),
                (["a\r\nb\r\r\nc"], "a\nb\nc"),
                (["one\ntwo\rTWO\nthree"], "one\nTWO\nthree"),
                (["\x1b[1mbold\x1b[0m tail\r\x1b[2Knew"], "new"),
                (["a\x1b]0;tit", "le\x07b\x1b", "[31mc"], "abc"),
                (["a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\"], "alink"),
                ([f"a{BIDI}b\u2066c\x00\x08d"], "abcd"),
                (["\t<b>&amp;"], "\t<b>&amp;")):
            self.assertEqual(self.written(page, *pieces), wanted, pieces)
        most = 1 << 19
        for name, piece in (("a line", "x"), ("returns", "\r"), ("words and returns", "ab\r"),
                            ("escapes", "\x1b[31mx"), ("open escapes", "\x1b["), ("titles", "\x1b]"),
                            ("lines", "\n")):
            took, kept, nodes = page.do(
                "(() => { const log = document.createElement('pre'), write = outputWriter(log);"
                f"const piece = {spelt(piece)}.repeat(65536).slice(0, 65536), begun = performance.now();"
                "for (let i = 0; i < 20; ++i) write(piece);"
                "return [performance.now() - begun, log.textContent.length, log.childNodes.length]; })()")
            with self.subTest(of=name):
                self.assertLess(took, 20_000)  # ms; quadratic it takes minutes
                self.assertLessEqual(kept, most)
                self.assertLessEqual(nodes, 20_000)

    def test_names_and_texts_cannot_turn_ours_round(self):
        self.configure({"build": f"runner = shell!echo 'of{BIDI}fo'; exit 3"}, more=self.with_token())
        self.start()
        self.submit("build", "libfoo", job=1)
        self.wait_for_status(1, "Failed")
        self.rbit.stop()
        with self.database() as database:  # on a broker anybody may have put it there
            database.execute("UPDATE dead SET properties = replace(properties, 'exit 3', ?)",
                             (f"exit{BIDI}3",))
        self.start()
        page = self.sign_in()
        page.until_text("#recent", "Failed")
        page.click("#show-dead")
        page.until_text("#dead", "exit\\u202e3")
        seen = page.do("document.body.innerText + [...document.querySelectorAll('[aria-label], [title]')]"
                       ".map(one => one.ariaLabel + one.title)")
        self.assertNotIn(BIDI, seen)
        page.click("#dead .danger")
        page.until("document.getElementById('ask').open")
        page.click("#a-yes")
        page.until_text("#dead", "There are none.")

    def test_a_job_that_writes_without_end_is_looked_at(self):
        gate = self.gate("gate")
        self.configure({"build": "message = json\nrunner = shell!"
                                 "seq 1 1000000; head -c 2000000 /dev/zero | tr '\\000' x; "
                                 f"read -r _ < {gate.path}; echo; echo the end\n"},
                       more=self.with_token())
        self.start()
        self.submit("build", None, "", "--message-id", "endless", file=self.write("body", "{}"))
        gate.wait_for_job()
        page = self.sign_in()
        page.until_text("#running", "xxxx")
        self.open_job(page, "endless")
        page.until_text("#s-log", "xxxx")
        page.until("!document.querySelector('#s-cut').hidden")
        gate.let_through()
        page.until_text("#s-log", "the end")
        page.until_text("#s-title", "Done")


@needs_browser
class Steady(Page):
    def test_output_goes_on_after_the_connection_and_with_the_next_attempt(self):
        gate = self.gate("gate")
        self.configure({"build": "message = json\nretry-delay = 1ms\nrunner = shell!"
                                 f"echo attempt $RBIT_ATTEMPT begins and is the longer one the higher "
                                 f"its number; read -r _ < {gate.path}; echo goes on; "
                                 "[ $RBIT_ATTEMPT = 2 ] || exit 75\n"}, more=self.with_token())
        self.start()
        self.submit("build", None, "", "--message-id", "twice", file=self.write("body", "{}"))
        gate.wait_for_job()
        page = self.sign_in()
        page.until_text("#running", "twice")
        self.open_job(page, "twice")
        page.until_text("#s-log", "attempt 1 begins")
        # The page's own question finds nobody, as on a phone that was asleep.
        page.do("window.ask = window.fetch; window.lost = 0;"
                "window.fetch = () => { ++lost; return Promise.reject(new TypeError('away')); }")
        page.until("lost > 0")
        page.do("window.fetch = window.ask")
        gate.let_through()
        gate.wait_for_job()
        page.until_text("#s-log", "attempt 2 begins")
        self.assertNotIn("attempt 1", page.text("#s-log"))
        gate.let_through()
        page.until_text("#s-log", "goes on")
        page.until_text("#s-title", "Done")
        page.until("document.querySelector('#s-live').hidden")

    def test_the_focus_stays_where_it_was(self):
        gate = self.gate("gate")
        self.configure({"build": "message = json\nrunner = shell!"
                                 f"echo first; read -r _ < {gate.path}; echo second; "
                                 f"read -r _ < {gate.path}\n"}, more=self.with_token())
        self.start()
        self.submit("build", None, "", "--message-id", "job", file=self.write("body", "{}"))
        page = self.sign_in()
        page.until_text("#running", "first")
        page.do("window.clock = Date.now; Date.now = () => clock() - 60000")
        page.until_text("#running .card-head", "<1 ms")  # never less than nothing
        page.do("Date.now = clock")
        page.do("document.querySelector('#running .link').focus()")
        page.press("Enter")
        page.until("document.getElementById('story').open")
        gate.wait_for_job()
        gate.let_through()
        page.until_text("#running", "second")  # its card is another one now
        page.press("Escape")
        page.until("document.activeElement.dataset.what === 'story'")
        page.do("document.querySelector('#running .danger').focus()")
        page.press("Enter")
        page.until("document.getElementById('ask').open")
        page.press("Tab", shift=True)
        page.press("Enter")
        page.until_text("#running", "Nothing runs.")
        page.until("document.activeElement.id === 'main'")


@needs_browser
class Large(LocalQueue, Page):
    def test_many_queues_and_jobs_are_shown_in_bounds(self):
        gate = self.gate("gate")
        names = [f"queue-{n:03}" for n in range(200)]
        self.configure({name: f"message = json\nrunner = shell!read -r _ < {gate.path}"
                        for name in names}, rbit="slots = 30", more=self.with_token())
        self.start()
        self.rbit.stop()
        self.put(names[0], [f'{{"n": {n}, "pad": "{"x" * 900}"}}' for n in range(2000)])
        self.start()
        page = self.sign_in()
        page.until("document.querySelectorAll('#queues [data-key]').length === 200")
        page.until("document.querySelectorAll('#running [data-key]').length === 30")
        page.until_text("#n-waiting", "the first ones")
        self.take_pictures(page, "many", whole=False)
        # What is below can be reached without going past all of it.
        self.assertLess(page.do("document.querySelector('#h-running').getBoundingClientRect().top"
                                " + scrollY"), 1200)
        state = page.do("fetch('/api/state').then(answer => answer.json())")
        self.assertEqual(len(state["waiting"]), 50)
        begun = [job["attempt_begun"] for job in state["running"]]
        self.assertEqual(begun, sorted(begun))


if __name__ == "__main__":
    rbit_suite.main()
