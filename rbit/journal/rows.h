#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "rbit/base/database.h"
#include "rbit/core/journal.h"

/// How rows of the tables become the words of core, for those in this room who read them.
namespace rbit::rows {

/// The columns of `job` that `read_job` expects, in its order.
inline constexpr std::string_view job_columns =
    "key, queue, runner, job_id, package, version, state, attempt, crashes, outcome, reason, "
    "message, settlement, settlement_delay, settlement_attempt, settlement_reason, settled, "
    "reported_status, log_file, artifacts, begun, ended, digest, "
    "reported_message";
/// What a query asks for behind them begins at this number.
inline constexpr int job_column_count =
    1 + static_cast<int>(std::count(job_columns.begin(), job_columns.end(), ','));
JobRecord read_job(const Statement& row);

/// The columns of `outbox o JOIN job j` and `attempt_of_report` that `read_report` expects, in its
/// order.
inline constexpr std::string_view report_columns =
    "o.id, o.target, j.key, j.job_id, j.queue, j.web_host, o.attempt, o.seq, o.status, o.reason, "
    "o.message, o.time, o.tries, a.exit, a.wall, a.cpu, a.memory, a.output";
/// The attempt whose end a report tells, as `a`; nulls for one that tells of no end.
inline constexpr std::string_view attempt_of_report =
    " LEFT JOIN attempt a ON a.id = (SELECT max(id) FROM attempt WHERE job = o.job AND "
    "n = o.attempt AND ended > 0 AND o.status <> 'Building') ";
Report read_report(const Statement& row);

std::string artifacts_to_json(const std::vector<Artifact>& artifacts);
std::vector<Artifact> artifacts_from_json(const std::string& json);

/// Returns whether a job in this state has ended: if its key begins again, that is a new run.
bool is_over(JobRecord::State state);
JobRecord::State state_from(std::string_view name);

}  // namespace rbit::rows
