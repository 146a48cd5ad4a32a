#pragma once

#include "rbit/base/result.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/event_line.h"
#include "rbit/run/leader.h"

namespace rbit {

// How an end becomes an outcome: the table of RELIABILITY.md 6.4.

/// Of a shell job. With a `cause` the ladder's, else its own.
Outcome outcome_of(const JobEnd& end, const RunnerPolicy& policy);
/// Of a job that the ladder ended.
Outcome outcome_of(StopCause cause, const RunnerPolicy& policy);
/// Of a host's verdict.
Outcome outcome_of(const ResultEvent& result);
/// Fills in what the job used.
void note_use(Outcome& outcome, const JobEnd& end);
/// Of a job that could not be started.
Outcome not_started(const Error& why);

/// A refused artifact makes a job that was done a failed one (DESIGN.md 9.10).
void refuse_artifacts(Outcome& outcome, const Error& why);

}  // namespace rbit
