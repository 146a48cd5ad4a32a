#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "rbit/base/clock.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/dead_letters.h"
#include "rbit/core/dead_order.h"

namespace rbit {

/// Tells one line; false: nobody listens any more.
using TellDead = std::function<Task<bool>(const nlohmann::json&)>;

/// Does it, a line for each letter that fits:
///
///   list    {"queue", "n", "id", "job", "package", "version", "reason", "attempts", "first",
///            "died", "worker", "size", "cut"}; `n` is its place among its queue's dead, from 1;
///           and "key", "attempt", "queued", "ended": the same by the names that jobs have
///           (app/control_handlers.h), times in microseconds, the others in seconds
///   show    the same, "properties": {...}, "body": "..." or {"hex": "..."}
///   replay  the same, "done": "replayed", or "failed": why it stays; with `as_new` "new_id", too
///   drop    the same, "done": "dropped", or "failed"
///
/// and at last {"seen": how many fit, "more": whether `limit` ended it}. An Error: the letters
/// could not be reached; what was told was done.
Task<Result<void>> carry_out(const DeadOrder& order, DeadLetters& letters, const Clock& clock,
                             TellDead tell);

}  // namespace rbit
