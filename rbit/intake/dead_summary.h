#pragma once

#include <cstdint>
#include <string>

#include "rbit/core/message.h"

namespace rbit {

/// What one can tell of a dead letter without its body.
struct DeadSummary {
  std::string queue;                     // the work queue it comes from, and would go back to
  std::string id;                        // its job's key
  std::string job_id, package, version;  // empty if the body is no build request
  std::string reason, worker;
  std::string detail;  // "/order/id: expected a number"; empty: there is none
  int attempts = 0;
  std::int64_t first = 0, died = 0;  // seconds since 1970; 0: not known
  std::uint64_t size = 0;            // of the whole body, in bytes
  bool cut = false;                  // only the start of the body was kept: it cannot be replayed
};

/// `dead` is a message of the dead of work queue `queue`.
DeadSummary describe_dead(const std::string& queue, const Message& dead);

/// The message as its work queue shall have it again: rbit's headers and the broker's `x-death`,
/// which it would believe, are gone, so that it starts as a new job of the same key. `time`:
/// microseconds since 1970, for the mark `replayed_header`.
Message make_replay(const Message& dead, const std::string& queue, std::int64_t time);

}  // namespace rbit
