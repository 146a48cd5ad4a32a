#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/core/journal.h"
#include "rbit/journal/cancel_table.h"
#include "rbit/journal/job_index.h"
#include "rbit/journal/owned_table.h"
#include "rbit/journal/pruning.h"
#include "rbit/journal/report_table.h"

namespace rbit {

/// The journal in a Database whose schema is the newest (`schema::upgrade`). One for each life of
/// rbit. `begin` of a key that is over starts a new run of it: numbers of reports go on, but what
/// was reported of the old run holds nothing back. Old rows go in small steps with the verdicts.
class SqliteJournal : public Journal {
 public:
  /// `worker` is rbit's name; `targets` are those of the sinks. All refer to what outlives this.
  SqliteJournal(Database& database, Clock& clock, std::vector<ReportTarget> targets,
                std::string worker, JournalLimits limits = {});
  ~SqliteJournal() override;

  std::optional<JobRecord> find(const std::string& key) const override;
  Result<std::vector<OpenAttempt>> open_attempts() const override;
  std::vector<std::string> held_twins(const std::string& digest) const override;

  Task<Result<int>> came_again(const std::string& key) override;
  void was_read(const std::string& key) override;
  Deaths recent_deaths(const std::string& key) const override;
  Task<Result<void>> begin(const Job& job, const Message& message, const std::string& record_dir,
                           Report building) override;
  Task<Result<void>> report(const Job& job, Report status) override;
  Task<Result<void>> finish(const Job& job, const Outcome& outcome, const Settlement& settlement,
                            std::optional<Report> verdict,
                            std::vector<Publication> publications = {}) override;
  Task<Result<void>> publish(const Job& job, Publication publication) override;
  /// From now on publications do not leave through the outbox: this puts them where they go, within
  /// the transaction that commits them.
  void enqueue_by(Enqueue enqueue) { enqueue_ = std::move(enqueue); }
  /// `tell` is called with each status once it is on record, and with one that is told again; it
  /// returns at once. For who needs no row of the outbox.
  void tell_by(std::function<void(const Report&)> tell) { tell_ = std::move(tell); }
  Task<Result<void>> own(const Job& job) override;
  Task<Result<void>> own(const std::string& key, const Message& message) override;
  Task<Result<void>> keep_waiting(const Job& job, const Message& message) override;
  Task<Result<void>> keep_dead(const Message& message, const Settlement& settlement) override;
  std::vector<std::string> owned_jobs() const override { return owned_.keys(); }
  Result<std::optional<OwnedJob>> owned_job(const std::string& key) const override {
    return owned_.find(key);
  }
  Task<Result<void>> settled(const std::string& key) override;
  Task<Result<void>> joined(const std::string& key) override;
  Task<Result<void>> report_again(const std::string& key, bool tell) override;
  std::vector<AwaitedCopy> awaited_copies() const override;
  Task<Result<bool>> copy_lost(const AwaitedCopy& copy, Report verdict) override;

  Task<Result<void>> probe() override;

  Task<Result<void>> remember_ack_limit(const std::string& broker, milliseconds limit) override;
  std::optional<milliseconds> ack_limit(const std::string& broker) const override;

  Task<Result<bool>> record_cancel(const std::string& job_id) override;
  bool has_cancel(const std::string& job_id) const override {
    return cancels_.has(job_id, before(limits_.cancels));
  }
  std::vector<JobRecord> unfinished(const std::string& job_id) const override;

  std::vector<Report> due_reports(const std::string& target, std::int64_t now,
                                  int limit) const override {
    return reports_.due(target, now, limit);
  }
  std::optional<std::int64_t> next_report(const std::string& target) const override {
    return reports_.next_due(target);
  }
  Task<Result<void>> report_sent(const Report& report) override;
  Task<Result<void>> report_postponed(const Report& report, std::int64_t next) override;
  Task<Result<void>> report_dropped(const Report& report, const std::string& reason) override;
  std::int64_t reports_waiting() const override { return reports_.waiting(); }

  /// Forgets a few old rows, as `finish` does now and then.
  Task<Result<void>> prune();

 private:
  struct Row {
    std::int64_t id = 0;
    JobRecord::State state = JobRecord::State::waiting;
    int attempt = 0;
    std::string outcome;
    bool attempt_ended = false;  // the present one; false: it goes on, or there is none
    std::int64_t life = 0;       // that began it; 0: there is none
  };
  struct NewAttempt {
    const std::string& record_dir;
    bool redelivered = false;
  };
  using Change = std::function<Result<void>()>;

  Task<Result<void>> write(Durability durability, Change change, Reserve reserve = Reserve::keep);
  std::int64_t now() const { return to_micros(clock_.wall()); }
  std::int64_t before(std::chrono::hours age) const { return to_micros(clock_.wall() - age); }

  /// Why nothing new is begun.
  Error not_read() const { return {database_.path(), "it could not be read a moment ago", ""}; }

  Result<std::optional<Row>> row_of(const std::string& key) const;
  Result<std::int64_t> accept(const Job& job, const std::optional<Row>& row, JobRecord::State state,
                              const NewAttempt* attempt = nullptr);
  Result<std::int64_t> life();
  Result<bool> settle_lazily(const std::string& key);
  Result<void> write_payload(std::int64_t row, const Job& job, const std::string& properties,
                             bool redelivered, bool has_body);
  Result<void> note_delivery(const std::string& key, const char* what);
  Result<void> put_attempt_away(std::int64_t row);
  Result<void> write_verdict(std::int64_t row, const Job& job, const Outcome& outcome,
                             const Settlement& settlement);
  Result<void> write_begin(const Job& job, const std::string& properties, bool redelivered,
                           const std::string& record_dir, const Report& building);
  /// `told_early`: the row of a verdict that is told before its message has come again.
  Result<void> write_finish(const Job& job, const Outcome& outcome, const Settlement& settlement,
                            const std::optional<Report>& verdict,
                            const std::vector<Publication>& publications, std::int64_t& told_early);
  Result<void> write_publication(std::int64_t row, const Job& job, const Publication& publication);
  Result<void> write_copy_lost(const AwaitedCopy& copy, const Report& verdict, bool& lost);
  Result<void> mark_reading(const std::string& key, int& deaths);

  Database& database_;
  Clock& clock_;
  JobIndex index_;
  ReportTable reports_;
  OwnedTable owned_;
  CancelTable cancels_;
  Enqueue enqueue_;
  std::function<void(const Report&)> tell_;
  std::string worker_, boot_;
  std::string life_;  // of rbit: an open attempt of another one has nobody left who could end it
  JournalLimits limits_;
  Pruning pruning_;
  int finishes_ = 0;
  std::int64_t life_row_ = 0;  // of `life_`; 0: it is not on record
  // Keys of jobs whose accept is reached and not on record yet.
  std::unordered_set<std::string> settling_;
  // Rows whose last report is not to be told again, which is not on record yet.
  std::unordered_set<std::int64_t> told_early_;
  mutable bool unread_ = false;  // a key could not be looked up: nothing begins until a write works
  Lifetime lifetime_;
};

}  // namespace rbit
