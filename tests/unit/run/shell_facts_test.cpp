// Parts of any message in a shell line: %{/pointer}, %{header:NAME}.
#include <algorithm>

#include "tests/unit/run/rewriting.h"

namespace rbit {

using test::errors;
using test::refused;
using test::rewritten;
using test::settings;

TEST_CASE("parts of the message become variables that the line numbers") {
  const auto result = rewrite_shell_line(
      "x %{/a/b} \"%{header:x-kind}\" %{/a/b!} %{key} '' %{queue} %{routing-key} %{/}", settings);
  CHECK(result.errors.empty());
  CHECK(result.warnings.empty());
  CHECK(result.line ==
        "x \"$RBIT_FACT_1\" \"${RBIT_FACT_2}\" \"$RBIT_FACT_1\" \"$RBIT_KEY\" '' \"$RBIT_QUEUE\" "
        "\"$RBIT_ROUTING_KEY\" \"$RBIT_FACT_3\"");
  CHECK(result.variables == std::vector<std::string>{"RBIT_FACT_1", "RBIT_FACT_2", "RBIT_KEY",
                                                     "RBIT_QUEUE", "RBIT_ROUTING_KEY",
                                                     "RBIT_FACT_3"});
  REQUIRE(result.facts.size() == 3);
  CHECK(result.facts[0].name == "/a/b");
  CHECK(result.facts[0].required);  // it is, if one place says so
  CHECK(result.facts[0].shown == "%{/a/b!}");
  CHECK(result.facts[1].of == MessageFact::Of::header);
  CHECK(result.facts[1].name == "x-kind");
  CHECK_FALSE(result.facts[1].required);
  CHECK(result.facts[2].name == "/");
  // Whatever the pointer holds, the shell sees the variable alone.
  CHECK(rewritten("x %{/it's \"$(id)\" `id` \\ ; a} y") == "x \"$RBIT_FACT_1\" y");
  CHECK(rewritten("echo a%{/x}b{c,d} ${y:-%{/x}}") ==
        "echo a\"$RBIT_FACT_1\"b{c,d} ${y:-\"$RBIT_FACT_1\"}");
}

TEST_CASE("a part of the message is refused wherever a field is, with a cure that works there") {
  CHECK(refused("echo '%{/a}'", "%{/a} stands in single quotes"));
  CHECK(refused("echo $((%{/a} + 1))", "%{/a} stands in $(( ))"));
  CHECK(refused("echo `x %{/a}`", "%{/a} stands in backquotes"));
  CHECK(refused("echo $%{/a}", "%{/a} stands after a '$' (leave the '$' out)"));
  CHECK(refused("echo \\%{/a}",
                "%{/a} stands after a backslash (leave it out; for the text write %%{/a})"));
  CHECK(refused("echo ${%{/a}}", "%{/a} stands in ${ } in the place of a name"));
  CHECK(refused("sh -c \"x %{/a}\"",
                "%{/a} stands in an argument of 'sh -c', which a second shell parses (write export "
                "x=%{/a} before, and \"$x\" there, in single quotes)"));
  CHECK(refused("eval x %{header:h}", "%{header:h} stands in an argument of 'eval'"));
  CHECK(refused("sh -c \"x %{key}\"",
                "%{key} stands in an argument of 'sh -c', which a second shell parses (use the "
                "variable there, in single quotes: \"$RBIT_KEY\")"));
  CHECK(refused("cat <<E\n%{/a}\nE",
                "%{/a} stands in a here-document (write x=%{/a} before and $x there, for the text "
                "%%{/a})"));
  CHECK(refused("cat <<%{/a}\nE", "%{/a} stands in the end mark of a here-document"));
  CHECK(refused("test -v %{/a}", "%{/a} stands in an argument of 'test -v'"));
  for (const std::string cure :
       {"export x=%{/a}; sh -c 'y \"$x\"'", "x=%{/a}\ncat <<E\n$x\nE", "sh -c 'y \"$1\"' sh %{/a}"})
    CHECK_MESSAGE(errors(cure).empty(), cure);
}

TEST_CASE("%{ } that is none of ours is text, and one that is wrong is refused") {
  // curl, rpm, bash, and a setting behind a percent sign.
  for (const std::string line :
       {"curl -w \"%{http_code}\\n\" x", "rpm -q --qf %{NAME}-%{VERSION}\\n x",
        "echo '%{/a~2} %{x}'", "echo ${x%{/a}} ${x%%{/a}}", "xargs -I%{} x", "echo %{",
        "echo \"%{\n}\" %{é} %{a,b}", "echo 100%{a..c}"})
    CHECK(rewritten(line) == line);
  CHECK(rewritten("echo %{settings.deposit_location}") ==
        "echo %\"$RBIT_SETTING_DEPOSIT_LOCATION\"");
  CHECK(rewritten("echo %%{/a} '%%{key}' \"%%{task}\" %%%{/a} \\%%{/a}") ==
        "echo %{/a} '%{key}' \"%{task}\" %%{/a} \\%{/a}");
  CHECK(rewritten("cat <<E\n%%{/a} %{x}\nE") == "cat <<E\n%{/a} %{x}\nE");
  CHECK(refused("echo %{/a~2}", "%{/a~2} is no JSON Pointer: it has a ~ without 0 or 1 behind it"));
  CHECK(refused("echo %{/a", "%{/a has no } in its line"));
  CHECK(refused("echo %{/a\n}", "%{/a has no } in its line"));
  CHECK(refused("echo %{/a\tb}", "%{/a\\x09b} holds a character that cannot be shown"));
  CHECK(refused("echo %{header:}", "%{header:} names no header (write %{header:x-kind})"));
  CHECK(refused("echo %{header:!}", "%{header:!} names no header"));
  CHECK(refused("echo %{order/id}", "%{order/id} is no JSON Pointer (did you mean %{/order/id}?)"));
  CHECK(refused("echo %{key!x}", "%{key!x} is no JSON Pointer: it does not begin with /"));
  CHECK(errors("echo %{/a~0~1b} %{/} %{/a!} %{key!} %{header:X Y} %{task} %{event!}").empty());
  const auto doubt = [](const std::string& line) {
    const auto found = rewrite_shell_line(line, settings);
    CHECK(found.errors.empty());
    return found.warnings.empty() ? "" : found.warnings[0];
  };
  CHECK(doubt("echo %{order}") ==
        "%{order} is no placeholder and stays as it is (did you mean %{/order}?)");
  CHECK(doubt("echo %{Key}").ends_with("(did you mean %{key}?)"));
  CHECK(doubt("echo %{routing_key}").ends_with("(did you mean %{routing-key}?)"));
  CHECK(doubt("echo %{headers.x-kind}").ends_with("(did you mean %{header:x-kind}?)"));
  CHECK(doubt("curl -sS -o /dev/null -w '%{time_total}' -w %{http_code} u") == "");
  CHECK(doubt("echo '%{order}' %{settings.deposit_location} ${x%{order}}") == "");
}

}  // namespace rbit
