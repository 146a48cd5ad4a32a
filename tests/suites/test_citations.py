"""Comments stand on what the repository has: none cites a book, label or file that is not here."""

import ast
import io
import os
import re
import tokenize
import unittest

import rbit_suite

ROOMS = ("rbit", "runners", "tests", "conf", "examples", "man", "cmake")
ALONE = ("CMakeLists.txt", "README.rst")
HERE = os.path.relpath(os.path.abspath(__file__), rbit_suite.SOURCE_DIR)

BOOK = re.compile(r"\b[A-Z]{3,}\.md\b")
LABEL = re.compile(r"(?<![\w/<>%.-])[AIJKLPRSTX]\d{1,2}\b(?![-\w])")
NUMBERED = re.compile(r"\b(?:promise|rules?|duty|duties|defects?|sections?|chapter) \d+", re.I)
PAGE = re.compile(r"\b([\w/]+\.rst)(?:, ([a-z]+(?:-[a-z]+)*)(?=[);]))?")
FILE = re.compile(r"(?<![\w<./*-])(?!linux/|sys/)[a-z]\w*(?:/\w+)*\.(?:h|hpp|cpp|cmake)\b(?!>)")


def comments_of_c(text):
    """Comments, and the names of test cases, which are sentences as well."""
    pieces = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
                        r"(?<!\w)'(?:\\.|[^'\\\n])+'", re.S)
    found, end = [], -1
    for one in pieces.finditer(text):
        words = one[0]
        if words.startswith("/"):
            adjoining = end >= 0 and text[end:one.start()].count("\n") == 1 and \
                not text[end:one.start()].strip()
            words = re.sub(r"(?m)^\s*(?:///?<?|/?\*+/?)", "", words.removesuffix("*/"))
            if adjoining:
                found[-1] += " " + words.strip()
            else:
                found.append(words.strip())
            end = one.end()
        elif re.search(r"TEST_CASE\w*\((?:[\w:]+,)?\s*$", text[:one.start()][-80:]):
            found.append(words.strip('"'))
    return found


def comments_of_python(text):
    """Comments and docstrings."""
    found, last = [], -2
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        words = token.string.lstrip("#").strip()
        if found and last == token.start[0] - 1:
            found[-1] += " " + words
        else:
            found.append(words)
        last = token.start[0]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                found.append(" ".join(node.value.value.split()))
    return found


def comments_of_hashes(text):
    """CMake, shell, INI: lines that begin with a hash or have one after a blank."""
    return [one.strip() for one in re.findall(r"(?m)(?:^|(?<=\s))#+(?=\s)(.*)$", text)]


def comments_in(path, text):
    if path.endswith((".h", ".hpp", ".c", ".cpp")):
        return comments_of_c(text)
    if path.endswith(".py"):
        return comments_of_python(text)
    if path.endswith((".cmake", ".txt", ".sh", ".ini", ".conf", ".service")):
        return comments_of_hashes(text)
    if path.endswith(".rst"):  # all of it; two backticks are its quotes
        return [re.sub(r"``([\w/]+\.rst)``", r"\1", " ".join(one.split()))
                for one in re.split(r"\n\s*\n", text)]
    return []


def labels_in(page):
    return set(re.findall(r"(?m)^\.\. _([a-z-]+):$", page))


def words_defined_in(page):
    """The first words of the rows of its tables: the steps of a job, the invariants."""
    return {word for row in re.findall(r"(?m)^((?:[A-Z]\d*'?)(?:, [A-Z]\d*)?) {2,}\S", page)
            for word in row.split(", ")}


def pages(root):
    """Every RST page of ours, by its path from the top: its labels."""
    found = {"README.rst": set()}
    for room in ROOMS:
        for directory, _, names in os.walk(os.path.join(root, room)):
            for name in names:
                path = os.path.join(directory, name)
                if name.endswith(".rst"):
                    with open(path) as file:
                        found[os.path.relpath(path, root)] = labels_in(file.read())
    return found


def endings_of(paths):
    """All ways to name one of them: c.h, b/c.h, a/b/c.h."""
    return {"/".join(parts[i:]) for parts in (path.split("/") for path in paths)
            for i in range(len(parts))}


def missing_files(text, root):
    """Files that a page of ours names by a path from the top or from rbit/, and that are not there.
    A name with a capital word in it stands for many."""
    named = re.findall(r"``([a-z_]+/[\w/]+\.(?:h|cpp|c|cmake|py|rst|sh|ini|[157]))``", text)
    return [one for one in named if not re.search(r"(?:^|[/_])[A-Z]{2,}[._]", one) and not any(
        os.path.exists(os.path.join(root, top, one)) for top in ("", "rbit"))]


def complaints(path, text, known_pages, known_words, known_files):
    """What is wrong with the comments of one file."""
    found = []
    for comment in comments_in(path, text):
        for book in BOOK.findall(comment):
            found.append(f"{path}: {book} is not in the repository: {comment[:90]}")
        for label in LABEL.findall(comment):
            if label not in known_words:
                found.append(f"{path}: nothing here defines {label}: {comment[:90]}")
        for number in NUMBERED.findall(comment):
            found.append(f"{path}: '{number}' of which page? {comment[:90]}")
        for name in FILE.findall(comment):
            if name not in known_files and not re.search("[A-Z]{2}", name):
                found.append(f"{path}: there is no {name}: {comment[:90]}")
        for page, label in PAGE.findall(comment):
            beside = os.path.join(os.path.dirname(path), page)
            name = page if page in known_pages else beside
            if name not in known_pages:
                found.append(f"{path}: there is no {page}: {comment[:90]}")
            elif label and label not in known_pages[name]:
                found.append(f"{path}: {page} has no label {label}: {comment[:90]}")
    return found


class Citations(unittest.TestCase):
    def test_every_comment(self):
        root = rbit_suite.SOURCE_DIR
        known_pages, known_words, found, count = pages(root), set(), [], 0
        for page in ("rbit/doc/order.rst", "tests/faults/README.rst"):
            with open(os.path.join(root, page)) as file:
                known_words |= words_defined_in(file.read())
        self.assertLessEqual({"J1", "A1", "J3", "I1", "I10"}, known_words)
        paths = list(ALONE)
        for room in ROOMS:
            for directory, _, names in os.walk(os.path.join(root, room)):
                paths += [os.path.relpath(os.path.join(directory, name), root) for name in names]
        known_files = endings_of(paths)
        for path in sorted(paths):
            if path == HERE or "/recorded/" in path or "/corpus/" in path:
                continue
            try:
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    text = file.read()
            except (UnicodeDecodeError, FileNotFoundError):
                continue
            count += len(comments_in(path, text))
            found += complaints(path, text, known_pages, known_words, known_files)
        self.assertEqual(found, [], "\n" + "\n".join(found))
        self.assertGreater(count, 3000)  # else it looks where nothing is


    def test_every_file_that_our_pages_name(self):
        root = rbit_suite.SOURCE_DIR
        for page in pages(root):
            if page.startswith("rbit/") or page == "README.rst":
                with open(os.path.join(root, page)) as file:
                    self.assertEqual(missing_files(file.read(), root), [], page)


class WrongOnes(unittest.TestCase):
    """That it can fail: on comments which are wrong, and on none that are right."""

    PAGES = {"rbit/doc/traps.rst": {"sqlite-sync"}, "README.rst": set()}

    def look(self, text, path="rbit/base/x.h"):
        return complaints(path, text, self.PAGES, {"J1"}, endings_of(["rbit/base/fd.h"]))

    def test_books_labels_and_numbers(self):
        for wrong in ("// as DESIGN.md has it", "int a;  // (S2)", "/* of RELIABILITY.md */",
                      "// for promise 2", "/// Ends it\n/// (K6).", "// section\n// 4 says so",
                      "int a = 1'000;  // it's (S2)",
                      'TEST_CASE("not again (R3)") {}', 'TEST_CASE_FIXTURE(F, "K1") {}'):
            self.assertEqual(len(self.look(wrong)), 1, wrong)
        for right in ('auto a = "INTEROP.md (S2)";', "// J1 is written", "// C++20 has A12B",
                      "// it's // \"S\"", 'call(R"(// S2)");', "int K6 = 1;  // a fine name"):
            self.assertEqual(self.look(right), [], right)

    def test_pages_and_their_labels(self):
        for wrong in ("// (rbit/doc/traps.rst, sqlite-sink)", "// see rbit/doc/trips.rst.",
                      "/// Syncs (rbit/doc/traps.rst,\n///   sqlite-sink).", "// doc/traps.rst"):
            self.assertEqual(len(self.look(wrong)), 1, wrong)
        for right in ("// (rbit/doc/traps.rst, sqlite-sync)", "/// x (rbit/doc/traps.rst,\n"
                      "/// sqlite-sync).", "// rbit/doc/traps.rst, and more", "// README.rst"):
            self.assertEqual(self.look(right), [], right)
        self.assertEqual(self.look("So (``traps.rst``,\nsqlite-sync).\n", "rbit/doc/x.rst"), [])
        self.assertEqual(len(self.look("So (``traps.rst``, no-sync).\n", "rbit/doc/x.rst")), 1)

    def test_files(self):
        for wrong in ("// as fdd.h", "/// see base/df.h: it", "// rbit/bas/fd.h"):
            self.assertEqual(len(self.look(wrong)), 1, wrong)
        for right in ("// fd.h", "/// (base/fd.h).", "// <sysexits.h>", "// report/NAME_sink.h"):
            self.assertEqual(self.look(right), [], right)
        text = "``base/fd.h``, ``rbit/base/fd.h``, ``report/NAME_sink.h``, ``base/fdd.h``"
        self.assertEqual(missing_files(text, rbit_suite.SOURCE_DIR), ["base/fdd.h"])

    def test_other_languages(self):
        self.assertEqual(len(self.look('"""By STYLE.md."""\nA = "S2"  # (S2)\n', "tests/x.py")), 2)
        self.assertEqual(len(self.look("set(A S2) # (S2)\n", "x.cmake")), 1)


if __name__ == "__main__":
    rbit_suite.main()
