#include "config_file.h"
#include "tests/support/text.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

/// What is shown of a file, with the directory left out.
std::string shown(const std::string& text, const Overrides& overrides = {}) {
  const ConfigFile file(text);
  std::string out = show(file.load(overrides));
  const std::string prefix = file.directory() + "/";
  for (auto at = out.find(prefix); at != std::string::npos; at = out.find(prefix))
    out.erase(at, prefix.size());
  return out;
}

}  // namespace

TEST_CASE("every value in force, and where it comes from") {
  Overrides overrides;
  overrides.poll_time = std::chrono::seconds(9);
  const auto text = shown(
      "[DEFAULT]\ntimeout = 1h\n[coyote]\nqueue-mappings =\n  q:r\n  p:r\n[runner:r]\n"
      "runner = plugin!a.so\ngrace = 30s\nmine = 4\n[log]\nlevel = DEBUG\n",
      overrides);
  CHECK(text.starts_with("[coyote]\n(default) name = "));
  CHECK(has_line(text, "(command line) poll-time = 9"));
  CHECK(has_line(text, "(rbit.ini:4) queue-mappings =\n    q:r\n    p:r"));
  CHECK(has_line(text, "[amqp]\n(default) url =\n(default) host = localhost"));
  CHECK(has_line(text, "(default) report = amqp, log"));
  CHECK(has_line(text, "[log]\n(rbit.ini:12) level = DEBUG"));
  CHECK(has_line(text, "[runner:r]\n(rbit.ini:8) runner = plugin!a.so"));
  CHECK(has_line(text, "(rbit.ini:9) grace = 30s"));
  CHECK(has_line(text, "(rbit.ini:2) timeout = 1h"));
  CHECK(has_line(text, "(default) attempts = 5"));
  CHECK(has_line(text, "(rbit.ini:10) mine = 4"));
  CHECK(text.find("[runner:r]") > text.find("[log]"));
}

TEST_CASE("where artifacts go is shown though no file says it") {
  CHECK(
      has_line(shown("[rbit]\nstate-dir = s\nqueue-mappings = q:r\n[runner:r]\nrunner = shell!x\n"),
               "(default) output-dir = s/output"));
  CHECK(has_line(shown("[DEFAULT]\noutput-dir = o\n" + sound), "(rbit.ini:2) output-dir = o"));
}

TEST_CASE("secrets are masked, wherever they stand") {
  const auto text = shown(sound +
                          "password = hush1\napi-token = hush2\nenv.MY_KEY = hush3\n"
                          "[amqp]\nurl = amqp://u:hush4@h/v\n"
                          "[status]\nurl = http://h\nusername = u\npassword = hush5\n");
  CHECK(text.find("hush") == std::string::npos);
  CHECK(has_line(text, "(rbit.ini:6) password = ***"));
  CHECK(has_line(text, "(rbit.ini:10) url = amqp://***@h/v"));
  CHECK(has_line(text, "(rbit.ini:10) virtual_host = v"));
}

TEST_CASE("a setting from [DEFAULT] is shown with its runner, a shell line's keep-warm as it is") {
  const auto text = shown("[DEFAULT]\nshared = x\n" + sound);
  CHECK(has_line(text, "(rbit.ini:2) shared = x"));
  CHECK(has_line(text, "(default) keep-warm = 1"));
}
