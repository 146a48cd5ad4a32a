#include "rbit/run/shell_program.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "rbit/base/text.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

using namespace rbit;

TEST_CASE("a plain command needs its program") {
  CHECK(program_of("pandoc -o x.pdf \"$RBIT_ID\"") == "pandoc");
  CHECK(program_of("\n  exec /opt/build/run all > log 2>/dev/null\n") == "/opt/build/run");
  CHECK(program_of("make") == "make");
  CHECK(program_of("./convert %ID") == "./convert");
}

TEST_CASE("what the shell does itself, or may do without its first program, needs none") {
  for (const char* line :
       {"", "exit 3", "echo $$", "[ -e good ] ", "cd /x", "make; true", "make || exit 75",
        "make | tee log", "(make)", "A=b make", "$TOOL x", "./configure; make", "if true", "exec",
        "exec -a x y", "make\nmake install", "echo `date`", "\"make\" x"})
    CHECK_MESSAGE(program_of(line) == std::nullopt, line);
}

TEST_CASE("a program is looked for where jobs would find it") {
  const std::vector<std::string> environment{"HOME=/", "PATH=/usr/bin:/bin"};
  CHECK(find_program("sh", environment).has_value());
  CHECK(find_program("/bin/sh", environment).has_value());
  CHECK_FALSE(find_program("sh", {"PATH=/nonexistent"}).has_value());
  CHECK_FALSE(find_program("/bin/no-such-program", environment).has_value());
  CHECK_FALSE(find_program("no-such-program", environment).has_value());
  CHECK_FALSE(find_program("/usr", environment).has_value());
}

TEST_CASE("a relative one starts at the job's directory, where nothing is yet") {
  const auto found = find_program("bin/convert", {"PATH=/usr/bin:/bin"});
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().text() ==
        "bin/convert: starts at the job's own directory, which is empty (write its whole path)");
}

TEST_CASE("a file that nobody may run is no program") {
  const test::TempDir place;
  const std::string path = place / "program";
  test::write_file(path, "x");
  CHECK_FALSE(find_program(path, {}).has_value());
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  CHECK(find_program(path, {}).has_value());
}

TEST_CASE("a shell that reads lines as sh does, and options that may stand before -c") {
  const auto mistake = [](const std::string& shell,
                          const std::vector<std::string>& variables = {}) {
    return mistake_of_shell(text::split_blanks(shell), variables);
  };
  for (const char* good : {"/bin/sh", "/bin/bash -euo pipefail", "/bin/bash -e -O extglob --norc",
                           "/usr/bin/dash -x +u"})
    CHECK(mistake(good, {"RBIT_PACKAGE"}) == "");
  CHECK(mistake("/bin/zsh -e") == "");
  CHECK(mistake("/bin/zsh", {"RBIT_PACKAGE"}).find("write \"$RBIT_PACKAGE\"") != std::string::npos);
  CHECK(mistake("").starts_with("is empty"));
  CHECK(mistake("bash -e").starts_with("'bash' is no whole path"));
  for (const char* other : {"/usr/bin/fish", "/bin/csh", "/usr/bin/python3", "/usr/bin/env bash"})
    CHECK(mistake(other).find("does not read a line as sh does") != std::string::npos);
  for (const char* bad : {"/bin/bash -c", "/bin/bash -ec", "/bin/bash -s", "/bin/bash x.sh",
                          "/bin/bash --", "/bin/bash --rcfile x", "/bin/bash -"})
    CHECK(mistake(bad).find("is no option that may stand before -c") != std::string::npos);
  CHECK(mistake("/bin/bash -o") == "'-o' wants a name (such as pipefail)");
  CHECK(mistake("/bin/bash -o -e") == "'-o' wants a name (such as pipefail)");
}

TEST_CASE("a shell that runs nothing, or not all of a line, is refused") {
  const auto mistake = [](const std::string& shell) {
    return mistake_of_shell(text::split_blanks(shell), {});
  };
  for (const char* bad : {"/bin/bash -n", "/bin/bash -en", "/bin/sh -xn", "/bin/bash -o noexec",
                          "/bin/bash -eo noexec", "/bin/bash -D", "/bin/bash --dump-strings",
                          "/bin/bash --dump-po-strings", "/bin/bash --help", "/bin/bash --version",
                          "/bin/zsh -o NO_EXEC", "/bin/zsh --no-exec", "/bin/zsh +o exec"}) {
    INFO(bad);
    CHECK(mistake(bad).find("runs none") != std::string::npos);
  }
  CHECK(mistake("/bin/bash -o noexec") ==
        "'-o noexec' reads commands and runs none, and each job would be done (leave it out)");
  for (const char* bad : {"/bin/bash -t", "/bin/bash -o onecmd", "/bin/bash -et"})
    CHECK(mistake(bad).find("runs the first command only") != std::string::npos);
  for (const char* good : {"/bin/bash -x -o noglob", "/bin/bash +n +o noexec", "/bin/sh -o nounset",
                           "/bin/bash --noprofile --norc", "/bin/bash -o xtrace -o notify"})
    CHECK(mistake(good) == "");
  CHECK(mistake("/bin/bash -x \"-o\" noglob") ==
        "'\"-o\"' is no option that may stand before -c (such as -e, -u, -o pipefail; without "
        "quotes)");
}
