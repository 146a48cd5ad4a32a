#include <csignal>

#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

RunnerPolicy policy(const std::string& keys) {
  return settings("[rbit]\nqueue-mappings = q:r\n[runner:r]\nrunner = plugin!a.so\n" + keys)
      .runners.at("r")
      .policy;
}

/// What is found beside the file's place: keys begin at line 5.
std::string found(const std::string& keys) {
  return findings("[rbit]\nqueue-mappings = q:r\n[runner:r]\nrunner = plugin!a.so\n" + keys);
}

}  // namespace

TEST_CASE("prefetch-ahead: some where messages are not builds") {
  CHECK(policy("").most_ahead() == 0);
  CHECK(policy("message = json\n").most_ahead() == 16);
  CHECK(policy("message = raw\n").most_ahead() == 16);
  CHECK(policy("prefetch-ahead = 5\n").most_ahead() == 5);
  CHECK(policy("message = raw\nprefetch-ahead = 0\n").most_ahead() == 0);
  CHECK(found("prefetch-ahead = 1001\n") ==
        "rbit.ini:5: [runner:r] prefetch-ahead: '1001' is not a number from 0 to 1000\n");
}

TEST_CASE("every policy key") {
  const auto got = policy(
      "slots = 3\ntimeout = 2h\nidle-timeout = 10m\ngrace = 500ms\ncancel-signal = SIGINT\n"
      "attempts = 2\nretry-delay = 1\nretry-ceiling = 1d\nblocked-exit-codes = 1, 3\n"
      "keep-warm = 7\nartifacts = *.pdf\n  out/*.txt a.log\noutput-dir = /srv\nkeep-work = on\n"
      "log-limit = 1M\noutput-limit = 3G\nenv.MiXed_1 = a b\npass-env = LANG, DISPLAY\nuser = "
      "nobody\nnice = -3\n"
      "max-memory = 2G\n"
      "max-processes = 200\n");
  CHECK(got.slots == 3);
  CHECK(got.timeout == std::chrono::hours(2));
  CHECK(got.idle_timeout == std::chrono::minutes(10));
  CHECK(got.grace == std::chrono::milliseconds(500));
  CHECK(got.cancel_signal == SIGINT);
  CHECK(got.attempts == 2);
  CHECK(got.retry_delay == std::chrono::seconds(1));
  CHECK(got.retry_ceiling == std::chrono::hours(24));
  CHECK(got.blocked_exit_codes == std::set<int>{1, 3});
  CHECK(got.keep_warm == 7);
  CHECK(got.artifacts == std::vector<std::string>{"*.pdf", "out/*.txt", "a.log"});
  CHECK(got.output_dir == "/srv");
  CHECK(got.keep_work);
  CHECK(got.log_limit == 1 << 20);
  CHECK(got.output_limit == 3LL << 30);
  CHECK(got.env == std::map<std::string, std::string>{{"MiXed_1", "a b"}});
  CHECK(got.pass_env == std::vector<std::string>{"LANG", "DISPLAY"});
  CHECK(got.user == "nobody");
  CHECK(got.nice == -3);
  CHECK(got.max_memory == 2LL << 30);
  CHECK(got.max_processes == 200);
}

TEST_CASE("patterns of artifacts may be quoted, and stand on lines of their own") {
  using List = std::vector<std::string>;
  const auto got = policy(
      "artifacts = 'My Book *.pdf' \"it's.txt\"\n    dist/\n    \"my dir\"/*.txt a\\ b\n"
      "artifacts-required = *.pdf\nartifacts-when = done, Timeout blocked\n");
  CHECK(got.artifacts == List{"My Book *.pdf", "it's.txt", "dist/", "my dir/*.txt", "a\\ b"});
  CHECK(got.artifacts_required == List{"*.pdf"});
  CHECK(got.artifacts_when == std::set<Outcome::Kind>{Outcome::Kind::done, Outcome::Kind::timed_out,
                                                      Outcome::Kind::blocked});
  CHECK(policy("").artifacts_when ==
        std::set<Outcome::Kind>{Outcome::Kind::done, Outcome::Kind::failed});
}

TEST_CASE("output-dir takes settings, and leaves the placeholders of jobs") {
  CHECK(policy("top = /srv/100%ID\noutput-dir = %(top)s/%ID/%VERSION/%JOB/%%x\n").output_dir ==
        "/srv/100%%ID/%ID/%VERSION/%JOB/%%x");
}

TEST_CASE("all keys are settings too, lower-cased, with those of [DEFAULT]") {
  const auto got = settings("[DEFAULT]\ntimeout = 5\nShared = x\n" + sound + "My-Key = a\n  b\n")
                       .runners.at("echo")
                       .policy;
  CHECK(got.timeout == std::chrono::seconds(5));
  CHECK(got.settings ==
        std::map<std::string, std::string>{
            {"runner", "shell!echo"}, {"my-key", "a\nb"}, {"timeout", "5"}, {"shared", "x"}});
}

TEST_CASE("a shell line is always started anew") {
  CHECK(settings(sound).runners.at("echo").policy.keep_warm == 1);
  CHECK(findings(sound + "keep-warm = 5\n") ==
        "rbit.ini:6: warning: [runner:echo] keep-warm: not read, a shell line is always started "
        "anew\n");
}

TEST_CASE("exit codes may be ranges") {
  CHECK(policy("blocked-exit-codes = 1-3, 75, 9-9\n").blocked_exit_codes ==
        std::set<int>{1, 2, 3, 9, 75});
  CHECK(policy("blocked-exit-codes = 1-255\n").blocked_exit_codes.size() == 255);
}

TEST_CASE("what people of rabbitmq-cli-consumer ask for") {
  const auto got =
      settings(sound + "exit-codes = strict\nmetadata-fd = 4\n").runners.at("echo").policy;
  CHECK(got.strict_exit_codes);
  CHECK(got.metadata_fd == 4);
  const auto plain = settings(sound + "exit-codes = plain\n").runners.at("echo").policy;
  CHECK_FALSE(plain.strict_exit_codes);
  CHECK(plain.metadata_fd == 0);
  CHECK(findings(sound + "metadata-fd = 3\nexit-codes = STRICT\n").empty());
  CHECK(findings(sound + "metadata-fd = 2\n") ==
        "rbit.ini:6: [runner:echo] metadata-fd: 1 and 2 are the job's output (write 3 to 9)\n");
  CHECK(findings(sound + "metadata-fd = 10\n") ==
        "rbit.ini:6: [runner:echo] metadata-fd: '10' is not a number from 0 to 9\n");
  CHECK(findings(sound + "exit-codes = lax\n") ==
        "rbit.ini:6: [runner:echo] exit-codes: 'lax' is not one of plain, strict\n");
  CHECK(findings(sound + "exit-codes = strict\nblocked-exit-codes = 4\n") ==
        "rbit.ini:7: warning: [runner:echo] blocked-exit-codes: not read, exit-codes = strict has "
        "codes of its own\n");
  CHECK(found("exit-codes = strict\nmetadata-fd = 4\n") ==
        "rbit.ini:5: warning: [runner:r] exit-codes: not read, it is for shell lines only\n"
        "rbit.ini:6: warning: [runner:r] metadata-fd: not read, it is for shell lines only\n");
}

TEST_CASE("the name is what follows runner:, as a prefix and not as letters") {
  const auto got = settings("[rbit]\nqueue-mappings = q:epub\n[runner: epub ]\nrunner = shell!x\n");
  CHECK(got.runners.contains("epub"));
  CHECK(findings(sound + "[runner:two words]\nrunner = shell!x\n") ==
        "rbit.ini:6: [runner:two words] a runner's name is one word (write [runner:NAME])\n");
  CHECK(findings(sound + "[runner: echo]\nrunner = shell!x\n") ==
        "rbit.ini:6: [runner:echo] is there twice (first at line 4)\n");
}

TEST_CASE("each runner must have `runner`, used or not") {
  const std::string missing =
      "'runner' is missing (write runner = shell!COMMAND, plugin!LIBRARY.so:NAME or "
      "python!MODULE:FUNCTION, or script = FILE)\n";
  CHECK(findings(sound + "[runner:idle]\nx = 1\n") == "rbit.ini:6: [runner:idle] " + missing);
  CHECK(findings(sound + "[runner:idle]\nrunner =\n") == "rbit.ini:7: [runner:idle] " + missing);
}

TEST_CASE("wrong values") {
  CHECK(found("timeout = 4x\n") ==
        "rbit.ini:5: [runner:r] timeout: '4x' is not a duration such as 30, 500ms, 90s, 2m, 1h\n");
  CHECK(
      found("cancel-signal = FOO\n") ==
      "rbit.ini:5: [runner:r] cancel-signal: 'FOO' is no signal (write TERM, INT, HUP, 15 ...)\n");
  CHECK(found("blocked-exit-codes = 0 75 256\n") ==
        "rbit.ini:5: [runner:r] blocked-exit-codes: '0' is neither a number from 1 to 255 nor a "
        "range of them such as 1-255\n"
        "rbit.ini:5: [runner:r] blocked-exit-codes: '256' is neither a number from 1 to 255 nor a "
        "range of them such as 1-255\n");
  for (const char* wrong : {"5-3", "1-256", "-3", "3-", "1-2-3", "a-b"})
    CHECK(findings(sound + "blocked-exit-codes = " + wrong + "\n").find("is neither") !=
          std::string::npos);
  CHECK(found("artifacts = /etc/* a/../b\n") ==
        "rbit.ini:5: [runner:r] artifacts: '/etc/*' leads out of the work directory\n"
        "rbit.ini:5: [runner:r] artifacts: 'a/../b' leads out of the work directory\n");
  CHECK(found("artifacts = 'a b\n") ==
        "rbit.ini:5: [runner:r] artifacts: a quote has no end (a pattern that holds one is written "
        "\\' or \\\")\n");
  CHECK(found("artifacts-required = '' a//b ../x\n") ==
        "rbit.ini:5: [runner:r] artifacts-required: '' has a name without text (leave it out)\n"
        "rbit.ini:5: [runner:r] artifacts-required: 'a//b' has a name without text (write one / "
        "in place of //)\n"
        "rbit.ini:5: [runner:r] artifacts-required: '../x' leads out of the work directory\n");
  CHECK(found("artifacts-required = *.html\nartifacts-when = failed\n") ==
        "rbit.ini:5: [runner:r] artifacts-required: artifacts-when keeps nothing of a job that is "
        "done, so nothing can be required of it (add done to artifacts-when)\n");
  CHECK(found("artifacts-required = *.html\nartifacts-when = failed done\n") == "");
  CHECK(found("artifacts = *.html\nartifacts-when = failed\n") == "");
  CHECK(found("artifacts-when = done never\n") ==
        "rbit.ini:5: [runner:r] artifacts-when: 'never' is none of done, failed, timeout, blocked, "
        "crashed\n");
  CHECK(found("output-dir = %(tpo)s/%ID\n") ==
        "rbit.ini:5: [runner:r] output-dir: unknown setting 'tpo' (add it to the section)\n");
  CHECK(found("keep-work = maybe\n") ==
        "rbit.ini:5: [runner:r] keep-work: 'maybe' is not yes or no\n");
  CHECK(found("log-limit = 1\n") ==
        "rbit.ini:5: [runner:r] log-limit: '1' is not a size such as 512K, 16M, 2G\n");
  CHECK(found("nice = 20\n") ==
        "rbit.ini:5: [runner:r] nice: '20' is not a number from -20 to 19\n");
  CHECK(found("retry-delay = 0\n") == "rbit.ini:5: [runner:r] retry-delay: must be at least 1ms\n");
  CHECK(found("env.2 = x\n") == "rbit.ini:5: [runner:r] env.2: '2' is no name of a variable\n");
  CHECK(found("env.RBIT_X = x\n") ==
        "rbit.ini:5: [runner:r] env.rbit_x: the names that begin with RBIT_ are rbit's own\n");
}

TEST_CASE("pass-env never passes what decides which code runs") {
  for (const char* name : {"LD_PRELOAD", "BASH_ENV", "ENV", "PYTHONPATH", "PERL5LIB", "GIT_SSH",
                           "NOTIFY_SOCKET", "WATCHDOG_PID", "LISTEN_FDS", "CREDENTIALS_DIRECTORY"})
    CHECK(found("pass-env = LANG " + std::string(name) + "\n") ==
          "rbit.ini:5: [runner:r] pass-env: '" + std::string(name) + "' is never passed on (env." +
              name + " = VALUE gives jobs a value of your own)\n");
  CHECK(found("pass-env = ENVIRONMENT LDX\n") == "");
}

TEST_CASE("two settings that give one variable") {
  CHECK(found("print-dir = a\nprint_dir = b\n") ==
        "rbit.ini:6: [runner:r] 'print_dir' and 'print-dir' (line 5) both give "
        "RBIT_SETTING_PRINT_DIR\n");
}

TEST_CASE("an unknown key is a setting; a slip away from a policy key it is a warning as well") {
  CHECK(found("timout = 3\n") ==
        "rbit.ini:5: warning: [runner:r] unknown key 'timout' (did you mean 'timeout'?)\n");
  CHECK(found("tiemout = 3\n") ==
        "rbit.ini:5: warning: [runner:r] unknown key 'tiemout' (did you mean 'timeout'?)\n");
  CHECK(found("keep_warm = 3\n") ==
        "rbit.ini:5: warning: [runner:r] unknown key 'keep_warm' (did you mean 'keep-warm'?)\n");
  CHECK(found("tmeot = 3\nanything = 4\n") == "");  // two slips
  const auto loaded = ConfigFile(sound + "timout = 3\n").load();
  CHECK(loaded.settings.runners.at("echo").policy.settings.at("timout") == "3");
}

TEST_CASE("settings of old files are no slips") {
  CHECK(found("python = a\nhost = a\nname = a\nusername = a\npassword = a\nprint-dir = a\n"
              "path-to-content = a\npdf-generator = a\npython-env = a\ncnx-buildout-dir = a\n"
              "oer.exports-dir = a\ndeposit_location = a\n") == "");
}

TEST_CASE("a script stands in the place of a runner line, from the file's directory") {
  const ConfigFile file(
      "[rbit]\nqueue-mappings = q:e\n[runner:e]\nscript = bin/../build.sh %ID 'a b'\n");
  const auto loaded = file.load();
  CHECK(loaded.findings.empty());
  const auto& runner = loaded.settings.runners.at("e");
  CHECK(runner.script == file.directory() + "/build.sh");
  CHECK(runner.line == "shell!exec '" + file.directory() + "/build.sh' %ID 'a b'");
  CHECK(runner.policy.keep_warm == 1);
  // With a runner it is a setting, as in old files; and so is a shell.
  const auto old = settings(
      "[rbit]\nqueue-mappings = q:e\n[runner:e]\nrunner = python!a:b\nscript = x\n"
      "shell = fish\n");
  CHECK(old.runners.at("e").script.empty());
  CHECK(old.runners.at("e").line == "python!a:b");
  CHECK(findings("[rbit]\nqueue-mappings = q:e\n[runner:e]\nscript = $HOME/x\n") ==
        "rbit.ini:4: [runner:e] script: '$HOME/x' is no plain name of a file (letters, digits and "
        "./+_-, others in single quotes)\n");
}

TEST_CASE("the arguments of a script may stand on several lines, and its name in quotes") {
  const ConfigFile file(
      "[rbit]\nqueue-mappings = q:e\n[runner:e]\nscript = 'my script.sh' a\n    b \"c d\"\n");
  const auto loaded = file.load();
  CHECK(loaded.ok());
  const auto& runner = loaded.settings.runners.at("e");
  CHECK(runner.script == file.directory() + "/my script.sh");
  CHECK(runner.line == "shell!exec '" + file.directory() + "/my script.sh' a b \"c d\"");
  CHECK(findings("[rbit]\nqueue-mappings = q:e\n[runner:e]\nscript = x ; y\n") ==
        "rbit.ini:4: [runner:e] script: ';' is no argument, and nothing but the script is run (put "
        "it in single quotes, or write runner = shell!... for a line of commands)\n");
}
