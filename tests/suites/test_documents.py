"""The examples of README.rst and of the manual pages are run as they stand there."""

import os
import re
import shutil
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
        """Without a broker, as it says; tests/broker/test_readme.py has one."""
        self.take(blocks_of_readme()[0] + "[amqp]\nurl = local:\n")
        state = self.path("state")  # as a service would be given one
        self.start(environment=self.environment(STATE_DIRECTORY=state))
        os.environ["STATE_DIRECTORY"] = state
        self.addCleanup(os.environ.pop, "STATE_DIRECTORY")
        line = re.search(r"^    rbit (submit orders\.ini .*--wait)$", text_of("README.rst"), re.M)[1]
        done = self.command(*shlex.split(line.replace("orders.ini", self.config)))
        self.assertEqual((done.returncode, done.stdout), (0, "Building\nDone\n"), done.stderr)
        self.assertEqual(self.read("state", "output", "order.txt"), "order 17\n")
        key = done.stderr.split()[1]
        for command in ("log", "explain"):
            self.assertEqual(self.command(command, self.config, key).returncode, 0)
        self.assertIn(key, self.command("jobs", self.config).stdout)
        self.assertEqual(self.command("check", self.config).returncode, 0)

    def test_it_has_six_lines(self):
        self.assertEqual(len(blocks_of_readme()[0].split("\n")), 6 + 1)

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
        first += "[amqp]\nurl = local:\n"
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


class Messages(Documents):
    """rbit-messages(7): each INI file in it takes a message as it says."""

    def setUp(self):
        super().setUp()
        page = plain(text_of("man", "rbit-messages.7"))
        self.files = re.findall(r"\.EX\n(\[rbit\]\n.*?)\.EE", page, re.S)
        self.assertEqual(len(self.files), 4)
        self.write("order.schema.json", text_of("examples", "orders", "order.schema.json"))

    def run_with(self, text, body, *more, queue="orders"):
        self.take(text.replace("[amqp]", "state-dir = state\n[amqp]")
                      .replace("/var/log/", self.directory + "/"))
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.start()
        done = self.command("submit", self.config, "--queue", queue, "--json", body,
                            "--message-id", "first", "--wait", *more)
        log = self.command("log", self.config, "first").stdout
        self.assertEqual(self.rbit.stop(), 0)
        return done, log

    def test_the_first_takes_an_order(self):
        done, log = self.run_with(self.files[0], '{"order": 17}', "--header", "x-shop=corner; id")
        self.assertEqual((done.returncode, done.stdout), (0, "Building\nDone\n"), done.stderr)
        self.assertEqual(log, "order 17 of corner; id\n")

    def test_the_one_with_a_route(self):
        self.write("images.py", "def resize(width):\n    print('to', width)\n")
        for body, line in (('{"task_name": "resize", "task_kwargs": {"width": 80}}', "to 80\n"),
                           ('{"task_name": "Order.new", "task_kwargs": {"id": 7}}',
                            "Order.new of order 7\n"), ('{"any": 1}', '{"any": 1}')):
            done, log = self.run_with(self.files[1], body, queue="work")
            self.assertEqual((done.returncode, log), (0, line), done.stderr)
            shutil.rmtree(self.path("state"))

    def test_the_one_with_a_schema(self):
        done, log = self.run_with(self.files[2], '{"order": 17, "customer": "Ada"}')
        self.assertEqual((done.returncode, log), (0, "order 17\n"), done.stderr)
        wrong = self.write("wrong.json", '{"order": "x", "customer": "Ada"}')
        done = self.command("validate", self.config, "order", wrong)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/order: ", done.stdout)

    def test_the_one_with_a_hook(self):
        done, _ = self.run_with(self.files[3], '{"order": 0}')
        self.assertEqual(done.returncode, 1, done.stdout)
        rbit_suite.wait_until(lambda: os.path.exists(self.path("orders")), "the hook's line")
        self.assertEqual(self.read("orders"), "first: Failed exit 1\n")


if __name__ == "__main__":
    rbit_suite.main()
