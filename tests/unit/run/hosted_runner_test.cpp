#include "rbit/run/hosted_runner.h"

#include <signal.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "rbit/run/record.h"
#include "tests/unit/run/runner_fixture.h"

using namespace rbit;
using Kind = Outcome::Kind;

namespace {

/// Hosts that are shell scripts: the protocol without plugins. `say` adds the job's token.
struct HostedFixture : test::RunnerFixture {
  /// `body` runs for each job, whose line is in $line; it ends the loop with `break`.
  void host(const std::string& body, const std::string& first = "say '{\"ready\":true}'") {
    const std::string script =
        "token=; raw() { printf '%s\\n' \"$1\" >&3; }; "
        "say() { raw \"${1%?}${token:+,\\\"token\\\":\\\"$token\\\"}}\"; }; done_() { say "
        "'{\"result\":\"done\",\"message\":\"'\"$1\"'\"}'; }; " +
        first + "; while read -r line; do token=${line##*'\"token\":\"'}; token=${token%%'\"'*}; " +
        body + "; done";
    start({"/bin/sh", "-c", script}, "plugin!x.so:x");
  }
  void start(std::vector<std::string> argv, const std::string& what) {
    end();
    runner = std::make_unique<HostedRunner>(loop.get_executor(), std::move(argv), what,
                                            "runner:pdf", policy, where, leaders);
  }
};

}  // namespace

TEST_CASE_FIXTURE(HostedFixture, "a host does job after job, and its result is the verdict") {
  host("n=$((n + 1)); echo \"job $n\"; done_ \"number $n of $$\"");
  REQUIRE(prepare().has_value());
  const Outcome first = run_job(job("one"));
  CHECK(first.kind == Kind::done);
  CHECK(first.message.starts_with("number 1 of "));
  CHECK(log_of(first) == "job 1\n");
  const Outcome second = run_job(job("two"));
  CHECK(second.message.starts_with("number 2 of "));
  CHECK(log_of(second) == "job 2\n");  // each its own log
  const auto read = read_leader_record(record);
  REQUIRE(read.has_value());
  REQUIRE(read->has_value());
  CHECK((*read)->host_released);

  host("say '{\"result\":\"blocked\",\"message\":\"later\"}'");
  CHECK(run_job().kind == Kind::blocked);
  host("echo 'last word'; say '{\"result\":\"failed\"}'");
  const Outcome failed = run_job();
  CHECK(failed.kind == Kind::failed);
  CHECK(failed.message == "last word");
}

TEST_CASE_FIXTURE(HostedFixture, "the job line holds the job") {
  policy.settings = {{"quality", "high"}};
  host("printf '%s' \"$line\"; done_ ok");
  const Outcome outcome = run_job();
  const std::string line = log_of(outcome);
  for (const char* part :
       {"\"id\":\"key-1\"", "\"queue\":\"queue\"", "\"runner\":\"pdf\"", "\"attempt\":1",
        "\"package\":\"m9000\"", "\"master\":\"0\"", "\"timestamp\":\"1367322533\"",
        "\"settings\":{\"quality\":\"high\"}", "\"payload\":\"{\\\"body\\\": 1}\\n\""})
    CHECK_MESSAGE(line.find(part) != std::string::npos, part);
  CHECK(line.find("\"record_file\":\"" + RecordName::parse(record).file()) != std::string::npos);
}

TEST_CASE_FIXTURE(HostedFixture, "the job line holds what is known of its message") {
  message.content_type = "text/plain";
  message.correlation_id = "c";
  message.reply_to = "answers";
  message.type = "order";
  message.message_id = "m";
  message.app_id = "a";
  message.timestamp = 1700000000;
  message.priority = 4;
  message.exchange = "orders";
  message.routing_key = "order.new";
  message.headers = {{"x-kind", std::string("new")},
                     {"x-n", std::int64_t{3}},
                     {"x-f", 1.5},
                     {"x-t", true},
                     {"x-bytes", std::string("a\xff")}};
  host("printf '%s' \"$line\"; done_ ok");
  const auto line_of = [&](const Job& one) {
    return nlohmann::json::parse(log_of(run_job(one)))["job"];
  };
  Job one = job();
  one.kind = MessageKind::json;
  auto line = line_of(one);
  CHECK(line["kind"] == "json");
  CHECK(line["exchange"] == "orders");
  CHECK(line["routing_key"] == "order.new");
  CHECK(line["properties"] == nlohmann::json{{"content_type", "text/plain"},
                                             {"correlation_id", "c"},
                                             {"reply_to", "answers"},
                                             {"type", "order"},
                                             {"message_id", "m"},
                                             {"app_id", "a"},
                                             {"timestamp", 1700000000},
                                             {"priority", 4},
                                             {"delivery_mode", 2}});
  CHECK(line["headers"] == nlohmann::json{{"x-kind", "new"},
                                          {"x-n", 3},
                                          {"x-f", 1.5},
                                          {"x-t", true},
                                          {"x-bytes", "a\xef\xbf\xbd"}});
  CHECK(line["payload"] == "{\"body\": 1}\n");

  message = {};
  one.kind = MessageKind::raw;
  one.body = std::string("a\0\xff\n", 4);
  line = line_of(one);
  CHECK(line["kind"] == "raw");
  CHECK(line["exchange"] == "");
  CHECK(line["routing_key"] == "queue");
  CHECK(line["properties"] == nlohmann::json{{"delivery_mode", 2}});
  CHECK(line["headers"] == nlohmann::json::object());
  CHECK(line["payload_base64"] == "YQD/Cg==");
  CHECK_FALSE(line.contains("payload"));
  one.body = std::string("a\0b", 3);
  CHECK(line_of(one)["payload"] == std::string("a\0b", 3));
  one.body = Body();
  CHECK(line_of(one)["payload"] == "");
}

TEST_CASE_FIXTURE(HostedFixture, "a large job reaches a host that reads slowly") {
  host("done_ ${#line}");
  Job big = job();
  big.body = std::string(4 << 20, 'x');
  const Outcome outcome = run_job(big);
  CHECK(outcome.kind == Kind::done);
  CHECK(std::stoll(outcome.message) > (4 << 20));
}

TEST_CASE_FIXTURE(HostedFixture, "a host that dies costs its own job only") {
  host("case $line in *wicked*) echo dying; kill -SEGV $$;; *exits*) exit 3;; esac; done_ \"$$\"");
  const std::string before = run_job(job("good")).message;
  Outcome outcome = run_job(job("wicked"));
  CHECK(outcome.kind == Kind::crashed);
  CHECK(outcome.reason == "plugin-crash");
  CHECK(outcome.message.find("signal SEGV") != std::string::npos);
  CHECK(outcome.message.find("dying") != std::string::npos);
  outcome = run_job(job("exits"));
  CHECK(outcome.kind == Kind::crashed);
  CHECK(outcome.message.find("exit 3") != std::string::npos);
  const Outcome next = run_job(job("good again"));
  CHECK_MESSAGE(next.kind == Kind::done, next.reason << ": " << next.message);
  CHECK(next.message != before);
}

TEST_CASE_FIXTURE(HostedFixture, "a host that ends right after its result has given it") {
  // The next job may meet it in its last moment: it has not read it, so another host does.
  host("done_ last; exit 0");
  for (int i = 0; i < 30; ++i) CHECK(run_job().kind == Kind::done);
}

TEST_CASE_FIXTURE(HostedFixture, "what a host refuses is an error with its cure") {
  host(":", "say '{\"refused\":\"needs plugin ABI 1.7\",\"cure\":\"use a newer rbit\"}'; exit 1");
  const auto ready = prepare();
  REQUIRE(ready.has_error());
  CHECK(ready.error().text() == "plugin!x.so:x: needs plugin ABI 1.7 (use a newer rbit)");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::not_started);
  CHECK(outcome.message.find("needs plugin ABI 1.7") != std::string::npos);

  host(":", "echo 'no such module'; exit 1");
  CHECK(prepare().error().text() ==
        "plugin!x.so:x: its host ended before it was ready, with exit 1: no such module");
}

TEST_CASE_FIXTURE(HostedFixture, "a program that is not there is told with its step") {
  start({"/nonexistent/host"}, "what");
  CHECK(prepare().error().text().find("No such file or directory") != std::string::npos);
}

TEST_CASE_FIXTURE(HostedFixture, "a host is replaced after keep-warm jobs") {
  policy.keep_warm = 2;
  host("done_ \"$$\"");
  const std::string first = run_job().message;
  CHECK(run_job().message == first);
  CHECK(run_job().message != first);
}

TEST_CASE_FIXTURE(HostedFixture, "a host that answers a cancel lives on") {
  policy.grace = std::chrono::hours(1);
  on_report = [](StopRequest& stop) { stop.request(StopKind::cancel); };
  host(
      "case $line in *slow*) say '{\"status\":\"Building\"}'; until [ $told ]; do sleep 0.01; done;"
      "say '{\"result\":\"cancelled\"}';; *) done_ \"$$\";; esac",
      "trap 'told=1' INT; say '{\"ready\":true}'");
  const std::string before = run_job().message;
  const Outcome cancelled = run_job(job("slow"));
  CHECK(cancelled.kind == Kind::cancelled);
  CHECK(cancelled.reason == "cancelled");
  CHECK(run_job().message == before);
}

TEST_CASE_FIXTURE(HostedFixture, "a host that dies tells how, and what its job used") {
  host("i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; exit 3");
  const Outcome outcome = run_job();
  CHECK(outcome.reason == "plugin-crash");
  CHECK(outcome.exit == "exit 3");
  CHECK(outcome.cpu_micros > 10'000);
}

TEST_CASE_FIXTURE(HostedFixture, "a host that does not answer a timeout is killed") {
  policy.timeout = std::chrono::milliseconds(50);
  policy.grace = std::chrono::milliseconds(50);
  host("case $line in *slow*) while :; do sleep 0.01; done;; esac; done_ \"$$\"",
       "trap '' TERM; say '{\"ready\":true}'");
  const Outcome outcome = run_job(job("slow"));
  CHECK(outcome.kind == Kind::timed_out);
  CHECK(outcome.reason == "timeout");
  policy.timeout = std::chrono::milliseconds(0);
  host("done_ ok");
  CHECK(run_job().kind == Kind::done);
}

TEST_CASE_FIXTURE(HostedFixture, "between two jobs nothing is left but the host") {
  host("setsid sleep 1000 & done_ \"$$\"");
  const Outcome first = run_job();
  CHECK(first.kind == Kind::done);
  CHECK(log_of(first).find("1 processes outlived the job") != std::string::npos);
  const Outcome second = run_job();
  CHECK(second.message != first.message);
  CHECK(log_of(first).find("left a child process: its host does no other one") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(HostedFixture, "an idle host that died is not used") {
  host("done_ \"$$\"");
  const Outcome first = run_job();
  const pid_t pid = std::stoi(first.message);
  ::kill(pid, SIGKILL);
  until([&] { return !std::filesystem::exists("/proc/" + first.message); });
  const Outcome next = run_job();
  CHECK(next.kind == Kind::done);
  CHECK(next.message != first.message);
}

TEST_CASE_FIXTURE(HostedFixture, "closing ends the hosts and leaves no descriptor") {
  host("done_ \"$$\"");
  run_job();
  test::run(loop, runner->close());
  const std::size_t before = test::open_descriptors();
  for (int i = 0; i < 20; ++i) {
    CHECK(run_job().kind == Kind::done);
    test::run(loop, runner->close());
  }
  CHECK(test::open_descriptors() == before);
  CHECK(leaders.idle() == 1);
}

TEST_CASE_FIXTURE(HostedFixture, "closing ends a host that is still starting") {
  // rbit's own end was 2 s before that of a host with slow imports.
  policy.env = {{"TEST_PLACE", dir.path()}};
  host(":", "trap '' TERM; while :; do sleep 0.01; done");
  std::optional<Result<void>> prepared;
  const auto prepare_aside = [&]() -> Task<void> {
    Result<void> result = co_await runner->prepare();
    prepared.emplace(std::move(result));
  };
  spawn(loop.get_executor(), prepare_aside(), "test");
  until([&] { return test::processes_with("TEST_PLACE=" + dir.path()) >= 1; });
  CHECK_FALSE(prepared.has_value());
  test::run(loop, runner->close());
  REQUIRE(prepared.has_value());
  CHECK(prepared->has_value());  // nothing is known against the runner
  CHECK(leaders.idle() == 1);
  CHECK(test::processes_with("TEST_PLACE=" + dir.path()) == 0);
  host("done_ ok");
  CHECK(run_job().kind == Kind::done);
}

TEST_CASE_FIXTURE(HostedFixture, "a job that waits for its host to start can be stopped") {
  // It was heard after the import only, or after 30 s.
  policy.env = {{"TEST_PLACE", dir.path()}};
  host(":", "trap '' TERM; while :; do sleep 0.01; done");
  StopRequest stop;
  RunContext context{[](Status, const std::string&) {}, stop, fresh_record()};
  const Job one = job();
  std::optional<Outcome> outcome;
  const auto run_aside = [&]() -> Task<void> {
    Outcome ended = co_await runner->run(one, context);
    outcome.emplace(std::move(ended));
  };
  spawn(loop.get_executor(), run_aside(), "test");
  until([&] { return test::processes_with("TEST_PLACE=" + dir.path()) >= 1; });
  CHECK_FALSE(outcome.has_value());
  stop.request(StopKind::cancel);
  until([&] { return outcome.has_value(); });
  CHECK(outcome->kind == Kind::cancelled);
  test::run(loop, runner->close());
  CHECK(test::processes_with("TEST_PLACE=" + dir.path()) == 0);
}

TEST_CASE_FIXTURE(HostedFixture,
                  "each job of a warm host has its own use of processor and memory") {
  host("case $line in *busy*) i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done;; esac; done_ ok");
  const Outcome busy = run_job(job("busy"));
  const Outcome idle = run_job(job("idle"));
  CHECK(busy.cpu_micros > 10'000);
  CHECK(idle.cpu_micros < busy.cpu_micros / 2);
  CHECK(idle.peak_memory_kib > 0);
  CHECK(busy.exit.empty());  // no process has ended
}

TEST_CASE_FIXTURE(HostedFixture, "a job cannot say that its host has opened what stays open") {
  // Only a plugin's host waits for an answer; here it would be taken for the next job.
  host("say '{\"opened\":true}'; case $line in *noted*) echo forged;; esac; done_ ok");
  for (const char* key : {"one", "two", "three"}) {
    const Outcome outcome = run_job(job(key));
    CHECK(outcome.kind == Kind::done);
    CHECK(log_of(outcome).empty());
  }
}

TEST_CASE_FIXTURE(HostedFixture, "preparing makes no directory, a job makes them private") {
  host("done_ ok");
  REQUIRE(prepare().has_value());
  CHECK(test::names_in(dir.path()).empty());
  test::run(loop, runner->close());
  shell("true");
  REQUIRE(prepare().has_value());
  CHECK(test::names_in(dir.path()).empty());
  CHECK(run_job().kind == Kind::done);
  struct stat info {};
  REQUIRE(::stat((dir / "output").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0700);
}
