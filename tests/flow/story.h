#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/database.h"
#include "rbit/dispatch/closing.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/intake/request.h"
#include "rbit/intake/request_writer.h"
#include "rbit/intake/route_reader.h"
#include "rbit/journal/schema.h"
#include "rbit/journal/sqlite_journal.h"
#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_transport.h"
#include "tests/support/open_database.h"
#include "tests/support/scripted_runner.h"

namespace rbit::test {

/// One rbit with everything outside replaced: a test says what is sent and how jobs end, and reads
/// what was told and what became of the messages.
class Story {
 public:
  /// `guest`: of another runner, which shares the slots and does the jobs of queue "guests". Those
  /// of queue "mixed" are that one's or the first one's, as their header "runner" says.
  explicit Story(int slots = 2, RunnerPolicy policy = {}, std::optional<RunnerPolicy> guest = {})
      : policy_(std::move(policy)), guest_(std::move(guest)) {
    database_ = open_database(loop_);
    schema::upgrade(*database_).value();
    begin_life(slots);
  }

  /// Flows refer to their dispatcher: all of them end before it goes.
  ~Story() {
    graveyard_.push_back(std::move(dispatcher_));
    clock.raise_the_buried();
    for (const auto& dispatcher : graveyard_)
      spawn(loop_.get_executor(), dispatcher->drain(milliseconds(0)), "the end of a story");
    for (int i = 0; i < 3; ++i) pass(milliseconds(250));  // who pauses looks up that often
  }

  /// Another rbit on the same journal, as after a crash: what ran is forgotten.
  void crash_and_restart(int slots = 2) {
    const bool dead = dead_;
    if (dead) stop_being_dead();
    clock.bury();
    graveyard_.push_back(std::move(dispatcher_));  // its flows hang: nobody notifies them
    graveyard_runners_.push_back(std::move(runner_));
    graveyard_journals_.push_back(std::move(journal_));
    begin_life(slots);
    if (!dead) return;
    transport.go_on();
    settle_down();
  }

  Message message(const std::string& package, const std::string& id = "",
                  const std::string& queue = "build") {
    BuildRequest request;
    request.job_id = std::to_string(++jobs_);
    request.package = package;
    request.version = "1";
    Message made;
    made.queue = queue;
    made.body = write_request(request);
    made.message_id = id.empty() ? package : id;
    return made;
  }
  void send(const std::string& package) {
    transport.send(message(package));
    settle_down();
  }

  /// The journal refuses to change who owns a message, or takes it again.
  void fail_claims(bool fail) {
    refuse(fail, "claim", "UPDATE OF claim ON job WHEN NEW.claim <> OLD.claim");
  }

  /// The journal takes no new job, or takes them again.
  void refuse_begins(bool fail) { refuse(fail, "begin", "INSERT ON job"); }
  /// The journal takes no cancel, or takes them again.
  void refuse_cancels(bool fail) { refuse(fail, "cancel", "INSERT ON tombstone"); }
  /// The journal takes no verdict, or takes them again.
  void refuse_verdicts(bool fail) { refuse(fail, "verdict", "UPDATE OF outcome ON job"); }
  /// As when the journal has become too long.
  void forget_job(const std::string& key) { execute("DELETE FROM job WHERE key = '" + key + "'"); }
  /// As a claim that was committed and whose sync failed.
  void mark_owned(const std::string& key) {
    execute("UPDATE job SET claim = 'owned' WHERE key = '" + key + "'");
  }

  /// While it reads `package` rbit dies: nothing that it does from there on is of any effect, until
  /// the next life. Empty: it reads everything.
  void dies_reading(const std::string& package) { deadly_ = package; }
  /// How often a message was read, in all lives.
  int read = 0;
  std::function<void()> while_reading;
  /// Messages are read as of a kind that has no build request in it.
  bool takes_anything = false;
  /// Messages of which it is on record that they are being read, or were when rbit died.
  int reading() { return static_cast<int>(count_rows(*database_, "reading")); }
  void fail_counts(bool fail) { refuse(fail, "count", "INSERT ON reading"); }

  /// Lets everything happen that can happen without time passing.
  void settle_down() {
    loop_.restart();
    loop_.poll();
  }
  void pass(milliseconds time) {
    clock.advance(time);
    settle_down();
  }
  /// A CancelRequest for the job of this id.
  Result<void> cancel(const std::string& job_id) {
    const auto done = test::run(loop_, dispatcher_->cancel_for_front_end(job_id));
    settle_down();
    return done;
  }
  /// rbit is asked to stop; `ended` tells when it has.
  void drain(milliseconds limit, bool& ended) {
    const auto draining = [](Story& its, milliseconds most, bool& over) -> Task<void> {
      co_await its.dispatcher().drain(most);
      over = true;
    };
    spawn(loop_.get_executor(), draining(*this, limit, ended), "draining");
    settle_down();
  }
  /// The ends of jobs are answered and published as this says.
  void reply_by(RunnerPolicy policy) { closing_policy_ = std::move(policy); }
  /// What the journal notes lazily is on record now; its 50 ms are no time of the story.
  void commit() { database_->flush(); }
  /// Runs `task` with the loop turning.
  void run(Task<void> task) { test::run(loop_, std::move(task)); }

  ScriptedRunner& runner() { return *runner_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  SqliteJournal& journal() { return *journal_; }
  asio::io_context& loop() { return loop_; }

  /// "Building", "Failed exit 2: no such file"
  std::vector<std::string> told;
  std::vector<std::string> refused;
  Result<void> disk;  // what trying it gives
  MemoryTransport transport;
  ManualClock clock;

  /// How the front-end has a package; unclear if it is not there. While it hangs, nobody hears.
  std::map<std::string, Standing> front_end;
  std::vector<std::string> asked;
  bool front_end_hangs = false;

 private:
  void execute(const std::string& sql) { database_->execute(sql.c_str()).value(); }
  /// The journal makes no such change from now on, or makes it again.
  void refuse(bool fail, const std::string& what, const std::string& change) {
    execute(fail ? "CREATE TRIGGER no_" + what + " BEFORE " + change +
                       " BEGIN SELECT RAISE(ABORT, 'refused'); END"
                 : "DROP TRIGGER no_" + what);
  }

  void begin_life(int slots) {
    journal_ = std::make_unique<SqliteJournal>(*database_, clock, std::vector<ReportTarget>{"log"},
                                               "saw-horse");
    runner_ = std::make_shared<ScriptedRunner>(loop_.get_executor());
    dispatcher_ = std::make_unique<Dispatcher>(loop_.get_executor(), clock, *journal_, transport,
                                               slots, means(), listener_);
    std::vector<Dispatcher::Crew> crews{crew("make", policy_)};
    std::map<std::string, QueueRunner> queues{{"build", {"make", nullptr}}};
    queues["other"] = {"make", nullptr};  // where strangers may publish
    if (guest_) crews.push_back(crew("guest", *guest_));
    if (guest_) queues["guests"] = {"guest", nullptr};
    if (guest_) queues["mixed"] = {"", route()};
    dispatcher_->bind(crews, queues);
    dispatcher_->start();
    dispatcher_->open();
    settle_down();
  }

  /// The broker has its messages again, and the journal stays as it is.
  void stop_dead() {
    dead_ = true;
    transport.stop_taking();
    transport.lose_connection();
    refuse(true, "begin_when_dead", "INSERT ON job");
    refuse(true, "end_of_reading", "DELETE ON reading");
  }
  void stop_being_dead() {
    settle_down();  // what is under way comes to nothing
    refuse(false, "begin_when_dead", "");
    refuse(false, "end_of_reading", "");
    dead_ = false;
  }

  static std::shared_ptr<const Route> route() {
    MessageFact by;
    by.of = MessageFact::Of::header;
    by.name = "runner";
    auto made = std::make_shared<Route>("by-runner", by);
    for (const char* name : {"make", "guest"}) made->add(name, name);
    return made;
  }

  FlowMeans means() {
    FlowMeans means;
    means.route = runner_for;
    means.read = [this](const Binding&, const Message& message) {
      ++read;
      if (while_reading) while_reading();
      if (takes_anything) return Result<BuildRequest>(BuildRequest());
      auto request = parse_request(message);
      if (request && request->package == deadly_) stop_dead();
      return request;
    };
    means.closing = [this](const RunnerPolicy*, const Job& job, const Outcome& outcome,
                           Status status) {
      return closing(closing_policy_, job, outcome, status);
    };
    means.make_record = [](const Job& job) { return Result<std::string>("/records/" + job.key); };
    means.remove_record = [](const std::string&) {};
    means.try_disk = [this] { return disk; };
    means.sync_record = [](const std::string&) {};
    return means;
  }

  Dispatcher::Crew crew(const std::string& name, const RunnerPolicy& policy) {
    Dispatcher::Crew made;
    made.name = name;
    made.runner = runner_;
    made.policy = std::make_shared<RunnerPolicy>(policy);
    return made;
  }

  /// What the world hears, and what the front-end says.
  struct Listener : JobObserver {
    explicit Listener(Story& its) : story(its) {}
    Task<Standing> before(const Job& job) override {
      story.asked.push_back(job.request.package);
      while (story.front_end_hangs) co_await story.front_end_answers.wait();
      const auto known = story.front_end.find(job.request.package);
      co_return known == story.front_end.end() ? Standing{} : known->second;
    }
    void status(const Report& report) override {
      std::string line(to_string(report.status));
      if (!report.reason.empty()) line += " " + report.reason;
      if (!report.message.empty()) line += ": " + report.message;
      story.told.push_back(line);
    }
    void refused(const Message&, const Error& why) override { story.refused.push_back(why.text()); }
    Story& story;
  };

  Listener listener_{*this};
  asio::io_context loop_;

 public:
  Notice front_end_answers{loop_.get_executor()};

 private:
  RunnerPolicy policy_, closing_policy_;
  std::optional<RunnerPolicy> guest_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<SqliteJournal> journal_;
  std::shared_ptr<ScriptedRunner> runner_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<std::unique_ptr<SqliteJournal>> graveyard_journals_;
  std::vector<std::unique_ptr<Dispatcher>> graveyard_;
  std::vector<std::shared_ptr<ScriptedRunner>> graveyard_runners_;
  int jobs_ = 0;
  std::string deadly_;
  bool dead_ = false;
};

}  // namespace rbit::test
