#include "rbit/config/script_line.h"

#include <doctest/doctest.h>

#include <string>

using namespace rbit::config;

TEST_CASE("a script's arguments are in one line, byte for byte otherwise") {
  const auto read = [](const std::string& value) {
    const ScriptLine line = read_script_line(value);
    CHECK_MESSAGE(line.mistake == "", value);
    return line.file + "|" + line.arguments;
  };
  CHECK(read("s.sh") == "s.sh|");
  CHECK(read("s.sh a\nb \"c d\"") == "s.sh| a b \"c d\"");
  CHECK(read("s.sh\n\n  a\r\nb") == "s.sh|    a  b");
  CHECK(read("s.sh a \\\nb") == "s.sh| a  b");
  CHECK(read("s.sh 'a\nb' \"c\nd\"") == "s.sh| 'a\nb' \"c\nd\"");
  CHECK(read("s.sh ';' \"&&\" \\| 'a`$(b' a#b '#c'") == "s.sh| ';' \"&&\" \\| 'a`$(b' a#b '#c'");
  CHECK(read("s.sh %ID %(key)s {settings.key} %%ID 100% *.ini ~ $HOME ${x:-(;)}") ==
        "s.sh| %ID %(key)s {settings.key} %%ID 100% *.ini ~ $HOME ${x:-(;)}");
  CHECK(read("s.sh %{/a b;c} \"%{/it\"s}\" x%{header:x y}z %{http_code}") ==
        "s.sh| %{/a b;c} \"%{/it\"s}\" x%{header:x y}z %{http_code}");
  CHECK(read("'my script.sh' a") == "my script.sh| a");
  CHECK(read("\"my script.sh\"") == "my script.sh|");
  CHECK(read("my\\ script.sh a") == "my script.sh| a");
  CHECK(read("'100%(x) $y.sh'") == "100%(x) $y.sh|");
  CHECK(read("sub/../-x") == "sub/../-x|");
}

TEST_CASE("what is more than a word of a script's line is a mistake with a cure") {
  const auto refused = [](const std::string& value, const std::string& what) {
    const std::string mistake = read_script_line(value).mistake;
    CHECK_MESSAGE(mistake.starts_with("'" + what + "' is no argument, and nothing but"), value,
                  mistake);
  };
  for (const char* sign : {";", "&", "&&", "|", "||", "<", ">", ">>", "(", ")"}) {
    refused(std::string("s.sh a ") + sign + " b", sign);
    refused(std::string("s.sh a") + sign + "b", sign);
  }
  refused("s.sh a 2>x", ">");
  refused("s.sh a\n; b", ";");
  refused("s.sh `date`", "`");
  refused("s.sh \"`date`\"", "`");
  refused("s.sh $(date)", "$(");
  refused("s.sh \"$(date)\"", "$(");
  refused("s.sh ${x:-$(date)}", "$(");
  refused("s.sh %{/a ; b", ";");
  refused("s.sh %{x;y}", ";");
  refused("s.sh a # b", "#");
  CHECK(read_script_line("s.sh 'a").mistake.starts_with("a quote has no end ("));
  CHECK(read_script_line("'s.sh a").mistake.starts_with("a quote has no end ("));
  for (const char* name : {"$HOME/x", "s%ID.sh", "\"%ID\"", "a;b", "~/x", "''", "*.sh", "'a\nb'"})
    CHECK(read_script_line(name).mistake.find("is no plain name of a file") != std::string::npos);
}

TEST_CASE("no path is taken for a placeholder") {
  CHECK(quoted_path("/a b/it's.sh") == "'/a b/it'\\''s.sh'");
  CHECK(quoted_path("/x%ID/{settings.y}") == "'/x%''ID/{''settings.y}'");
}
