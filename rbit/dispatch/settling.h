#pragma once

#include <map>
#include <set>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/delivery.h"
#include "rbit/core/journal.h"
#include "rbit/core/settlement.h"
#include "rbit/dispatch/flow_links.h"
#include "rbit/dispatch/ledger.h"
#include "rbit/dispatch/patience.h"

namespace rbit {

/// Answers messages until the broker has heard it. What it does not take and will not, the journal
/// keeps. On the loop's thread.
class Settling {
 public:
  Settling(Clock& clock, Journal& journal, Ledger& ledger, Patience& patience,
           const FlowLinks& links)
      : clock_(clock), journal_(journal), ledger_(ledger), patience_(patience), links_(links) {}

  /// All messages of a job that has its verdict on record, those that join meanwhile too.
  Task<void> settle_all(RunningJob& running, Settlement settlement);
  /// `key` is the journal's name of it, which may be another than that of the message's copies.
  /// False: the connection is gone and the message comes again; the journal knows the answer.
  Task<bool> settle(const std::string& key, Delivery& delivery, const Settlement& settlement);
  /// Of a job that is on record as ours.
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

  Clock& clock_;
  Journal& journal_;
  Ledger& ledger_;
  Patience& patience_;
  const FlowLinks& links_;
  std::map<std::string, int> stuck_;  // by queue
  std::set<std::string> refusing_;    // queues whose copies are refused, said once
};

}  // namespace rbit
