#pragma once

#include <optional>

#include "rbit/core/journal.h"
#include "rbit/core/message.h"

namespace rbit {

/// What a message of a job that does not run here means (rbit/doc/order.rst, redelivery).
struct Recall {
  /// The message was answered before and the answer did not arrive: settle it so again. A copy that
  /// is made already is not made again.
  std::optional<Settlement> answer;
  /// Else it runs, as this attempt ...
  int attempt = 1;
  /// ... and rbit died this often during earlier ones.
  int crashes = 0;
};

/// `known` is what the journal has of the message's key: of the same bytes of the same queue.
/// `redelivered` says whether the broker delivered this message before; a message we gave back
/// unread does not count. Anybody may write the header that says which attempt a message asks for:
/// one beyond `attempts`, the runner's, counts only as the next that is known of here.
Recall recall(const Message& message, const std::optional<JobRecord>& known, bool redelivered,
              int attempts);

}  // namespace rbit
