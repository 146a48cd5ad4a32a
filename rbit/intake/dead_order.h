#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/intake/dead_letters.h"
#include "rbit/intake/dead_summary.h"

namespace rbit {

/// What `rbit dead` is asked to do.
struct DeadOrder {
  enum class Kind { list, show, replay, drop };
  Kind kind = Kind::list;
  std::vector<std::string> queues;  // work queues, in this order
  std::vector<std::string> ids;     // keys or PyBit's numbers; empty: all
  std::string reason;               // a reason, or the words it begins with; empty: any
  std::int64_t limit = 0;           // of letters that fit; 0: none

  bool fits(const DeadSummary& letter) const;
};

/// "list", "show", "replay", "drop"
std::string_view to_string(DeadOrder::Kind kind);

/// For the control socket.
nlohmann::json to_json(const DeadOrder& order);
/// An Error if it is no order.
Result<DeadOrder> dead_order_from(const nlohmann::json& json);

/// Tells one line; false: nobody listens any more.
using TellDead = std::function<Task<bool>(const nlohmann::json&)>;

/// Does it, a line for each letter that fits:
///
///   list    {"queue", "n", "id", "job", "package", "version", "reason", "attempts", "first",
///            "died", "worker", "size", "cut"}; `n` is its place among its queue's dead, from 1
///   show    the same, "properties": {...}, "body": "..." or {"hex": "..."}
///   replay  the same, "done": "replayed", or "failed": why it stays
///   drop    the same, "done": "dropped", or "failed"
///
/// and at last {"seen": how many fit, "more": whether `limit` ended it}. An Error: the letters
/// could not be reached; what was told was done.
Task<Result<void>> carry_out(const DeadOrder& order, DeadLetters& letters, const Clock& clock,
                             TellDead tell);

}  // namespace rbit
