#pragma once

#include <string>

#include "rbit/base/result.h"
#include "rbit/core/job.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/artifacts.h"
#include "rbit/run/event_line.h"
#include "rbit/run/leader.h"
#include "rbit/run/run_place.h"

namespace rbit {

// How an end becomes an outcome (rbit/doc/formats.rst, ends).

Outcome make_outcome(Outcome::Kind kind, std::string reason, std::string message = "");

/// A shell job ended. What its process said counts, unless we had begun to stop it before: then the
/// cause of that does, whatever the exit code is.
Outcome outcome_of(const JobEnd& end, const RunnerPolicy& policy);
/// We stopped a job, for this cause.
Outcome outcome_of(StopCause cause, const RunnerPolicy& policy);
/// A host gave its verdict.
Outcome outcome_of(const ResultEvent& result);
/// Fills in what the job used.
void note_use(Outcome& outcome, const JobEnd& end);
/// Returns errno if it did not start for want of something that this machine has too little of, and
/// not by a limit of its own, else 0.
int shortage_of(const JobEnd& end, const RunnerPolicy& policy);
/// A job could not be started.
Outcome not_started(const Error& why);
/// rbit died before it was started: that costs it nothing.
Outcome died_before_start();

/// Where the artifacts of a job may come from and where they go; `workspace` is the root of its own
/// directories.
ArtifactOrder artifact_order(const Job& job, const std::string& workspace,
                             const RunnerPolicy& policy, const RunPlace& place);
/// What the policy wants to be kept of a job that ended so.
void fill_in(ArtifactOrder& order, const RunnerPolicy& policy, Outcome::Kind kind);
/// Adds what came of that to the outcome. A refused artifact, or a required one that is missing,
/// makes a job that was done a failed one; what was passed over is said in the message.
void note_artifacts(Outcome& outcome, const Result<KeptArtifacts>& kept);

}  // namespace rbit
