#pragma once

#include <string>
#include <vector>

#include "rbit/core/job.h"
#include "rbit/core/outcome.h"
#include "rbit/core/publication.h"
#include "rbit/core/runner_policy.h"
#include "rbit/core/status.h"

namespace rbit {

/// The longest text that AMQP takes for the name of a queue.
inline constexpr std::size_t longest_queue_name = 255;

/// What the end of a job publishes beside what it gave itself: the answer to who waits for one in
/// the queue `reply_to` of its message (`reply`), and its result (`on-done-publish`). Nothing of a
/// status after which it comes again.
std::vector<Publication> closing(const RunnerPolicy& policy, const Job& job, const Outcome& outcome,
                                 Status status);

/// {"job": 36, "status": "Done", "message": "", "result": null}; `job` is PyBit's number, or the
/// key as text where there is none.
std::string answer_text(const Job& job, const Outcome& outcome, Status status);

}  // namespace rbit
