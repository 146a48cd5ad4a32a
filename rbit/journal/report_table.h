#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rbit/base/database.h"
#include "rbit/core/job.h"
#include "rbit/core/publication.h"
#include "rbit/core/report_sink.h"

namespace rbit {

/// The rows of the outbox. Its changes run inside a transaction of the journal, and what they add
/// to the waiting rows counts once that is committed.
class ReportTable {
 public:
  /// One row a target for each report; above `limit` waiting rows the oldest that are not final go.
  ReportTable(Database& database, std::vector<ReportTarget> targets, std::int64_t limit);

  /// Whether a target's rows carry the message of a job: it is needed until its end then.
  bool carry_messages() const;

  // Changes.

  /// Adds `report` of the job in row `job`, unless it says nothing new: after a final status of the
  /// run, or if status and message are those of the last one of this attempt. `whole` is the job,
  /// for targets that carry its message; nullptr: the message is not to be had.
  Result<void> add(std::int64_t job, Report report, const Job* whole);
  /// The same for one that the job sets itself, which is kept also if no target wants it.
  Result<void> add_said(std::int64_t job, const Report& report, const Job& whole);
  /// Adds what the job publishes, and gives the message id that it has from now on: of the job's
  /// key, the attempt, and a number that the job's reports count too. Those to one destination
  /// leave one after the other; another one does not wait for them.
  Result<std::string> publish(std::int64_t job, const Job& whole, const Publication& publication,
                              std::int64_t now);
  /// The same for one that does not leave through the outbox.
  Result<std::string> next_message_id(std::int64_t job, const Job& whole);
  /// Adds the last one again, for the targets that have heard it. It keeps its number, by which
  /// they know it.
  Result<void> add_again(std::int64_t job, std::int64_t now);
  Result<void> sent(std::int64_t id) { return take_out(id, "sent", ""); }
  Result<void> postponed(std::int64_t id, std::int64_t next);
  Result<void> dropped(std::int64_t id, const std::string& reason) {
    return take_out(id, "dropped", reason);
  }
  /// Drops at most 500 of those that wait since before `time`.
  Result<void> drop_before(std::int64_t time);

  // Reading.

  /// `due` ends early once the messages that its rows carry have so many bytes together.
  static constexpr std::size_t most_bytes = 8u << 20;
  std::vector<Report> due(const std::string& target, std::int64_t now, int limit) const;
  std::optional<std::int64_t> next_due(const std::string& target) const;

  std::int64_t waiting() const { return waiting_; }

  // Counting, for the journal, which makes one change after another and learns later what became
  // of each.

  void start_counting() {
    added_ = 0;
    told_.clear();
  }
  /// How many more rows wait since then.
  std::int64_t added() const { return added_; }
  /// Nobody may have been told of a report that is on record: its write was answered with an Error.
  void tell_again(const Report& report) {
    if (told_.empty()) told_.push_back(report);
  }
  /// The reports that were new since then, or are told again, whoever wants them.
  std::vector<Report> take_told() { return std::exchange(told_, {}); }
  /// Called once such a change has been committed.
  void count(std::int64_t added) { waiting_ += added; }

 private:
  Result<void> insert(std::int64_t job, const Report& report, const ReportTarget& target,
                      const Job* whole);
  Result<bool> has_waiting(std::int64_t job, const std::string& target,
                           const std::string& destination = "");
  Result<void> take_out(std::int64_t id, std::string_view state, const std::string& note);
  Result<void> make_room();

  Database& database_;
  std::vector<ReportTarget> targets_;
  std::int64_t limit_;
  std::int64_t waiting_ = 0, added_ = 0;
  std::vector<Report> told_;
};

}  // namespace rbit
