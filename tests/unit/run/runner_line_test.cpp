#include "rbit/run/runner_line.h"

#include <doctest/doctest.h>

namespace rbit {

namespace {

const std::map<std::string, std::string> settings{{"deposit_location", "/srv/x"},
                                                  {"output-dir", "/out"}};

RunnerLine good(const std::string& value) {
  const auto parsed = parse_runner_line(value, settings, "/etc/rbit");
  CHECK_MESSAGE(parsed.errors.empty(), value);
  return parsed.line;
}

/// The only error of a line.
std::string error(const std::string& value) {
  const auto parsed = parse_runner_line(value, settings, "/etc/rbit");
  REQUIRE_MESSAGE(parsed.errors.size() == 1, value);
  return parsed.errors.front();
}

}  // namespace

TEST_CASE("a runner line is kind!rest, split at the first '!' and trimmed") {
  const auto shell = good("  shell ! echo hi!there\n");
  CHECK(shell.kind == RunnerLine::Kind::shell);
  CHECK(shell.shell_line == "echo hi!there");

  const auto python = good("python! package.module : main");
  CHECK(python.kind == RunnerLine::Kind::python);
  CHECK(python.target == "package.module");
  CHECK(python.name == "main");
  CHECK(good("python!legacy:make_print").target == "legacy");
}

TEST_CASE("the library of a plugin starts at the directory of the INI file") {
  CHECK(good("plugin!libhello.so:hello").target == "/etc/rbit/libhello.so");
  CHECK(good("plugin!lib/libhello.so:hello").target == "/etc/rbit/lib/libhello.so");
  CHECK(good("plugin!/usr/lib/libhello.so:hello").target == "/usr/lib/libhello.so");
  CHECK(good("plugin!/a:b/libhello.so:hello").target == "/a:b/libhello.so");
  CHECK(good("plugin!/usr/lib/libhello.so:hello").name == "hello");
}

TEST_CASE("mistakes in a runner line are said in the texts of the manual") {
  CHECK(error("html2pdf %ID.pdf") == "no '!' (did you mean 'shell!html2pdf %ID.pdf'?)");
  CHECK(error("legacy:make_print") == "no '!' (did you mean 'python!legacy:make_print'?)");
  CHECK(error("./libhello.so:hello") == "no '!' (did you mean 'plugin!./libhello.so:hello'?)");
  CHECK(error("shell!make %VERISON") == "unknown placeholder %VERISON (did you mean %VERSION?)");
  CHECK(error("shell!make '%ID'") ==
        "%ID stands in single quotes, where the shell replaces nothing (use double quotes)");
  CHECK(error("shel!make") == "unknown kind 'shel' (did you mean 'shell'?)");
  CHECK(error("Shell!make") == "unknown kind 'Shell' (did you mean 'shell'?)");
  CHECK(error("perl!make") == "unknown kind 'perl' (known: shell, plugin, python)");
  CHECK(error("shell! ") == "nothing stands after 'shell!'");
  CHECK(error("python!module") ==
        "'module' is not module:callable (write python!package.module:callable)");
  CHECK(error("python!a:b:c") ==
        "'a:b:c' is not module:callable (write python!package.module:callable)");
  CHECK(error("python!a.b.:c") ==
        "'a.b.:c' is not module:callable (write python!package.module:callable)");
  CHECK(error("plugin!libhello.so:") ==
        "'libhello.so:' does not name a library and a runner in it (write "
        "plugin!PATH/libNAME.so:RUNNER)");
  CHECK(error("plugin!libhello.so:he llo") ==
        "'he llo' is not a name of a runner (letters, digits and _)");
}

TEST_CASE("without a name the stem of the library counts") {
  const auto parsed = parse_runner_line("plugin!lib/libhello.so", {}, "/etc");
  CHECK(parsed.errors.empty());
  CHECK(parsed.line.target == "/etc/lib/libhello.so");
  CHECK(parsed.line.name == "hello");
}

TEST_CASE("all mistakes of a line come at once, each once") {
  const auto parsed =
      parse_runner_line("shell!a '%ID' \"%VERISON\" '%ID' %(nowhere)s", settings, "");
  CHECK(parsed.errors ==
        std::vector<std::string>{
            "%ID stands in single quotes, where the shell replaces nothing (use double quotes)",
            "unknown placeholder %VERISON (did you mean %VERSION?)",
            "unknown setting 'nowhere' (add it to the section)"});
}

TEST_CASE("two settings that give one variable are an error of a shell line") {
  const std::map<std::string, std::string> twins{{"output-dir", "a"}, {"output_dir", "b"}};
  const auto parsed = parse_runner_line("shell!true", twins, "");
  REQUIRE(parsed.errors.size() == 1);
  CHECK(parsed.errors.front() ==
        "the settings 'output-dir' and 'output_dir' both become RBIT_SETTING_OUTPUT_DIR (rename "
        "one)");
  CHECK(parse_runner_line("python!a:b", twins, "").errors.empty());
}

}  // namespace rbit
