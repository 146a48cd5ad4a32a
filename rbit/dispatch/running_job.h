#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/core/delivery.h"
#include "rbit/core/job.h"
#include "rbit/core/report.h"
#include "rbit/core/runner.h"
#include "rbit/core/runner_policy.h"

namespace rbit {

/// A job from its acceptance until its messages are settled.
struct RunningJob {
  RunningJob(const asio::any_io_executor& loop, Job what)
      : job(std::move(what)), claimed(loop), pumped(loop) {}

  Job job;
  StopRequest stop;
  SteadyTime received{}, begun{};
  std::shared_ptr<const RunnerPolicy> policy;  // it began with; none: it did not begin
  // It is in the journal, or its message was delivered before and not given back unread.
  bool seen_before = false;
  bool has_verdict = false;
  bool under_way = false;   // its attempt, from X to V: nothing is being written for its flow
  std::string record_dir;   // of that attempt
  std::int64_t keeper = 0;  // the process of the rbit that runs it, and handed over; 0: we do
  /// The messages that ask for it: the first, and redeliveries that joined. Of an owned job one
  /// that is acknowledged: what is left is the duty to make a copy.
  std::vector<Delivery> deliveries;

  // Early acknowledgement.
  std::optional<milliseconds> ack_after;  // after `received`; none: not before the end
  bool claiming = false;                  // under way
  Notice claimed;                         // it has ended

  // Statuses, and what it sends before its end, on their way to the journal, in order.
  std::deque<std::variant<Report, Publication>> statuses;
  bool pumping = false;
  Notice pumped;
};

}  // namespace rbit
