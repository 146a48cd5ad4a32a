#include "rbit/config/ini.h"

#include <doctest/doctest.h>

#include "rbit/config/key_table.h"

using namespace rbit;
using namespace rbit::config;

namespace {

struct Parsed {
  Ini ini;
  std::vector<Finding> findings;

  explicit Parsed(std::string_view text) {
    const auto known = [](std::string_view section, std::string_view key) {
      return key.empty() ? section == "amqp" : find_key(table_section(section), key) != nullptr;
    };
    ini = parse_ini(text, "rbit.ini", known, findings);
  }
  std::string value(std::string_view section, std::string_view key) const {
    const auto* found = find_child(ini, section);
    const auto* value = found ? find_value(*found, key) : nullptr;
    return value ? value->text : "(none)";
  }
  const IniValue& entry(std::string_view section, std::string_view key) const {
    return *find_value(*find_child(ini, section), key);
  }
  std::string said() const {
    std::string out;
    for (const auto& finding : findings) out += finding.line() + "\n";
    return out;
  }
};

std::string value_of(const std::string& line) {
  return Parsed("[s]\n" + line + "\n").value("s", "k");
}

std::vector<int> lines_of(const IniValue& entry) {
  std::vector<int> lines;
  for (const auto& place : entry.lines) lines.push_back(place.line);
  return lines;
}

}  // namespace

TEST_CASE("blank lines, # and ; in column 0 and a lone rem are skipped and end no value") {
  const Parsed file("[s]\nk = a\n\n   \n# c\n; c\nrem c\nREM\nRem = 3\n  b\n");
  CHECK(file.value("s", "k") == "a\nb");
  CHECK(file.value("s", "rem") == "(none)");
  CHECK(file.findings.empty());
}

TEST_CASE("rem=3 is a key, and so is what only begins with rem") {
  const Parsed file("[s]\nrem=3\nremark = 4\n");
  CHECK(file.value("s", "rem") == "3");
  CHECK(file.value("s", "remark") == "4");
}

TEST_CASE("an indented line continues the value whatever it looks like") {
  const Parsed file("[s]\nk = a\n  b = 2\n\t# c\n  [x]\n   d   \n");
  CHECK(file.value("s", "k") == "a\nb = 2\n# c\n[x]\nd");
  CHECK(file.ini.size() == 1);
  CHECK(lines_of(file.entry("s", "k")) == std::vector<int>{2, 3, 4, 5, 6});
  CHECK(file.entry("s", "k").place.line == 2);
}

TEST_CASE("a value that begins on the next line begins with a line end") {
  CHECK(value_of("k =\n  a\n  b") == "\na\nb");
}

TEST_CASE("a section's name runs to the first ], blanks and case kept") {
  const Parsed file("[ A b]\nk=1\n[runner:x]]\nk=2\n");
  CHECK(file.value(" A b", "k") == "1");
  CHECK(file.value("runner:x", "k") == "2");
  CHECK(file.said() == "rbit.ini:3: warning: [runner:x] the text after ']' is ignored: ']'\n");
}

TEST_CASE("a repeated section is merged") {
  const Parsed file("[s]\na=1\n[t]\n[s]\nb=2\n");
  CHECK(file.value("s", "a") == "1");
  CHECK(file.value("s", "b") == "2");
  CHECK(file.said() ==
        "rbit.ini:4: warning: [s] begins again; its keys are added to those from line 1\n");
}

TEST_CASE("text before the first section is one error") {
  const Parsed file("a = 1\n  b\nc = 2\n[s]\nk = 1\n");
  CHECK(file.said() == "rbit.ini:1: text before the first [section]\n");
  CHECK(file.value("s", "k") == "1");
}

TEST_CASE("= or : splits, whichever comes first; keys are lower-cased") {
  CHECK(value_of("k: a = b") == "a = b");
  CHECK(value_of("K = a:b") == "a:b");
  CHECK(value_of("k=a") == "a");
  const Parsed file("[s]\nOER.exports-Dir = /x\nTwo Words : 3\n");
  CHECK(file.value("s", "oer.exports-dir") == "/x");
  CHECK(file.value("s", "two words") == "3");
  CHECK(file.entry("s", "two words").spelled == "Two Words");
}

TEST_CASE("anything else is an error, all of them told") {
  const Parsed file("[s]\n  # no key is open here\njunk line\n= 3\n[]\nk = 1\nmore\n  kept\n");
  CHECK(file.said() ==
        "rbit.ini:2: not a [section], not 'key = value', not a continuation: '# no key is open "
        "here'\n"
        "rbit.ini:3: not a [section], not 'key = value', not a continuation: 'junk line'\n"
        "rbit.ini:4: not a [section], not 'key = value', not a continuation: '= 3'\n"
        "rbit.ini:5: not a [section], not 'key = value', not a continuation: '[]'\n"
        "rbit.ini:7: not a [section], not 'key = value', not a continuation: 'more'\n");
  CHECK(file.value("s", "k") == "1\nkept");
}

TEST_CASE("a later duplicate replaces the earlier one with its continuation") {
  const Parsed file("[amqp]\nhost = a\n  b\nhost = c\n");
  CHECK(file.value("amqp", "host") == "c");
  CHECK(file.said() ==
        "rbit.ini:4: warning: [amqp] 'host' is given again; the last one counts (first at line "
        "2)\n");
}

TEST_CASE("inline comments: only ; after a blank, only if it is the first ;, only on line one") {
  CHECK(value_of("k = a ;b") == "a");
  CHECK(value_of("k = a\t; b") == "a");
  CHECK(value_of("k = a;b ;c") == "a;b ;c");
  CHECK(value_of("k = ;a") == ";a");
  CHECK(value_of("k = a #b") == "a #b");
  CHECK(value_of("k = a\n  b ; c") == "a\nb ; c");
}

TEST_CASE("a shell line has no inline comments") {
  CHECK(value_of("k = shell!a ; b") == "shell!a ; b");
  CHECK(value_of("k = shell ! a ; b") == "shell ! a ; b");
  CHECK(value_of("k = python!a:b ; c") == "python!a:b");
}

TEST_CASE("\"\" alone is empty, other quotes stay, nothing is interpolated") {
  CHECK(value_of("k = \"\"") == "");
  CHECK(value_of("k = \"a\"") == "\"a\"");
  CHECK(value_of("k = %(x)s %% %41") == "%(x)s %% %41");
  CHECK(value_of("k =") == "");
}

TEST_CASE("CRLF, a BOM, a last line without end, bytes above 0x7F") {
  const Parsed file("\xEF\xBB\xBF[s]\r\nk = a\r\n  b\r\n\r\nl = caf\xE9 \xC3\xA9");
  CHECK(file.value("s", "k") == "a\nb");
  CHECK(file.value("s", "l") == "caf\xE9 \xC3\xA9");
  CHECK(file.findings.empty());
}

TEST_CASE("[DEFAULT] gives its keys to every section, whose own win; [default] does not") {
  const Parsed file("[s]\na = own\n[DEFAULT]\na = 1\nb = 2\n[default]\nc = 3\n[t]\n");
  CHECK(file.value("s", "a") == "own");
  CHECK(file.value("s", "b") == "2");
  CHECK(file.value("t", "a") == "1");
  CHECK(file.value("t", "c") == "(none)");
  CHECK(file.value("DEFAULT", "a") == "(none)");
  CHECK(file.entry("t", "a").inherited);
  CHECK(file.entry("t", "a").place.line == 4);
}

TEST_CASE("in queue-mappings an indented # or ; line is a comment") {
  const Parsed file("[rbit]\nqueue-mappings =\n  a:b\n  # no\n  ; no\n  c:d\n");
  CHECK(file.value("rbit", "queue-mappings") == "\na:b\nc:d");
  CHECK(lines_of(file.entry("rbit", "queue-mappings")) == std::vector<int>{2, 3, 6});
}

TEST_CASE("an indented line that looks like a section or a known key is a warning") {
  const Parsed file("[rbit]\nsuites = a\n  [amqp]\n  name = x\n  other = y\n");
  CHECK(file.said() ==
        "rbit.ini:3: warning: indented, so it continues 'suites' (line 2); '[amqp]' begins no "
        "section here\n"
        "rbit.ini:4: warning: indented, so it continues 'suites' (line 2); 'name' is no key "
        "here\n");
}

TEST_CASE("what is shell in a shell line is no warning") {
  const Parsed file(
      "[runner:x]\nrunner = shell!true\n  [ -f a ]\n  user=x\n  [amqp]\n  timeout = 3\n");
  CHECK(file.said() ==
        "rbit.ini:5: warning: indented, so it continues 'runner' (line 2); '[amqp]' begins no "
        "section here\n"
        "rbit.ini:6: warning: indented, so it continues 'runner' (line 2); 'timeout' is no key "
        "here\n");
}

TEST_CASE("a NUL byte is an error of its line") {
  const Parsed file(std::string_view("[s]\nk = a\0b\nl = 1\n", 17));
  CHECK(file.said() == "rbit.ini:2: holds a NUL byte, which no key and no value can\n");
  CHECK(file.value("s", "l") == "1");
}

TEST_CASE("a runner's block loses the indentation all its lines have, and nothing else") {
  const auto block = [](const std::string& text) {
    return Parsed("[runner:r]\n" + text).entry("runner:r", "runner").block();
  };
  CHECK(block("runner = shell!\n    python3 - <<'E'\n    def f():\n        return 1\n\n"
              "    # a comment\n      ; too\n    E\n") ==
        "shell!\npython3 - <<'E'\ndef f():\n    return 1\n\n# a comment\n  ; too\nE");
  CHECK(block("runner = shell!cat >Makefile <<'E'\n  all:\n  \techo x\n  E\r\n  make\r\n") ==
        "shell!cat >Makefile <<'E'\nall:\n\techo x\nE\nmake");
  CHECK(block("runner = shell!\n\t  a\n\t\tb  \n") == "shell!\n  a\n\tb  ");
  CHECK(block("runner = shell!\n    a\n# of the file\n    b\n\n\n[x]\n") == "shell!\na\nb\n\n");
  CHECK(block("runner =\n    shell!a\n    b\n") == "\nshell!a\nb");
  CHECK(block("runner = shell!a\n") == "shell!a");
  // What old files have is read as before.
  const Parsed old("[runner:r]\nrunner = python!a:b\nlist =\n    x\n\n      y\n");
  CHECK(old.value("runner:r", "list") == "\nx\ny");
  CHECK(Parsed("[runner:r]\nrunner = shell!a\n\n    b\n").value("runner:r", "runner") ==
        "shell!a\nb");
}
