#pragma once

#include <functional>
#include <optional>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/core/journal.h"
#include "rbit/core/message.h"
#include "rbit/core/outcome.h"
#include "rbit/core/report.h"
#include "rbit/core/standing.h"
#include "rbit/dispatch/binding.h"

namespace rbit {

/// What others may want to know of the flow, and what it needs of other rooms. All but `ask` are
/// set.
struct FlowLinks {
  /// Message to request; the Error's thing is the reason word `undecodable` or `invalid`.
  std::function<Result<BuildRequest>(const Message&)> read;
  /// A fresh directory for the leader's record of this attempt, and its removal after J3.
  std::function<Result<std::string>(const Job&)> make_record;
  std::function<void(const std::string&)> remove_record;
  /// Makes it survive a power cut: its verdict could not be written into the journal yet.
  std::function<void(const std::string&)> sync_record;
  /// A status of a job is on record; the outbox has it for every target.
  std::function<void(const Report&)> told;
  /// How the job's front-end has it, within seconds. None: it is not asked before a build.
  std::function<Task<Standing>(const Job&)> ask;
  /// Whether a job could have its record and its workspace on the disk; tried out.
  std::function<Result<void>()> try_disk;
  /// The journal or the disk could not take a job: no more, please, until they can.
  std::function<void(const Error&)> journal_failed;
  /// A job could not begin for want of something that this machine has too little of; it keeps its
  /// slot and is tried again. `waiting` is how many do so.
  std::function<void(const Outcome&, int waiting)> short_of;
  /// Nothing of the job ran. True: its runner cannot work at all, and its queues wait until it can.
  std::function<Task<bool>(const Binding&)> is_broken;
  /// A message whose copy is refused stays with us: a retry until its time comes, a dead letter
  /// until somebody takes it.
  std::function<void(const JobRecord&)> kept;

  std::function<void(const Message&)> received;
  std::function<void(const Message&, const Error&)> refused;
  /// `told` is the status that was reported of it; none of an interrupted attempt.
  std::function<void(const Job&, const Outcome&, std::optional<Status> told)> finished;
};

}  // namespace rbit
