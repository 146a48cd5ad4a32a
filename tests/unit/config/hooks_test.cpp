#include "config_file.h"
#include "tests/support/text.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

using Words = std::vector<std::string>;

HookSettings hook(const std::string& keys) {
  return settings(sound + "[hook:h]\n" + keys).hooks.at("h");
}
/// Keys begin at line 7.
std::string found(const std::string& keys) {
  return findings(sound + "[hook:h]\n" + keys);
}

}  // namespace

TEST_CASE("a hook, and what it is by default") {
  const HookSettings usual = hook("run = shell!true ; false\non = done\n");
  CHECK(usual.name == "h");
  CHECK(usual.line == "shell!true ; false");
  CHECK(usual.on == std::set<HookEvent>{HookEvent::done});
  CHECK(usual.runners.empty());
  CHECK(usual.is_about("anything"));
  CHECK_FALSE(usual.required);
  CHECK(usual.policy.timeout == std::chrono::seconds(10));
  CHECK(usual.policy.grace == hook_grace);
  CHECK(usual.policy.output_limit == 64 << 20);
  CHECK(usual.policy.artifacts_when.empty());
  CHECK_FALSE(usual.policy.may_send());
  CHECK(usual.hears_ends());
}

TEST_CASE("all that a hook can say") {
  const HookSettings all = hook(
      "run = python!m:f\non = before, Failed blocked cancelled connection-fail done\n"
      "runners = echo\ntimeout = 1m\nrequired = yes\nuser = nobody\nenv.Name = x\n"
      "pass-env = LANG\n");
  CHECK(all.on.size() == 6);
  CHECK(all.runners == Words{"echo"});
  CHECK(all.is_about("echo"));
  CHECK_FALSE(all.is_about("other"));
  CHECK(all.required);
  CHECK(all.policy.timeout == std::chrono::minutes(1));
  CHECK(all.policy.user == "nobody");
  CHECK(all.policy.env.at("Name") == "x");
  CHECK(all.policy.pass_env == Words{"LANG"});
  CHECK_FALSE(all.policy.settings.contains("run"));
  CHECK(hook("run = shell!x\non = before connection-fail\n").hears_ends() == false);
}

TEST_CASE("a line of a hook is a text as that of a runner is") {
  CHECK(hook("run = shell!if true; then\n    echo x\n  fi\non = done\n").line ==
        "shell!if true; then\n  echo x\nfi");
}

TEST_CASE("mistakes of hooks") {
  CHECK(found("on = done\n") ==
        "rbit.ini:6: [hook:h] 'run' is missing (write run = shell!COMMAND, "
        "plugin!LIBRARY.so:NAME or python!MODULE:FUNCTION)\n");
  CHECK(found("run = shell!x\n") ==
        "rbit.ini:6: [hook:h] 'on' is missing (write on = and one or more of before, done, failed, "
        "blocked, cancelled, connection-fail)\n");
  CHECK(found("run = shell!x\non = don\n") ==
        "rbit.ini:8: [hook:h] on: 'don' is no event of hooks (did you mean 'done'?)\n");
  CHECK(
      found("run = shell!x\non = done success\n")
          .starts_with("rbit.ini:8: [hook:h] on: 'success' is no event of hooks (known: before,"));
  CHECK(found("run = shell!x\non = done\nrequired = yes\n")
            .starts_with("rbit.ini:9: [hook:h] required: is for before alone"));
  CHECK(found("run = shell!x\non = before\nrunners = q echo\n") ==
        "rbit.ini:9: [hook:h] runners: 'q' is the name of no runner (write that of a "
        "[runner:NAME])\n");
  CHECK(found("run = shell!x\non = done\ntimeout = 0\n")
            .starts_with("rbit.ini:9: [hook:h] timeout: must be at least 1ms"));
  CHECK(found("run = shell!x\non = done\npass-env = LD_PRELOAD\n")
            .starts_with("rbit.ini:9: [hook:h] pass-env: 'LD_PRELOAD' is never passed on"));
  CHECK(found("run = shell!x\non = done\nenv.RBIT_X = 1\n")
            .starts_with("rbit.ini:9: [hook:h] env.rbit_x: the names that begin with RBIT_"));
  CHECK(found("run = shell!x\non = done\nuser =\n").starts_with("rbit.ini:9: [hook:h] 'user' is"));
  CHECK(found("run = shell!x\non = connection-fail\nrunners = echo\n") ==
        "rbit.ini:9: warning: [hook:h] runners: not read, connection-fail is about no job\n");
  CHECK(findings(sound + "[hook:a b]\nrun = shell!x\non = done\n") ==
        "rbit.ini:6: [hook:a b] a hook's name is one word (write [hook:NAME])\n");
  CHECK(findings(sound + "[hook]\nrun = shell!x\non = done\n") ==
        "rbit.ini:6: [hook] a hook's section is called [hook:NAME]\n");
  CHECK(findings(sound + "[hook:a]\nrun = shell!x\non = done\n[hook: a]\nrun = shell!x\non = "
                         "done\n") == "rbit.ini:9: [hook:a] is there twice (first at line 6)\n");
}

TEST_CASE("hooks are shown with what they have by default") {
  const ConfigFile file(sound + "[hook:h]\nrun = shell!x\non = done\nenv.API_TOKEN = hush\n");
  const std::string text = show(file.load());
  CHECK(text.find("rbit.ini:7) run = shell!x\n") != std::string::npos);
  CHECK(has_line(text, "(default) timeout = 10s"));
  CHECK(text.find("hush") == std::string::npos);
}
