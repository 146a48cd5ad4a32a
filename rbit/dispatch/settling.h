#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/delivery.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/journal.h"
#include "rbit/core/settlement.h"
#include "rbit/dispatch/journal_watch.h"
#include "rbit/dispatch/ledger.h"
#include "rbit/dispatch/patience.h"

namespace rbit {

/// Answers messages until the broker has heard it. What it does not take and will not, the journal
/// keeps. On the loop's thread.
class Settling {
 public:
  /// `kept` is called for a message whose copy is refused: from then on it is ours.
  Settling(Journal& journal, JournalWatch& journal_watch, Ledger& ledger, Patience& patience,
           JobObserver& observer, std::function<void(const JobRecord&)> kept)
      : journal_(journal),
        journal_watch_(journal_watch),
        ledger_(ledger),
        patience_(patience),
        observer_(observer),
        kept_(std::move(kept)) {}

  /// All messages of a job that has its verdict on record, those that join meanwhile too.
  Task<void> settle_all(RunningJob& running, Settlement settlement);
  /// `key` is the journal's name of it, which may be another than that of the message's copies.
  /// Returns false if the connection is gone: the message comes again, and the journal knows the
  /// answer.
  Task<bool> settle(const std::string& key, Delivery& delivery, const Settlement& settlement);
  /// Acknowledges a message of a job that is on record as ours.
  Task<void> acknowledge(Delivery delivery);
  /// The answer is on record, and was not heard.
  Task<void> answer_again(Delivery delivery, Settlement settlement);
  /// It is no job: it becomes a dead letter.
  Task<void> refuse(Delivery delivery, Error why);

  /// How many messages of a queue have a verdict that the broker does not take.
  int stuck(const std::string& queue) const;

 private:
  Task<void> note_settled(std::string key);
  Task<bool> keep_here(const std::string& key, Delivery& delivery, const Settlement& settlement,
                       const Error& why);

  Journal& journal_;
  JournalWatch& journal_watch_;
  Ledger& ledger_;
  Patience& patience_;
  JobObserver& observer_;
  std::function<void(const JobRecord&)> kept_;
  std::map<std::string, int> stuck_;  // by queue
  std::set<std::string> refusing_;    // queues whose copies are refused, said once
};

}  // namespace rbit
