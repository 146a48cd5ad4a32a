"""The examples of README.rst and of the manual pages are run as they stand there."""

import os
import re
import shlex

import rbit_suite
from rbit_suite import Suite


def text_of(*path):
    with open(os.path.join(rbit_suite.SOURCE_DIR, *path)) as file:
        return file.read()


def blocks_of_readme():
    """The INI files of README.rst, in their order."""
    found = re.findall(r"\.\. code-block:: ini\n\n((?:    .*\n|\n)+)", text_of("README.rst"))
    return [rbit_suite.unindented(block) + "\n" for block in found]


def plain(page):
    """A manual page's source without what is for troff: escapes, fonts."""
    for escape, sign in (("\\-", "-"), ("\\(aq", "'"), ("\\e", "\\"), ("\\~", " ")):
        page = page.replace(escape, sign)
    return page


class Documents(Suite):
    def take(self, text):
        """rbit.ini, with passwords and certificates where a test may have them."""
        self.configure_text(text.replace("/etc/rbit/", self.directory + "/"))


class Readme(Documents):
    def test_the_first_ini_file_with_the_commands_below_it(self):
        self.take(blocks_of_readme()[0])
        state = self.path("state")  # as a service would be given one
        self.start(environment=self.environment(STATE_DIRECTORY=state))
        os.environ["STATE_DIRECTORY"] = state
        self.addCleanup(os.environ.pop, "STATE_DIRECTORY")
        line = re.search(r"^    rbit (submit hello\.ini .*--wait)$", text_of("README.rst"), re.M)[1]
        done = self.command(*shlex.split(line.replace("hello.ini", self.config)))
        self.assertEqual((done.returncode, done.stdout), (0, "Building\nDone\n"), done.stderr)
        self.assertEqual(self.read("state", "output", "hello.txt"), "hello world 1.0\n")
        key = done.stderr.split()[1]
        for command in ("log", "explain"):
            self.assertEqual(self.command(command, self.config, key).returncode, 0)
        self.assertIn("world", self.command("jobs", self.config).stdout)
        self.assertEqual(self.command("check", self.config).returncode, 0)

    def test_the_lines_for_descriptor_3(self):
        lines = re.search(r"::\n\n((?:    echo '\{.*>&3\n)+)", text_of("README.rst"))[1]
        script = rbit_suite.unindented(lines).replace("\n", "; ")
        self.configure({"build": f"runner = shell!echo made > book.pdf; {script}"})
        self.start()
        done = self.command("submit", self.config, "--queue", "build", "--package", "p",
                            "--version", "1", "--wait")
        self.assertEqual((done.returncode, done.stdout), (0, "Building\nBuilding: half way\nDone\n"))
        self.assertEqual(self.read("state", "output", "book.pdf"), "made\n")

    def test_the_other_ini_files_add_to_the_first(self):
        first, *others = blocks_of_readme()
        self.assertEqual(len(others), 3)
        for name in ("amqp-password", "pybit-password"):
            os.chmod(self.write(name, "secret\n"), 0o600)
        self.write("ca.pem", "")
        for block in others:
            with self.subTest(block):
                section = re.match(r"\[\w+\]\n", block)[0]
                kept = re.sub(re.escape(section) + r"(?:(?!\[).*\n)*", "", first)
                self.take(kept + block)
                done = self.command("config", "rbit.ini")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for line in block.replace("/etc/rbit/", self.directory + "/").splitlines()[1:]:
                    key, _, value = line.partition(" = ")
                    value = value.replace("rbit@", "***@")  # who it is stands in a line of its own
                    self.assertRegex(done.stdout, rf"\n\(rbit.ini:\d+\) {key} = {re.escape(value)}\n")


class CliConsumer(Documents):
    def setUp(self):
        super().setUp()
        self.page = plain(text_of("man", "rbit-cli-consumer.7"))

    def test_its_ini_file(self):
        self.take(re.search(r"\.EX\n(\[rbit\]\n.*?)\.EE", self.page, re.S)[1])
        done = self.command("config", "rbit.ini")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in ("runner = shell!/srv/command.php --flag", "exit-codes = strict",
                     "metadata-fd = 3"):
            self.assertRegex(done.stdout, rf"\n\(rbit.ini:\d+\) {line}\n")

    def test_each_key_of_its_table_is_one(self):
        table = self.page[self.page.index(".SH OPTIONS AND KEYS"):]
        here = [row.partition("|")[2] for row in table[:table.index(".TE")].splitlines()[5:]]
        self.configure({"build": "runner = shell!true"}, amqp="host = localhost")
        shown = self.command("config", self.config).stdout
        keys = set(re.findall(r"^\([^)]*\) ([\w-]+) =", shown, re.M))
        named = set()
        for text in here:
            named |= set(re.findall(r"\[(?:rbit|amqp|log|runner:NAME)\] ([\w-]+)", text))
            named |= set(re.findall(r"^([\w-]+) = ", text))
            named |= {word for word in re.findall(r"\b[a-z]+[-_][a-z-_]+\b", text)}
        self.assertLessEqual({"url", "virtual_host", "exit-codes", "slots", "declare"}, named)
        self.assertEqual(named - keys, set())


if __name__ == "__main__":
    rbit_suite.main()
