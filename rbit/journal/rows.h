#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "rbit/base/database.h"
#include "rbit/core/journal.h"

/// How rows of the tables become the words of core, for those in this room who read them.
namespace rbit::rows {

/// Steps. Returns whether a row is there; what cannot be read is logged, and the last one.
bool next(Statement& row);

/// The columns of `job` that `read_job` expects, in its order.
inline constexpr std::string_view job_columns =
    "key, queue, runner, job_id, package, version, state, attempt, crashes, outcome, reason, "
    "message, settlement, settlement_delay, settlement_attempt, settlement_reason, "
    "claim = 'settled', reported_status, log_file, artifacts, begun, ended, digest, "
    "reported_message, result, wall, cpu, memory, output";
/// What a query asks for behind these columns begins at this number.
constexpr int count_of(std::string_view columns) {
  return 1 + static_cast<int>(std::count(columns.begin(), columns.end(), ','));
}
inline constexpr int job_column_count = count_of(job_columns);
JobRecord read_job(const Statement& row);

/// The columns of `outbox o JOIN job j` and `attempt_of_report` that `read_report` expects, in its
/// order. What belongs to the attempt of `o` is in the job's row if it is the present one; of one
/// that has not ended, and for a report that tells of no end, all of that is 0.
inline constexpr std::string_view report_columns =
    "o.id, o.target, j.key, j.job_id, j.queue, j.web_host, o.attempt, o.seq, o.status, o.reason, "
    "o.message, o.time, o.tries, "
    "CASE WHEN o.status = 'Building' THEN '' WHEN a.id IS NULL THEN j.exit ELSE a.exit END, "
    "iif(o.status = 'Building', 0, iif(a.id IS NULL, j.wall, a.wall)), "
    "iif(o.status = 'Building', 0, iif(a.id IS NULL, j.cpu, a.cpu)), "
    "iif(o.status = 'Building', 0, iif(a.id IS NULL, j.memory, a.memory)), "
    "iif(o.status = 'Building', 0, iif(a.id IS NULL, j.output, a.output)), "
    "j.runner, j.result, j.artifacts, o.request, o.properties, o.body, "
    "iif(o.status = 'Building', 0, iif(a.id IS NULL, j.attempt_ended, a.ended)), "
    "iif(a.id IS NULL, j.attempt_begun, a.begun), j.package, j.version";
inline constexpr int report_column_count = 28;
/// The attempt that a report is of, as `a`; nulls if it is the present one.
inline constexpr std::string_view attempt_of_report =
    " LEFT JOIN attempt a ON a.id = iif(j.attempt_begun > 0 AND j.attempt = o.attempt, NULL, "
    "(SELECT max(id) FROM attempt WHERE job = o.job AND n = o.attempt)) ";
Report read_report(const Statement& row);

std::string artifacts_to_json(const std::vector<Artifact>& artifacts);
std::vector<Artifact> artifacts_from_json(const std::string& json);

/// How a job stands once its attempt has ended so.
JobRecord::State state_after(const Outcome& outcome, const Settlement& settlement);
/// Returns whether a job in this state has ended: if its key begins again, that is a new run.
bool is_over(JobRecord::State state);
JobRecord::State state_from(std::string_view name);

}  // namespace rbit::rows
