#include <doctest/doctest.h>

#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "rbit/app/hook_sink.h"
#include "rbit/app/hooked_runner.h"
#include "tests/support/log_capture.h"
#include "tests/support/loop.h"
#include "tests/support/print.h"
#include "tests/support/scripted_runner.h"
#include "tests/support/temp_dir.h"

using namespace rbit;
using Kind = Outcome::Kind;
using config::HookEvent;
using test::outcome;

namespace {

/// Plays a hook, or the runner behind it: notes what it was told, ends as it is told to.
struct Player : Runner {
  explicit Player(std::vector<std::string>& lines, std::string name)
      : story(lines), name(std::move(name)) {}
  Task<Result<void>> prepare() override {
    if (!trouble.empty()) co_return Error{name, trouble, "mend it"};
    co_return Result<void>();
  }
  Task<Outcome> run(const Job& job, RunContext& context) override {
    story.push_back(name + " " + job.key);
    facts = context.facts;
    if (meanwhile) meanwhile(context);
    log_name = context.log_name;
    mistake = context.publishes_nothing;
    co_return ends;
  }
  Task<void> close() override { co_return; }

  std::vector<std::string>& story;
  std::string name, trouble, log_name, mistake;
  Outcome ends = outcome(Kind::done);
  std::map<std::string, std::string> facts;
  std::function<void(RunContext&)> meanwhile;
};

struct Stage {
  Hook& hook(const std::string& name, std::set<HookEvent> on, bool required = false) {
    config::HookSettings settings;
    settings.name = name;
    settings.runners = runners;
    settings.on = std::move(on);
    settings.required = required;
    auto player = std::make_unique<Player>(story, name);
    players[name] = player.get();
    hooks.push_back(std::make_unique<Hook>(settings, std::move(player), records.path()));
    return *hooks.back();
  }
  void around() {
    auto player = std::make_unique<Player>(story, "job");
    players["job"] = player.get();
    std::vector<Hook*> all;
    for (const auto& one : hooks) all.push_back(one.get());
    runner = std::make_unique<HookedRunner>(std::move(player), std::move(all));
  }
  RunContext attempt() {
    return {[](Status, const std::string&) {}, stop, records.path()};
  }
  Outcome run(RunContext& context) {
    Job job;
    job.key = "k";
    return test::run(loop, runner->run(job, context));
  }
  Outcome run() {
    RunContext context = attempt();
    return run(context);
  }

  asio::io_context loop;
  test::TempDir records;
  std::vector<std::string> story;
  std::vector<std::string> runners;  // of the hooks that are made; empty: all
  std::map<std::string, Player*> players;
  std::vector<std::unique_ptr<Hook>> hooks;
  std::unique_ptr<HookedRunner> runner;
  StopRequest stop;
};

using Story = std::vector<std::string>;

}  // namespace

TEST_CASE("hooks run before their job, in order, and are told what they are") {
  Stage stage;
  stage.hook("a", {HookEvent::before});
  stage.hook("b", {HookEvent::before}, true);
  stage.around();
  CHECK(stage.run().kind == Kind::done);
  CHECK(stage.story == Story{"a k", "b k", "job k"});
  CHECK(stage.players["a"]->facts ==
        std::map<std::string, std::string>{{"event", "before"}, {"hook", "a"}});
  CHECK(stage.players["a"]->log_name.starts_with("hook+a/"));
  CHECK(stage.players["a"]->log_name.ends_with("-1-before.log"));
  CHECK(stage.players["a"]->mistake == "a hook publishes nothing (its job may)");
  CHECK(stage.players["job"]->facts.empty());
}

TEST_CASE("what a required hook comes to is what the job comes to") {
  const auto verdict = [](Outcome of_hook, bool required = true) {
    const test::LogCapture log;
    Stage stage;
    stage.hook("h", {HookEvent::before}, required);
    stage.around();
    stage.players["h"]->ends = std::move(of_hook);
    const Outcome ended = stage.run();
    CHECK(log.lines("[hook:h]").size() ==
          static_cast<std::size_t>(required || ended.kind != Kind::done ? 0 : 1));
    const bool ran = stage.story.back() == "job k";
    return std::string(to_string(ended.kind)) + " " + ended.reason + " " + ended.message +
           (ran ? " ran" : "");
  };
  CHECK(verdict(outcome(Kind::failed, "exit 9", "full")) == "failed hook [hook:h] exit 9: full");
  CHECK(verdict(outcome(Kind::blocked, "exit 75")) == "blocked hook [hook:h] exit 75");
  CHECK(verdict(outcome(Kind::crashed, "signal SEGV")) == "failed hook [hook:h] signal SEGV");
  CHECK(verdict(outcome(Kind::timed_out, "timeout")) == "failed hook [hook:h] timeout");
  CHECK(verdict(outcome(Kind::cancelled, "cancelled")) == "cancelled cancelled ");
  CHECK(verdict(outcome(Kind::interrupted, "interrupted")) == "interrupted interrupted ");
  CHECK(verdict(outcome(Kind::not_started, "not-started", "gone")) ==
        "not-started not-started gone");
  CHECK(verdict(outcome(Kind::failed, "exit 9"), false) == "done   ran");
  CHECK(verdict(outcome(Kind::blocked, "exit 75"), false) == "done   ran");
  CHECK(verdict(outcome(Kind::not_started, "not-started"), false) == "done   ran");
  CHECK(verdict(outcome(Kind::cancelled, "cancelled"), false) == "cancelled cancelled ");
}

TEST_CASE("an attempt that finds no room runs none of its hooks twice") {
  Stage stage;
  stage.hook("a", {HookEvent::before});
  stage.hook("b", {HookEvent::before});
  stage.around();
  Outcome no_room = outcome(Kind::not_started, "not-started");
  no_room.shortage = EMFILE;
  stage.players["b"]->ends = no_room;
  RunContext context = stage.attempt();
  CHECK(stage.run(context).shortage == EMFILE);
  stage.players["b"]->ends = outcome(Kind::done);
  stage.players["job"]->ends = no_room;
  CHECK(stage.run(context).shortage == EMFILE);
  stage.players["job"]->ends = outcome(Kind::done);
  CHECK(stage.run(context).kind == Kind::done);
  CHECK(stage.story == Story{"a k", "b k", "b k", "job k", "job k"});
  CHECK(stage.run().kind == Kind::done);  // another attempt
  CHECK(stage.story.size() == 8);
}

TEST_CASE("a job that somebody wants to end meanwhile has no more hooks") {
  Stage stage;
  stage.hook("a", {HookEvent::before});
  stage.hook("b", {HookEvent::before});
  stage.around();
  stage.players["a"]->meanwhile = [](RunContext& context) {
    context.stop.request(StopKind::cancel);
  };
  stage.run();
  CHECK(stage.story == Story{"a k", "job k"});  // the runner says what that means
}

TEST_CASE("a required hook that cannot work is a runner that cannot") {
  Stage stage;
  stage.hook("a", {HookEvent::before});
  stage.hook("b", {HookEvent::before}, true);
  stage.around();
  CHECK(test::run(stage.loop, stage.runner->prepare()).has_value());
  stage.players["a"]->trouble = "is gone";
  CHECK(test::run(stage.loop, stage.runner->prepare()).has_value());
  stage.players["b"]->trouble = "is gone";
  CHECK(test::run(stage.loop, stage.runner->prepare()).error().text() ==
        "its [hook:b]: b: is gone (mend it)");
}

namespace {

Report report_of(Status status) {
  Report report;
  report.job_key = "k";
  report.queue = "q";
  report.runner = "r";
  report.attempt = 2;
  report.status = status;
  report.reason = "exit 3";
  report.message = "said";
  report.result = "[1]";
  report.artifacts = {{"/out/a", "deb"}};
  report.request = R"({"kind":"json"})";
  report.carried.body = std::string("{}");
  report.carried.correlation_id = "c";
  return report;
}

struct Listener : Stage {
  explicit Listener(std::vector<std::string> whose = {}) {
    runners = std::move(whose);
    hook("h", {HookEvent::failed, HookEvent::blocked});
    sink = std::make_unique<HookSink>(
        loop.get_executor(), *hooks.front(), flows, [this] { return is_open; }, opened);
  }
  SinkAnswer tell(const Report& report) { return test::run(loop, sink->send(report)); }
  Player& player() { return *players["h"]; }

  Flows flows{loop.get_executor()};
  bool is_open = true;
  Notice opened{loop.get_executor()};
  std::unique_ptr<HookSink> sink;
};

}  // namespace

TEST_CASE("a hook hears of the ends that it names, of its runners") {
  Listener listener;
  CHECK(listener.sink->target() == "hook:h");
  const ReportTarget target = listener.sink->as_target();
  CHECK(target.carries_message);
  CHECK_FALSE(target.hears_again);
  CHECK(target.wants(report_of(Status::failed)));
  CHECK(target.wants(report_of(Status::blocked)));
  for (const Status other : {Status::done, Status::cancelled, Status::waiting, Status::building})
    CHECK_FALSE(target.wants(report_of(other)));
  const Listener other({"other"});
  CHECK_FALSE(other.sink->as_target().wants(report_of(Status::failed)));
}

TEST_CASE("what a hook is told of an end") {
  Listener listener;
  CHECK(listener.tell(report_of(Status::failed)).kind == SinkAnswer::Kind::sent);
  auto facts = listener.player().facts;
  CHECK(facts["event"] == "failed");
  CHECK(facts["status"] == "Failed");
  CHECK(facts["reason"] == "exit 3");
  CHECK(facts["message"] == "said");
  CHECK(facts["result"] == "[1]");
  CHECK(facts["artifacts"] == R"([{"path":"/out/a","kind":"deb"}])");
  CHECK(listener.player().log_name.ends_with("-2-failed.log"));
  CHECK(listener.tell(report_of(Status::blocked)).kind == SinkAnswer::Kind::sent);
  facts = listener.player().facts;
  CHECK(facts["event"] == "blocked");
  CHECK(facts["result"].empty());  // the journal may have a later attempt's
  CHECK(listener.tell(report_of(Status::building)).kind == SinkAnswer::Kind::dropped);
}

TEST_CASE("what becomes of a row by the end of its hook") {
  const test::LogCapture log;
  Listener listener;
  const auto told = [&](Outcome ends) {
    listener.player().ends = std::move(ends);
    return listener.tell(report_of(Status::failed)).kind;
  };
  CHECK(told(outcome(Kind::done)) == SinkAnswer::Kind::sent);
  CHECK(told(outcome(Kind::blocked, "exit 75")) == SinkAnswer::Kind::later);
  CHECK(told(outcome(Kind::not_started, "not-started")) == SinkAnswer::Kind::retry);
  CHECK(log.lines("WARN").empty());
  for (const Kind kind : {Kind::failed, Kind::crashed, Kind::timed_out})
    CHECK(told(outcome(kind, "why", "words")) == SinkAnswer::Kind::sent);
  CHECK(log.lines("[hook:h] why: words (failed on failed of job k)").size() == 3);
}

TEST_CASE("nothing is run before what an earlier life left has ended") {
  Listener listener;
  listener.is_open = false;
  const Report report = report_of(Status::failed);
  asio::co_spawn(listener.loop, listener.sink->send(report), asio::detached);
  listener.loop.poll();
  CHECK(listener.story.empty());
  listener.is_open = true;
  listener.opened.notify();
  CHECK(test::eventually(listener.loop, [&] { return !listener.story.empty(); }));
}
