#pragma once

#include <functional>
#include <string>

#include "rbit/base/result.h"
#include "rbit/core/job.h"
#include "rbit/core/message.h"
#include "rbit/dispatch/binding.h"

namespace rbit {

/// What the flow of a job needs of other rooms. All are set.
struct FlowMeans {
  /// Message to request, as the runner of that queue takes it; the Error's thing is the reason word
  /// `undecodable` or `invalid`.
  std::function<Result<BuildRequest>(const Binding&, const Message&)> read;
  /// A fresh directory for the leader's record of this attempt, and its removal after J3.
  std::function<Result<std::string>(const Job&)> make_record;
  std::function<void(const std::string&)> remove_record;
  /// Makes it survive a power cut: its verdict could not be written into the journal yet.
  std::function<void(const std::string&)> sync_record;
  /// Whether a job could have its record and its workspace on the disk; tried out.
  std::function<Result<void>()> try_disk;
};

}  // namespace rbit
