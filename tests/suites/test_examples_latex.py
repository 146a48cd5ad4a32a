"""examples/latex: a LaTeX document becomes a PDF, where LaTeX is installed."""

import os
import shutil

import rbit_suite
from rbit_suite import SOURCE_DIR, Suite

QUEUE = "docs_any_latex_pdf"


class Latex(Suite):
    def setUp(self):
        super().setUp()
        example = os.path.join(SOURCE_DIR, "examples", "latex")
        shutil.copytree(example, self.directory, dirs_exist_ok=True)
        text = self.read("rbit.ini")
        self.configure_text(text.replace("sources = /srv/documents",
                                         "sources = " + self.path("sources"))
                            .replace("state-dir = /tmp/rbit-latex-example", "state-dir = state"))

    def need_latex(self):
        # Not among the packages that the tests install: TeX is larger than all of them.
        if not shutil.which("pdflatex"):
            self.skipTest("pdflatex is not installed (Debian: texlive-latex-base)")

    def test_the_file_is_good(self):
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_document_is_made(self):
        self.need_latex()
        self.start()
        self.submit(QUEUE, "article", "1.0", job=36, wait=True)
        self.assertEqual(os.listdir(self.path("output")), ["article-1.0.pdf"])
        with open(self.path("output/article-1.0.pdf"), "rb") as file:
            body = file.read()
        self.assertTrue(body.startswith(b"%PDF-") and b"%%EOF" in body[-10:], body[-40:])

    def test_a_mistake_in_it(self):
        self.need_latex()
        self.write("sources/article.tex", "\\documentclass{article}\\begin{document}\\nonsense\n")
        self.start()
        self.submit(QUEUE, "article", "1.0", job=36, wait=True, expect=1)
        self.assertIn("! Undefined control sequence.",
                      self.command("log", self.config, "36").stdout)
        self.assertEqual(os.listdir(self.path("output")), [])

    def test_a_document_runs_no_command(self):
        self.need_latex()
        self.write("sources/article.tex", "\\documentclass{article}\\begin{document}\n"
                   "\\immediate\\write18{touch %s}x\\end{document}\n" % self.path("canary"))
        self.start()
        self.submit(QUEUE, "article", "1.0", job=36, wait=True)
        self.assertFalse(os.path.exists(self.path("canary")))


if __name__ == "__main__":
    rbit_suite.main()
