// What a shell job gives by its events, from the line to the outcome.
#include <doctest/doctest.h>

#include <filesystem>

#include "rbit/base/secrets.h"
#include "rbit/run/outcome_file.h"
#include "tests/unit/run/runner_fixture.h"

using namespace rbit;
using test::RunnerFixture;

namespace {

struct SendingFixture : RunnerFixture {
  SendingFixture() { policy.may_publish = {{"", "*"}, {"orders", "new.#"}}; }

  Outcome say(const std::string& events, const std::string& before = "") {
    shell(before + "cat >&3 <<'END'\n" + events + "\nEND");
    return run_job();
  }
};

}  // namespace

TEST_CASE_FIXTURE(SendingFixture, "what a done job gives is in its outcome, in order") {
  policy.metrics = {{"pages_total", {"kind"}}, {"size", {}}};
  const Outcome outcome = say(
      R"({"publish": {"key": "a", "body": "one"}}
{"publish": {"exchange": "orders", "key": "new.b", "body": {"two": 2}, "delay": "1m"}}
{"result": 1}
{"result": {"pages": 3}}
{"metric": {"name": "pages_total", "add": 2, "labels": {"kind": "x"}}}
{"metric": {"name": "pages_total", "add": 3, "labels": {"kind": "x"}}}
{"metric": {"name": "size", "set": 7}}
{"metric": {"name": "size", "add": 1}}
{"metric": {"name": "pages_total", "add": -1, "labels": {"kind": "y"}}}
{"metric": {"name": "pages_total", "set": 1, "labels": {"kind": "y"}}}
{"metric": {"name": "pages_total", "add": 1}}
{"metric": {"name": "unknown", "add": 1}})");
  CHECK(outcome.kind == Outcome::Kind::done);
  CHECK(outcome.given.result == R"({"pages":3})");
  REQUIRE(outcome.given.publications.size() == 2);
  CHECK(outcome.given.publications[0].body == "one");
  CHECK(outcome.given.publications[1].body == R"({"two":2})");
  CHECK(outcome.given.publications[1].delay == std::chrono::minutes(1));
  REQUIRE(outcome.given.metrics.size() == 2);
  CHECK(outcome.given.metrics[0].value == 5);
  CHECK(outcome.given.metrics[1].value == 8);
  CHECK(outcome.given.metrics[1].kind == MetricChange::Kind::set);
  CHECK(sent_now.empty());

  const auto noted = read_outcome(record);
  REQUIRE(noted);
  CHECK(noted->given.result == outcome.given.result);
  REQUIRE(noted->given.publications.size() == 2);
  CHECK(noted->given.publications[1].to.exchange == "orders");
  CHECK(noted->given.publications[1].delay == std::chrono::minutes(1));
  CHECK(noted->given.publications[1].body == R"({"two":2})");
  CHECK(noted->given.metrics.size() == 2);
}

TEST_CASE_FIXTURE(SendingFixture, "what is to go now goes; a job that fails sends nothing else") {
  shell(
      "echo '{\"publish\": {\"key\": \"a\", \"body\": 1}}' >&3; "
      "echo '{\"publish\": {\"key\": \"b\", \"body\": 2, \"when\": \"now\"}}' >&3; "
      "echo '{\"result\": 5, \"message\": \"its words\"}' >&3; exit 3");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Outcome::Kind::failed);
  CHECK(outcome.given.publications.empty());
  CHECK(outcome.given.result == "5");
  CHECK(outcome.message == "its words");
  REQUIRE(sent_now.size() == 1);
  CHECK(sent_now[0].body == "2");
}

TEST_CASE_FIXTURE(SendingFixture, "a publish that is refused makes a done job a failed one") {
  const auto why = [&](const std::string& events) {
    const Outcome outcome = say(events);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.reason == "publish");
    CHECK(outcome.given.publications.empty());
    return outcome.message;
  };
  CHECK(why("{\"publish\": {\"exchange\": \"orders\", \"key\": \"old\"}}\n"
            "{\"publish\": {\"key\": \"a\"}}") ==
        "publish to orders:old is not allowed (add orders:old to may-publish in [runner:pdf])");
  CHECK(why("{\"publish\": {\"key\": \"a.b\", \"when\": \"now\"}}") ==
        "publish to :a.b is not allowed (add :a.b to may-publish in [runner:pdf])");
  CHECK(sent_now.empty());
  CHECK(why("{\"publish\": {\"key\": \"a\", \"delay\": \"x\"}}") ==
        "a publish event: delay is no duration of at most 24 days, such as 30s or 5m (see "
        "rbit-runner(7))");
  CHECK(why("{\"publish\": {\"key\": \"a\"").starts_with("a publish event: not JSON"));
  mistake = "no runner takes from it";
  CHECK(why("{\"publish\": {\"key\": \"a\"}}") == "publish to :a: no runner takes from it");
  mistake.clear();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "{\"publish\": {\"key\": \"a\"}}\n";
  CHECK(say(many).given.publications.size() == 1000);
  CHECK(why(many + "{\"publish\": {\"key\": \"a\"}}") == "publish: more than 1000 messages");
  std::string large;
  for (int i = 0; i < 300; ++i)
    large += "{\"publish\": {\"key\": \"a\", \"body\": \"" + std::string(60'000, 'x') + "\"}}\n";
  test::write_file(dir / "large", large);
  shell("cat " + (dir / "large") + " >&3");
  CHECK(run_job().message == "publish: more than 16 MiB of messages together");
  // A job that failed by itself says why by itself.
  shell("echo '{\"publish\": {\"exchange\": \"x\"}}' >&3; echo no >&2; exit 2");
  CHECK(run_job().reason == "exit 2");
}

TEST_CASE_FIXTURE(SendingFixture, "a file is read below the job's directory, and nowhere else") {
  const auto name_it = [](const std::string& file) {
    return R"({"publish": {"key": "a", "file": ")" + file + "\"}}";
  };
  const Outcome whole = say(name_it("sub/a.bin"), "mkdir sub; printf 'a\\000b' > sub/a.bin; ");
  CHECK(whole.message == "");
  REQUIRE(whole.given.publications.size() == 1);
  CHECK(whole.given.publications[0].body == std::string("a\0b", 3));
  CHECK(read_outcome(record)->given.publications.at(0).body == std::string("a\0b", 3));
  shell(
      "echo x > a; printf '{\"publish\": {\"key\": \"a\", \"file\": \"%s/a\", \"when\": "
      "\"now\"}}\\n' "
      "\"$PWD\" >&3; sleep 0.2; rm a");
  CHECK(run_job().kind == Outcome::Kind::done);
  REQUIRE(sent_now.size() == 1);
  CHECK(sent_now[0].body == "x\n");

  const auto why = [&](const std::string& file, const std::string& before) {
    const Outcome outcome = say(name_it(file), before);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.reason == "publish");
    return outcome.message;
  };
  test::write_file(dir / "secret", "s");
  CHECK(why("missing", "").find("No such file") != std::string::npos);
  CHECK(why("../../../secret", "").find("below the job's directory") != std::string::npos);
  CHECK(why("/etc/passwd", "").find("publish of file /etc/passwd") == 0);
  CHECK(why("l", "ln -s " + (dir / "secret") + " l; ").find("it is a link") != std::string::npos);
  CHECK(why("d/passwd", "ln -s /etc d; ").find("below the job's directory") != std::string::npos);
  CHECK(why("h", "echo a > b; ln b h; ").find("hard links") != std::string::npos);
  CHECK(why("p", "mkfifo p; ").find("no regular file") != std::string::npos);
  CHECK(why(".", "").find("no regular file") != std::string::npos);
  CHECK(why("big", "truncate -s 4194305 big; ").find("larger than 4 MiB") != std::string::npos);
  CHECK(say(name_it("big"), "truncate -s 4194304 big; ").given.publications.at(0).body.size() ==
        4u << 20);
}

TEST_CASE_FIXTURE(SendingFixture, "a result loses its secrets and stays JSON") {
  secrets::hide("4711secret");
  secrets::hide("987654321");
  const Outcome outcome =
      say(R"({"result": {"a": "x 4711secret y", "4711secret": 1, "n": [1987654321, 5, "b"]}})");
  CHECK(outcome.given.result == R"({"***":1,"a":"x *** y","n":["1***",5,"b"]})");
}

TEST_CASE_FIXTURE(SendingFixture,
                  "progress is passed on, though not each of a flood; the last is") {
  shell(
      "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo \"{\\\"progress\\\": {\\\"done\\\": $i, "
      "\\\"total\\\": 500}}\"; done >&3");
  CHECK(run_job().kind == Outcome::Kind::done);
  REQUIRE(progress.size() >= 2);
  CHECK(progress.size() < 100);
  CHECK(progress.back().done == 500);
}
