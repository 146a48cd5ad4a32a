#include "rbit/run/foreign_code.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/run/shell_rewrite.h"

namespace rbit {

namespace {

std::string error_of(const std::string& line) {
  const auto errors = rewrite_shell_line(line, {}).errors;
  return errors.empty() ? "" : errors[0];
}

}  // namespace

TEST_CASE("a part of a message is never the code of another interpreter") {
  for (const auto& [line, reader] : std::vector<std::pair<std::string, std::string>>{
           {"python3 -c \"print(%{/a})\"", "python3 -c"},
           {"python -c %{/a}", "python -c"},
           {"python3.11 -Bc %{/a}", "python3.11 -Bc"},
           {"/usr/bin/python3 -W ignore -c\"print(%{/a})\"", "python3 -c"},
           {"pypy3 -u -c \"$(echo %{/a})\"", "pypy3 -c"},
           {"perl -e \"print '%{header:x}'\"", "perl -e"},
           {"perl -lane %{/a} file", "perl -lane"},
           {"perl -0777 -i.bak -pe \"s/a/%{/a}/\" file", "perl -pe"},
           {"perl -E%{/a}", "perl -E"},
           {"perl -MPOSIX=%{/a} -e 1", "perl -M"},
           {"perl -%{/a}", "perl"},
           {"perl -n%{/a}", "perl -n"},
           {"perl -e 1 -e %{/a}", "perl -e"},
           {"ruby -rjson -e \"puts %{/a}\"", "ruby -e"},
           {"node -e %{/a}", "node -e"},
           {"node -pe %{/a}", "node -pe"},
           {"node --eval=%{/a}", "node --eval"},
           {"nodejs --print %{/a}", "nodejs --print"},
           {"node --%{/a}", "node --"},
           {"php -r \"echo %{/a};\"", "php -r"},
           {"lua5.4 -e %{/a}", "lua5.4 -e"},
           {"Rscript -e %{/a}", "Rscript -e"},
           {"osascript -e \"say \\\"%{/a}\\\"\"", "osascript -e"},
           {"guile -c %{/a}", "guile -c"},
           {"julia -E %{/a}", "julia -E"},
           {"psql -d shop -Atc \"select %{/a}\"", "psql -Atc"},
           {"psql shop -c \"select %{/a}\"", "psql -c"},
           {"psql --command=\"select %{/a}\"", "psql --command"},
           {"mysql -u me -psecret shop -e %{/a}", "mysql -e"},
           {"mariadb --exec %{/a}", "mariadb --exec"},
           {"sqlite3 shop.db \"select '%{/a}'\"", "sqlite3"},
           {"sqlite3 -separator , shop.db %{/a}", "sqlite3"},
           {"sqlite3 -cmd %{/a} shop.db", "sqlite3 -cmd"},
           {"awk \"/%{/a}/ { print }\" file", "awk"},
           {"gawk -F: -v x=1 %{/a} file", "gawk"},
           {"mawk %{/a}", "mawk"},
           {"gawk -e %{/a}", "gawk -e"},
           {"sed \"s/x/%{/a}/\" file", "sed"},
           {"sed -n -i.bak %{/a} file", "sed"},
           {"sed -ne \"/%{/a}/p\" file", "sed -ne"},
           {"sed --expression=%{/a}", "sed --expression"},
           {"jq \".[\\\"%{/a}\\\"]\" file", "jq"},
           {"jq -r --arg x 1 %{/a}", "jq"},
           {"env X=1 python3 -c %{/a}", "python3 -c"},
           {"exec python3 -c %{/a}", "python3 -c"},
           {"nice -n 5 perl -e %{/a}", "perl -e"},
           {"timeout -k 5 10 ruby -e %{/a}", "ruby -e"},
           {"sudo -u me -- node -e %{/a}", "node -e"},
           {"xargs -I {} awk %{/a}", "awk"},
           {"X=1 nohup timeout 5 sed %{/a}", "sed"},
           {"docker exec box python3 -c %{/a}", "python3 -c"},
           {"find . -exec sed -i \"s/a/%{/a}/\" {} \\;", "sed"},
           {"cat x | awk %{/a}", "awk"},
           {"if true; then awk %{/a}; fi", "awk"},
           {"x=$(jq %{/a} file)", "jq"},
           {"diff <(jq %{/a} x) y", "jq"},
           {"case x in x) awk %{/a};; esac", "awk"}}) {
    const auto fact = line.find("header") == std::string::npos ? "%{/a}" : "%{header:x}";
    const bool is_bare = text::is_one_of(reader.substr(0, 3), {"psq", "mys", "mar", "sql", "sed"});
    const auto cure = is_bare ? std::string("give ") + fact + " to a script as its argument"
                              : std::string("use the variable there: export x=") + fact + " before";
    CHECK_MESSAGE(error_of(line) == std::string(fact) + " stands in the code that '" + reader +
                                        "' runs (" + cure + ")",
                  line);
  }
  CHECK(error_of("python3 -c 'print(%{/a})'").starts_with("%{/a} stands in the code that"));
  CHECK(error_of("python3 -c \"print(%{key})\"") ==
        "%{key} stands in the code that 'python3 -c' runs (use the variable there: RBIT_KEY)");
}

TEST_CASE("a part of a message never chooses the program") {
  for (const std::string line : {"%{/a} -l",
                                 "exec %{/a}",
                                 "env %{/a} prog",
                                 "env X=1 %{/a}",
                                 "env -S \"x %{/a}\"",
                                 "timeout 5 %{/a}",
                                 "timeout -k 1 5 %{/a}",
                                 "xargs %{/a}",
                                 "xargs -n 1 -0 %{/a}",
                                 ". %{/a}",
                                 "source %{/a}",
                                 ". ./%{/a}.sh",
                                 "./%{/a}.sh",
                                 "\"%{/a}\"",
                                 "x=1 %{/a}",
                                 "true; %{/a}",
                                 "true && %{/a}",
                                 "echo x | %{/a}",
                                 "(%{/a})",
                                 "( %{/a} )",
                                 "$(%{/a})",
                                 "{ %{/a}; }",
                                 "if %{/a}; then :; fi",
                                 "while ! %{/a}; do :; done",
                                 "sudo -u me %{/a}",
                                 "nice -n 5 %{/a}",
                                 "nohup %{/a}",
                                 "command %{/a}",
                                 "find . -exec %{/a} {} \\;",
                                 "case x in x) %{/a};; esac",
                                 "f() { %{/a}; }; f",
                                 "$(basename %{/a})",
                                 "${x:-%{/a}}",
                                 "python3 %{/a}",
                                 "python3 -m %{/a}",
                                 "perl %{/a}",
                                 "sh %{/a}",
                                 "bash -e ./%{/a}.sh",
                                 "> x %{/a}",
                                 "%{/a}=5"}) {
    CHECK_MESSAGE(error_of(line) ==
                      "%{/a} stands where a command does (a message would choose the program: "
                      "write the program, and %{/a} as its argument)",
                  line);
  }
}

TEST_CASE("a part of a message is an argument everywhere else") {
  for (const std::string line : {"echo \"order %{/a}\"",
                                 "mytool --id=%{/a} -- %{/b}",
                                 "grep -F -- %{/a} file",
                                 "printf '%s' %{/a}",
                                 "date > out-%{key}",
                                 "> %{/a}",
                                 "date 2>&1 >%{/a} x",
                                 "x=%{/a} cmd",
                                 "x=%{/a}",
                                 "x=$(echo %{/a})",
                                 "export x=%{/a}",
                                 "[ %{/n} -gt 0 ]",
                                 "test %{/n} -gt 0",
                                 "case %{/a} in x) ;; esac",
                                 "case x in %{/a}) y;; %{/b}|%{/c}) z;; (%{/d}) z;; esac",
                                 "for x in y; do case $x in\n a) :;;\n %{/b}) :;; esac; done",
                                 "for x in %{/a}; do :; done",
                                 "[[ -n %{/a} && %{/b} == x ]]",
                                 "if [[ a || %{/b} == x ]]; then :; fi",
                                 "[[ ( %{/a} == x ) ]]",
                                 "a=(%{/a} %{/b})",
                                 "(cd x; make %{/a})",
                                 "( echo %{/a} )",
                                 "f() { echo %{/a}; }; f %{/b}",
                                 "env X=%{/a} prog %{/b}",
                                 "timeout %{/n} prog",
                                 "timeout -k %{/n} 5 prog",
                                 "sudo -u %{/a} prog %{/b}",
                                 "nice -n %{/a} prog",
                                 "xargs -I %{/a} prog",
                                 "exec > %{/a}",
                                 "exec ./run.sh %{/a}",
                                 "command -v %{/a}",
                                 "chroot %{/a} prog",
                                 "flock %{/a} prog",
                                 ". ./lib.sh %{/a}",
                                 "export x=%{/a}; python3 -c 'import os; print(os.environ[\"x\"])'",
                                 "python3 -c 'import sys' %{/a}",
                                 "python3 run.py %{/a}",
                                 "python3 run.py -c %{/a}",
                                 "python3 -m json.tool %{/a}",
                                 "python3 - %{/a}",
                                 "perl run.pl -e %{/a}",
                                 "perl -e 'print' -- %{/a}",
                                 "node run.js -e %{/a}",
                                 "php -r 'x' -- %{/a}",
                                 "perl -I %{/a} x.pl",
                                 "awk -v x=%{/a} '{ print x }'",
                                 "awk -vx=%{/a} '{ print x }'",
                                 "awk '{ print }' %{/a}",
                                 "awk -F %{/a} '{ print $1 }'",
                                 "awk -f x.awk %{/a}",
                                 "sed -n 1p %{/a}",
                                 "sed -e 1p %{/a}",
                                 "sed -f x.sed %{/a}",
                                 "sed -i s/a/b/ -- %{/a}",
                                 "jq --arg x %{/a} '.[$x]' file",
                                 "jq --arg %{/a} x '.'",
                                 "jq -n '$ARGS' --args %{/a}",
                                 "jq . %{/a}",
                                 "jq -f x.jq %{/a}",
                                 "sqlite3 %{/a} 'select 1'",
                                 "psql -d %{/a} -c 'select 1'",
                                 "psql -dabc %{/a}",
                                 "psql -v x=%{/a} -f x.sql",
                                 "mysql -u %{/a} -e 'select 1'",
                                 "grep python -e %{/a}",
                                 "echo python3 -c %{/a}",
                                 "grep -e %{/a} file",
                                 "tar -c %{/a}",
                                 "sh run.sh %{/a}",
                                 "sh -c 'x \"$1\"' sh %{/a}",
                                 "bash -s %{/a} < x",
                                 "sh -euc 'x' sh %{/a}",
                                 "find . -name %{/a} -exec rm {} \\;",
                                 "diff <(sort %{/a}) %{/b}",
                                 "docker run python %{/a}",
                                 "make -e %{/a}",
                                 "true # %{/a}",
                                 "test -e x && echo %{/a}"})
    CHECK_MESSAGE(error_of(line) == "", line);
  // Fields are of letters that are safe, and a queue's name is the configuration's.
  for (const std::string line :
       {"%ID.pdf", "awk /%ID/ x", "python3 -c \"print('%ID')\"", "./run-%{queue}", "%(x)s"})
    CHECK_MESSAGE(rewrite_shell_line(line, {{"x", "y"}}).errors.empty(), line);
}

}  // namespace rbit
