#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rbit/base/database.h"
#include "rbit/base/result.h"
#include "rbit/core/broker.h"

namespace rbit {

/// All that the journal has of a job, by key or by PyBit's id; an Error if there is none. What
/// `describe` (control_handlers.h) gives, and:
///
///   run, crashes    how often it was asked for again after its end; how often rbit died meanwhile
///   settlement      {wanted, delay_ms, next_attempt, reason, reached}; null before the first
///   verdict attempts        [{run, attempt, worker, redelivered, begun, ended, outcome, reason,
///   message,
///                   exit, wall_us, cpu_us, memory_kib, output_bytes, log, log_kept}]
///   deliveries      [{run, attempt, time, what}], those that began no attempt: joined, answered
///   publications    [{attempt, seq, id, to, reply, time, state, tries, due, note}], what it sends
///                   through the outbox; on the embedded queue that is in its queue at once
///   result          what the job gave, any JSON; null: nothing
///   reports         [{target, attempt, seq, status, reason, message, time, state, tries, due,
///   note}] dead            [{id, reason, time}], of the embedded queue; a broker keeps its own
///
/// Times are microseconds since 1970, 0 is "not yet". Of a long story the last 200 of each.
Result<nlohmann::json> job_story(Database& database, const std::string& key);

/// For people: what happened, one line an event, in the order of time; then what is still to
/// happen. No text of a job or message can move the cursor. `now` in microseconds since 1970;
/// `broker` is where its messages are.
std::string tell(const nlohmann::json& story, std::int64_t now, const Broker& broker);

}  // namespace rbit
