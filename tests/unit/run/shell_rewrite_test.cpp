#include "rbit/run/shell_rewrite.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "rbit/base/text.h"
#include "rbit/core/job_field.h"
#include "rbit/run/job_environment.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/run/rewriting.h"

namespace rbit {

namespace {

using test::errors;
using test::refused;
using test::rewritten;
using test::settings;
using test::TempDir;

/// What /bin/sh prints for the line in `directory`, with the job's environment and nothing else.
std::string run_shell(const std::string& line, const Job& job, const std::string& directory,
                      const std::vector<MessageFact>& facts = {}) {
  auto environment =
      job_environment(job, settings, {directory, directory + "/message", "/out"}, facts);
  REQUIRE(environment.left_out.empty());
  environment.variables.push_back("PATH=/usr/bin:/bin");
  std::vector<char*> variables;
  for (auto& variable : environment.variables) variables.push_back(variable.data());
  variables.push_back(nullptr);
  std::string shell = "/bin/sh", option = "-c", text = line;
  std::array<char*, 4> arguments{shell.data(), option.data(), text.data(), nullptr};

  const std::string out = directory + "/.stdout";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  pid_t pid = 0;
  REQUIRE(posix_spawn(&pid, "/bin/sh", &actions, nullptr, arguments.data(), variables.data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return test::read_file(out);
}

}  // namespace

TEST_CASE("a bare placeholder becomes a quoted word, one in double quotes a braced one") {
  CHECK(rewritten("%ID.pdf") == "\"$RBIT_PACKAGE\".pdf");
  CHECK(rewritten("html2pdf %ID.pdf") == "html2pdf \"$RBIT_PACKAGE\".pdf");
  CHECK(rewritten("make \"%ID-%VERSION.pdf\"") == "make \"${RBIT_PACKAGE}-${RBIT_VERSION}.pdf\"");
  CHECK(rewritten("echo %ID%VERSION %ID_x %IDs") ==
        "echo \"$RBIT_PACKAGE\"\"$RBIT_VERSION\" \"$RBIT_PACKAGE\"_x \"$RBIT_PACKAGE\"s");
  CHECK(rewritten("X=%ID; echo $X > %ID.log 2>&1") ==
        "X=\"$RBIT_PACKAGE\"; echo $X > \"$RBIT_PACKAGE\".log 2>&1");
}

TEST_CASE("every placeholder has its variable") {
  int placeholders = 0;
  for (const JobField& field : job_fields) {
    if (field.placeholder.empty()) continue;
    ++placeholders;
    const auto result = rewrite_shell_line("echo %" + std::string(field.placeholder), {});
    CHECK(result.line == "echo \"$" + std::string(field.variable) + "\"");
    CHECK(result.variables == std::vector<std::string>{std::string(field.variable)});
  }
  CHECK(placeholders == 12);
}

TEST_CASE("settings are used through their variables") {
  CHECK(rewritten("cp module.pdf %(deposit_location)s/") ==
        "cp module.pdf \"$RBIT_SETTING_DEPOSIT_LOCATION\"/");
  CHECK(rewritten("cp module.pdf {settings.deposit_location}/") ==
        "cp module.pdf \"$RBIT_SETTING_DEPOSIT_LOCATION\"/");
  CHECK(rewritten("ls \"%(OER.exports-dir)s/x\"") == "ls \"${RBIT_SETTING_OER_EXPORTS_DIR}/x\"");
  CHECK(refused("cp x %(deposit_locaton)s",
                "unknown setting 'deposit_locaton' (did you mean deposit_location?)"));
  CHECK(refused("cp x {settings.nowhere}", "unknown setting 'nowhere'"));
  CHECK(refused("echo %(runner)s", "unknown setting 'runner'"));  // no job finds its own line
  CHECK(refused("cp x ${settings.deposit_location}",
                "{settings.deposit_location} stands after a '$'"));
}

TEST_CASE("what is no placeholder stays byte for byte; %% is an escape before a placeholder only") {
  for (const std::string line :
       {"date +%Y-%m-%d", "date -u +%FT%TZ", "echo ${f%.tex} ${x%%.*} ${x%%%%.*} 100%% 5%",
        "awk '{printf \"%d%%\\n\", $1}'", "printf '%s %%s\\n' a", "echo %% %%% %%%% %",
        "echo %(x) ${x%(*} %", "echo \\%% \"\\%%\" $%% ${x%%$y}", "echo $((5 % 3)) $((5 %SIZE))",
        "echo %%IDX %%VERISON '%VERISON %(nowhere)s' %%(nowhere)s", "echo %A %a %IDX %IDENT %JOBS",
        "x=`date +%FT%T`", "echo {a,b} {settings}", "cat <<E\n%s %% %%x %VERISON %(name)s\nE"}) {
    CHECK(rewritten(line) == line);
  }
  CHECK(rewritten("printf '%s\\n' '%%ID' \"%%ID\" %%ID") == "printf '%s\\n' '%ID' \"%ID\" %ID");
  CHECK(rewritten("echo \\%%ID \"\\%%ID\" %%(deposit_location)s") ==
        "echo \\%ID \"\\%ID\" %(deposit_location)s");
  // Only the last two of a row are the escape; what goes before is text.
  CHECK(rewritten("echo %%%ID %%%%ID") == "echo %%ID %%%ID");
  CHECK(rewritten("cat <<E\n%%ID %%\nE") == "cat <<E\n%ID %%\nE");
  CHECK(refused("echo %VERISON", "unknown placeholder %VERISON (did you mean %VERSION?)"));
  // Two swapped letters are a slip; any other word may be text.
  for (const std::string line : {"echo '%VERISON'", "echo %FROMTA %METHD"})
    CHECK(errors(line).empty());
  CHECK(refused("echo %FROMAT", "unknown placeholder %FROMAT (did you mean %FORMAT?)"));
  for (const std::string line :
       {"echo lib%SIONS.so %DATES", "echo %LIST% %MARCH %PATH%", "echo \"%PERSON\" %HOST %STATE"})
    CHECK(rewritten(line) == line);
}

TEST_CASE("text that may be meant otherwise is a warning") {
  const auto doubts = [](const std::string& line) {
    return text::join(rewrite_shell_line(line, settings).warnings, "|");
  };
  CHECK(doubts("echo %IDENT %IDENT") ==
        "%IDENT is no placeholder and stays as it is (did you mean \"%ID\"ENT?)");
  CHECK(doubts("echo %EVN") == "%EVN is no placeholder and stays as it is (did you mean %ENV?)");
  for (const std::string word : {"VERSIONS", "FORMATS", "ARCHS", "DISTS", "METHODX", "DISTRO"}) {
    const std::string name = word == "DISTRO" ? "DIST" : word.substr(0, word.size() - 1);
    CHECK(rewrite_shell_line("echo %" + word, settings).line.starts_with("echo %"));
    CHECK(doubts("echo %" + word) == "%" + word +
                                         " is no placeholder and stays as it is (did you mean \"%" +
                                         name + "\"" + word.substr(name.size()) + "?)");
    CHECK(rewritten("echo \"lib%" + word + ".so\"") == "echo \"lib%" + word + ".so\"");
  }
  CHECK(doubts("echo %VERSON").find("did you mean %VERSION?") != std::string::npos);
  for (const auto& [written, meant] : {std::pair{"%id", "%ID"},
                                       {"%Id", "%ID"},
                                       {"%version", "%VERSION"},
                                       {"%PACKAGE", "%ID"},
                                       {"%Package", "%ID"},
                                       {"%ARCHITECTURE", "%ARCH"}})
    CHECK(doubts(std::string("echo ") + written) ==
          std::string(written) + " is no placeholder and stays as it is (did you mean " + meant +
              "?)");
  const std::string percents =
      "%% stays as it is: it is one % only before the name of a placeholder";
  CHECK(doubts("date +%%Y-%%m") == percents);
  CHECK(doubts("echo ${x%%%%.*}") == percents);
  for (const char* clear : {"echo ${f%%.*} 100%%", "date +%FT%TZ", "printf '%%s'", "'%IDENT'",
                            "awk '{printf \"%d%%\\n\", $1}'", "echo %ID %%ID", "'%id'",
                            "date +%d%i%s", "git log --format=%an:%ae"})
    CHECK(doubts(clear) == "");
}

TEST_CASE("/bin/sh gets the text of the line as it is") {
  const TempDir directory;
  Job job;
  job.request.package = "m1234";
  const std::vector<std::pair<std::string, std::string>> lines{
      {"f=a.b.c; echo ${f%%.*} ${f%.*}", "a a.b\n"},
      {"echo 7 | awk '{printf \"%d%%\\n\", $1}'", "7%\n"},
      {"printf '%s%%|%d\\n' %ID 7", "m1234%|7\n"},
      {"printf '%%s%%%%%s\\n' x", "%s%%x\n"},
      {"date -u -d @0 +%Y%m%dT%H%M%SZ", "19700101T000000Z\n"},
      {"date -u -d @0 +%FT%T", "1970-01-01T00:00:00\n"},
      {"x=a%%IDb; echo ${x%%IDb} ${x%%%%IDb} '%%ID' %%ID %ID", "a% a %ID %ID m1234\n"},
      {"x=fooIDbarID; echo ${x%ID} ${x%ID*} ${x%%ID*} \"${x%%ID*}\"",
       "fooIDbar fooIDbar foo foo\n"},
      {"x=fooIDbarID; echo `echo ${x%%ID*}` $(echo ${x%ID}) ${y:-${x%%ID*}}", "foo fooIDbar foo\n"},
      {"x=12ID1ID; echo $((${x%%ID*} % 5)); cat <<E\n${x%%ID*} ${x%ID}\nE", "2\n12 12ID1\n"},
      {"x=fooIDbarID; export x; sh -c 'echo ${x%%ID*}'; sh -c \"echo \\${x%%ID*}\"", "foo\nfoo\n"},
      {"set -- aIDbID; echo ${1%ID} ${1%%ID*} ${@%%ID*} ${#%ID} ${x:-%ID}", "aIDb a a 1 m1234\n"},
      {"x=a-m1234; echo ${x%-%ID} ${x%\"%ID\"} ${x%%%ID} ${x#a-%ID}.", "a a- a- .\n"},
      {"x=\"a%%(deposit_location)s\"; echo ${x%(*} ${x%%(deposit_location)s}", "a% a%\n"},
      {"echo lib%DISTRO.so \"%FORMATS\" '%ARCHS' %METHODX",
       "lib%DISTRO.so %FORMATS %ARCHS %METHODX\n"},
      {"cat <<'E'\n%(asctime)s %% %%ID\nE", "%(asctime)s %% %ID\n"},
      {"echo $((17 % 5)) %IDX", "2 %IDX\n"}};
  for (const auto& [line, expected] : lines) {
    INFO(line);
    CHECK(run_shell(rewritten(line), job, directory.path()) == expected);
  }
}

TEST_CASE("$( ) begins afresh, also within double quotes") {
  CHECK(rewritten("echo \"$(basename %ID)/%ID\"") ==
        "echo \"$(basename \"$RBIT_PACKAGE\")/${RBIT_PACKAGE}\"");
  CHECK(rewritten("echo $(echo \"%ID\" $(echo %ID)) %ID") ==
        "echo $(echo \"${RBIT_PACKAGE}\" $(echo \"$RBIT_PACKAGE\")) \"$RBIT_PACKAGE\"");
  CHECK(rewritten("(cd x; make %ID); echo \"%ID\"") ==
        "(cd x; make \"$RBIT_PACKAGE\"); echo \"${RBIT_PACKAGE}\"");
  CHECK(rewritten("echo \"$(case %ID in a) echo 1;; (b) echo 2;; esac)%ID\"") ==
        "echo \"$(case \"$RBIT_PACKAGE\" in a) echo 1;; (b) echo 2;; esac)${RBIT_PACKAGE}\"");
}

TEST_CASE("parameter expansions keep their quoting") {
  CHECK(rewritten("echo ${x:-%ID} \"${x:-%ID}\" %ID") ==
        "echo ${x:-\"$RBIT_PACKAGE\"} \"${x:-${RBIT_PACKAGE}}\" \"$RBIT_PACKAGE\"");
  CHECK(rewritten("echo \"${x:-don't}\" %ID") == "echo \"${x:-don't}\" \"$RBIT_PACKAGE\"");
  CHECK(rewritten("echo \"${x#'}'}\" %ID") == "echo \"${x#'}'}\" \"$RBIT_PACKAGE\"");
  CHECK(refused("echo ${%ID}", "%ID stands in ${ } in the place of a name"));
}

TEST_CASE("percent signs behind a parameter are the shell's operator, byte for byte") {
  for (const std::string line :
       {"echo ${x%ID}", "echo \"${x%%ID*}\"", "echo ${x%VERSION}", "echo ${a[1]%ID} ${a[@]%%ID}",
        "echo ${!x%ID} ${10%ID} ${?%ID}", "echo ${x/%ID/y} ${x/%ID}", "echo `echo ${x%ID}`",
        "echo $((${x%ID}))", "cat <<'E'\n${x%%ID} ${x%ID}\nE", "bash -c 'echo ${x%%ID*}'",
        "echo \\${x%%ID}", "echo ${x%(deposit_location)s}"})
    CHECK(rewritten(line) == line);
  CHECK(rewritten("echo ${x%-%ID} ${x%\"%ID\"} ${x/%%ID/y} ${x%%%ID}") ==
        "echo ${x%-\"$RBIT_PACKAGE\"} ${x%\"${RBIT_PACKAGE}\"} ${x/%\"$RBIT_PACKAGE\"/y} "
        "${x%%\"$RBIT_PACKAGE\"}");
  CHECK(rewritten("echo ${x%%%%ID} ${x%{settings.deposit_location}}") ==
        "echo ${x%%%ID} ${x%\"$RBIT_SETTING_DEPOSIT_LOCATION\"}");
  // What somebody may have meant for a placeholder is said.
  CHECK(rewrite_shell_line("echo ${x%%ID*}", settings).warnings ==
        std::vector<std::string>{"${x%%ID has the shell's own operator and no placeholder (write "
                                 "\"%ID\" for it, \"ID\" for the text)"});
  CHECK(rewrite_shell_line("echo ${x%.ID} ${x%%.*} ${x%\"ID\"}", settings).warnings.empty());
}

TEST_CASE("quotes, comments and escapes of the shell are followed") {
  CHECK(rewritten("echo it\\'s %ID") == "echo it\\'s \"$RBIT_PACKAGE\"");
  CHECK(rewritten("echo \"say \\\"%ID\\\"\"") == "echo \"say \\\"${RBIT_PACKAGE}\\\"\"");
  CHECK(rewritten("echo 'a \"' %ID \"b '\" %ID") ==
        "echo 'a \"' \"$RBIT_PACKAGE\" \"b '\" \"$RBIT_PACKAGE\"");
  CHECK(rewritten("echo a#b %ID # don't %ID %NOTHING\necho %ID") ==
        "echo a#b \"$RBIT_PACKAGE\" # don't %ID %NOTHING\necho \"$RBIT_PACKAGE\"");
  CHECK(rewritten("echo \\\\%ID") == "echo \\\\\"$RBIT_PACKAGE\"");
  CHECK(refused("echo \\%ID", "%ID stands after a backslash"));
  CHECK(refused("echo \"\\%ID\"", "%ID stands after a backslash"));
  CHECK(refused("echo $%ID", "%ID stands after a '$'"));
  CHECK(refused("echo \"$%ID\"", "%ID stands after a '$'"));
}

TEST_CASE("a placeholder is refused where it would not be one quoted word") {
  const std::string single = "%ID stands in single quotes, where the shell replaces nothing";
  CHECK(refused("echo '%ID'", single));
  CHECK(refused("echo \"$(echo '%ID')\"", single));
  CHECK(refused("echo '%(deposit_location)s'", "%(deposit_location)s stands in single quotes"));
  CHECK(refused("echo $((%ID + 1))", "%ID stands in $(( ))"));
  CHECK(refused("echo $(( ((1)) + %JOB ))", "%JOB stands in $(( ))"));
  CHECK(refused("((x = %JOB))", "%JOB stands in $(( ))"));
  CHECK(refused("echo `basename %ID`", "%ID stands in backquotes"));
  CHECK(refused("echo \"`basename %ID`\"", "%ID stands in backquotes"));
  CHECK(rewritten("echo $((1 + 1)) `date` %ID") == "echo $((1 + 1)) `date` \"$RBIT_PACKAGE\"");
}

TEST_CASE("here-documents take no placeholder, the line after them does") {
  const std::string here = "%ID stands in a here-document (write $RBIT_PACKAGE there,";
  CHECK(refused("cat <<END\n%ID\nEND\necho %ID", here));
  CHECK(refused("cat <<'END' %VERSION\n%ID\nEND", here));
  CHECK(refused("cat <<-\"E D\"\n\tx\n\t%ID\n\tE D\n", here));
  CHECK(refused("x=$(cat <<A; cat <<B\n100%%\nA\n%ID\nB\n)", here));
  CHECK(rewritten("cat <<A <<-B\n'100%%\nA\n\"\n\tB\necho '' %ID") ==
        "cat <<A <<-B\n'100%%\nA\n\"\n\tB\necho '' \"$RBIT_PACKAGE\"");
  CHECK(rewritten("echo $((1 << 2)) %ID") == "echo $((1 << 2)) \"$RBIT_PACKAGE\"");
}

TEST_CASE("a placeholder is refused in what a second shell would parse") {
  const auto second = [](const std::string& line, const std::string& command) {
    return refused(line,
                   "%ID stands in an argument of '" + command + "', which a second shell parses (");
  };
  for (const std::string line :
       {"sh -c \"make %ID\"", "sh -c 'make %ID'", "sh -ec %ID", "/bin/sh -c \"%ID\"",
        "exec sh -e -o pipefail -c \"make %ID\"", "cd x && sh -c \"make %ID\"",
        "true | (cd y; sh -c \"$(echo %ID)\")", "\"sh\" -\"c\" %ID", "s\\h -c %ID",
        "X=%VERSION sh -c \"%ID\"", "if true; then sh -c %ID; fi", "sudo -u me sh -c \"%ID\"",
        "schroot -c sid -- sh -c \"make %ID\"", "sh 2>%VERSION.log -c %ID", "sh -c -- %ID",
        "find . -exec sh -c \"%ID\" \\;"}) {
    CHECK(second(line, "sh -c"));
  }
  CHECK(second("bash -c \"make %ID.pdf\"", "bash -c"));
  CHECK(second("bash --rcfile x -lc \"make %ID.pdf\"", "bash -c"));
  CHECK(second("eval echo %ID", "eval"));
  CHECK(second("X=1 eval \"echo %ID\"", "eval"));
  CHECK(second("trap \"rm %ID\" EXIT", "trap"));
  CHECK(second("su -c \"make %ID\" builder", "su -c"));
  CHECK(second("su builder -c \"make %ID\"", "su -c"));
  CHECK(second("su - builder --command=\"make %ID\"", "su -c"));
  CHECK(second("ssh host make %ID", "ssh"));
  CHECK(second("ssh -p 22 -oPort=2b host \"make %ID\"", "ssh"));

  // Arguments after the line, and everything that only looks like it.
  CHECK(rewritten("sh -c 'make \"$1\"' sh %ID") == "sh -c 'make \"$1\"' sh \"$RBIT_PACKAGE\"");
  CHECK(rewritten("bash -c 'make \"$RBIT_PACKAGE.pdf\"'") ==
        "bash -c 'make \"$RBIT_PACKAGE.pdf\"'");
  for (const std::string line :
       {"sh build.sh -c %ID", "sh build.sh %ID", "sh -c true; echo %ID", "echo eval %ID",
        "rsync -e ssh %ID.pdf host:", "ssh -i %(deposit_location)s host make", "su -c true %ID",
        "sh -c true > %ID", "cat eval.txt %ID", "tar -c %ID", "sh -c true && tar -c %ID",
        "make -C x sh %ID"}) {
    CHECK_MESSAGE(errors(line).empty(), line);
  }
}

TEST_CASE("a placeholder is refused where a shell, bash above all, would calculate its text") {
  for (const std::string line :
       {"while ((%JOB > 1)); do :; done", "for ((i = %JOB; i; i--)); do :; done", "echo $[%JOB]",
        "if true; then ((x = %JOB)); fi"})
    CHECK(refused(line, "%JOB stands in $(( ))"));
  for (const std::string line : {"echo ${x:%ID}", "echo \"${x:1:%ID}\"", "echo ${a[%ID]}",
                                 "echo ${#a[%ID]}", "echo ${x:$(echo %ID)}"})
    CHECK(refused(line, "%ID stands in ${ } where its text would be calculated"));
  for (const auto& [line, command] : std::vector<std::pair<std::string, std::string>>{
           {"[[ %ID -eq 1 ]]", "[[ -eq"},
           {"if [[ 1 -lt \"%ID\" ]]; then :; fi", "[[ -eq"},
           {"a[%ID]=1", "a[ ]="},
           {"declare -i x=%ID", "declare"},
           {"local %ID", "local"},
           {"export a[%ID]=1", "export"},
           {"read -r %ID", "read"},
           {"unset \"%ID\"", "unset"},
           {"printf -v %ID x", "printf -v"},
           {"[ -v %ID ]", "[ -v"},
           {"coproc eval %ID", "eval"}}) {
    CHECK(refused(line, "%ID stands in an argument of '" + command + "', which "));
  }
  CHECK(refused("echo $'a\\'b' %ID", "%ID stands behind a $' '"));
  for (const std::string line :
       {"[[ %ID == x ]]", "[[ -f %ID && x = %ID ]]", "export X=%ID Y=\"%ID\"", "local x=%ID",
        "read x < %ID", "printf '%s' %ID -v", "echo ${x:-%ID} ${x:+%ID} ${x#%ID} ${x/a/%ID}",
        "[ %ID = 1 ]", "echo $'a\\n\\\\' %ID", "ls x[%ID]", "echo \"$'\" %ID", "(cd x; make %ID)"})
    CHECK_MESSAGE(errors(line).empty(), line);
}

TEST_CASE("the variables a line needs are known") {
  const auto result = rewrite_shell_line("a %ID \"%URI\" %ID %(deposit_location)s", settings);
  CHECK(result.variables ==
        std::vector<std::string>{"RBIT_PACKAGE", "RBIT_URI", "RBIT_SETTING_DEPOSIT_LOCATION"});
}

TEST_CASE("no text of a message is ever code for /bin/sh, and it arrives as it is") {
  const std::vector<std::string> hostile{"$(touch canary)",
                                         "`touch canary`",
                                         "; touch canary",
                                         "| touch canary",
                                         "& touch canary &",
                                         "'; touch canary; '",
                                         "\"; touch canary; \"",
                                         "\n touch canary\n",
                                         "$((canary=1))",
                                         "${IFS}touch${IFS}canary",
                                         "a b  c",
                                         "*",
                                         "~",
                                         "\\",
                                         "\\\\\"",
                                         "-n",
                                         "-e x",
                                         "'",
                                         "\"",
                                         "%VERSION",
                                         "{settings.x}",
                                         "> canary",
                                         "$RBIT_VERSION",
                                         "\t",
                                         "!!",
                                         "\xff\xfe\x01",
                                         "}; touch canary",
                                         ")); touch canary",
                                         "x$(touch canary)'$(touch canary)'\"$(touch canary)",
                                         "trailing newline\n",
                                         std::string(5000, 'x') + "$(touch canary)"};
  const std::vector<std::pair<std::string, std::string>> lines{
      {"printf '<%s>' %ID.pdf", "<@.pdf>"},
      {"printf '<%s>' \"%ID.pdf\" x%ID\"%ID\"", "<@.pdf><x@@>"},
      {"printf '<%s>' %ID%URI", "<@@>"},
      {"x=%ID; printf '<%s>' \"$x\"", "<@>"},
      {"printf '<%s>' \"$(printf '%s.' %ID)\"", "<@.>"},
      {"printf '<%s>' \"$(printf '%s.' \"%ID\")%ID\"", "<@.@>"},
      {"printf '<%s>' \"$(case %ID in nothing) ;; *) printf %s. %ID;; esac)\"", "<@.>"},
      {"printf '<%s>' ${nothing:-%ID} \"${nothing:-%ID}\"", "<@><@>"},
      {"for x in %ID \"%ID\"; do printf '<%s>' \"$x\"; done", "<@><@>"},
      {"sh -c 'printf \"<%s>\" \"$1\" \"$RBIT_PACKAGE\"' sh %ID", "<@><@>"},
      {"f() { printf '<%s>' \"$@\"; }; f %ID it\\'s", "<@><it's>"},
      {"printf '<%s>' \\\\%ID \"\\\\%ID\" '' # %ID '", "<\\@><\\@><>"},
      {"cat <<'END' >/dev/null\n' \"\nEND\nprintf '<%s>' %ID", "<@>"},
      {"printf '<%s>' %(deposit_location)s/%ID", "</srv/deposit/@>"},
      {"printf '<%s>' %{header:h} \"x%{header:h!}\"%{key}", "<@><x@@>"},
      {"x=%{header:h}; printf '<%s>' \"$x\" \"$RBIT_HEADER_H\"", "<@><@>"},
      {"printf '<%s>' \"$(printf '%s.' \"%{header:h}\")%{key}\" ${nothing:-%{key}}", "<@.@><@>"},
      {"export x=%{header:h}; sh -c 'printf \"<%s>\" \"$x\" \"$1\"' sh %{key}", "<@><@>"}};
  const TempDir directory;
  for (const auto& [line, pattern] : lines) {
    const std::string shell_line = rewritten(line);
    const auto facts = rewrite_shell_line(line, settings).facts;
    for (const auto& text : hostile) {
      Job job;
      job.key = text;
      job.head.headers["h"] = text;
      job.request.package = job.request.uri = text;
      std::string expected;
      for (const char c : pattern) expected += c == '@' ? text : std::string(1, c);
      INFO(shell_line, " with ", text);
      CHECK(run_shell(shell_line, job, directory.path(), facts) == expected);
      REQUIRE(test::names_in(directory.path()) == std::vector<std::string>{".stdout"});
    }
  }
}

TEST_CASE("the documented lines run") {
  const TempDir directory;
  Job job;
  job.request.package = "m1234";
  job.request.version = "1.1";
  const auto here = [&](const std::string& line) {
    return run_shell(rewrite_shell_line(line, {{"deposit_location", directory.path()}}).line, job,
                     directory.path());
  };
  // `deposit_location` of the environment is the one of `settings`.
  CHECK(here("printf %s %ID.pdf") == "m1234.pdf");
  CHECK(here("echo cp module.pdf %(deposit_location)s/") == "cp module.pdf /srv/deposit/\n");
  CHECK(here("echo cp module.pdf {settings.deposit_location}/") == "cp module.pdf /srv/deposit/\n");
  CHECK(here("%ID.pdf").find("m1234.pdf: not found") != std::string::npos);
}

}  // namespace rbit
