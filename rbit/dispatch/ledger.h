#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/dispatch/backlog.h"
#include "rbit/dispatch/running_job.h"

namespace rbit {

/// Names one message alone, also while its key is nobody's. `id`: what it would be called by.
std::string mark_of(const std::string& id, const std::string& digest);

/// Where each job is now, by its key. What the journal has of a key that is nowhere here is over,
/// or waits at the broker. On the loop's thread.
class Ledger {
 public:
  explicit Ledger(const asio::any_io_executor& loop) : loop_(loop), changed_(loop), read_(loop) {}

  /// A key may be in the backlog and at one of the last two places at once, which then counts.
  enum class Place {
    nowhere,
    waiting,   // in the backlog: it is on record as ours, for a slot or for its time
    settling,  // its row of the journal or its copies are being written
    running,   // from its acceptance until its messages are settled
  };
  Place place_of(const std::string& key) const;
  bool is_settling() const { return !settling_.empty(); }  // any
  bool is_settling(const std::string& key) const { return settling_.contains(key); }
  /// Null if it does not run.
  RunningJob* running(const std::string& key) const;
  const std::map<std::string, std::unique_ptr<RunningJob>>& all_running() const { return running_; }

  /// A key that is held for running or settling: what else comes of it joins, or waits until this
  /// is dropped.
  class Claim {
   public:
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    ~Claim();
    /// REQUIRES: made by `run`.
    RunningJob& job() const { return *job_; }

   private:
    friend class Ledger;
    Claim(Ledger& ledger, std::string key, RunningJob* job)
        : ledger_(ledger), key_(std::move(key)), job_(job) {}
    Ledger& ledger_;
    std::string key_;
    RunningJob* job_;  // null: it is being settled
  };
  /// REQUIRES, of both: the key neither runs nor is being settled.
  Claim run(Job job);
  Claim settle(std::string key);
  /// Notified when a claim was dropped.
  Notice& changed() { return changed_; }

  Backlog& backlog() { return backlog_; }
  const Backlog& backlog() const { return backlog_; }

  /// The turn to read a message that came before: one at a time, else rbit's death would be on
  /// record of all of them.
  struct EndTurn {
    void operator()(Ledger* ledger) const {
      ledger->is_reading_ = false;
      ledger->read_.notify();
    }
  };
  using ReadingTurn = std::unique_ptr<Ledger, EndTurn>;
  Task<ReadingTurn> reading_turn();

  /// A message went back unread: the broker will call it redelivered, and it is not. `mark` is of
  /// this message alone, also while its key is nobody's.
  void note_unread(std::string mark);
  /// The same of one that nothing looked into. What another may have read of it still counts.
  void note_unread(const Delivery& delivery);
  bool is_unread(const std::string& mark) const { return unread_.contains(mark); }
  /// True once after each.
  bool take_unread(const std::string& mark) { return unread_.erase(mark) > 0; }

 private:
  asio::any_io_executor loop_;
  std::map<std::string, std::unique_ptr<RunningJob>> running_;  // by key
  std::set<std::string> settling_;                              // keys
  Backlog backlog_;
  Notice changed_;
  bool is_reading_ = false;
  Notice read_;
  std::set<std::string> unread_;  // marks
};

}  // namespace rbit
