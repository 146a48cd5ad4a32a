#pragma once

#include "rbit/base/result.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/artifacts.h"
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
/// errno, if it did not start for want of something that this machine has too little of, and not by
/// a limit of its own; else 0.
int shortage_of(const JobEnd& end, const RunnerPolicy& policy);
/// Of a job that could not be started.
Outcome not_started(const Error& why);

/// What the policy wants to be kept of a job that ended so.
void fill_in(ArtifactOrder& order, const RunnerPolicy& policy, Outcome::Kind kind);
/// What came of it. A refused artifact, or a required one that is missing, makes a job that was
/// done a failed one; what was passed over is said in the message.
void note_artifacts(Outcome& outcome, const Result<KeptArtifacts>& kept);

}  // namespace rbit
