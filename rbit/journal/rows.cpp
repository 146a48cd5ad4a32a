#include "rbit/journal/rows.h"

#include <nlohmann/json.hpp>

#include "rbit/core/message_codec.h"
#include "rbit/log/log.h"

namespace rbit::rows {

bool next(Statement& row) {
  const auto found = row.step();
  if (!found) log::error("the journal could not be read: " + found.error().text());
  return found && *found;
}

JobRecord read_job(const Statement& row) {
  JobRecord job;
  std::string state, settlement, status, artifacts;
  std::int64_t delay = 0;
  row.read(0, job.key, job.queue, job.runner, job.job_id, job.package, job.version, state,
           job.attempt, job.crashes, job.outcome, job.reason, job.message, settlement, delay,
           job.settlement.next_attempt, job.settlement.reason, job.settled, status, job.log_file,
           artifacts, job.begun, job.ended, job.digest, job.last_message, job.result,
           job.wall_micros, job.cpu_micros, job.peak_memory_kib, job.output_bytes);
  job.state = state_from(state);
  job.settlement.kind = value_in(settlement_names, settlement).value_or(Settlement::Kind::accept);
  job.settlement.delay = std::chrono::milliseconds(delay);
  job.last_status = status_from(status).value_or(Status::waiting);
  job.artifacts = artifacts_from_json(artifacts);
  return job;
}

Report read_report(const Statement& row) {
  Report report;
  std::string status, artifacts, properties, body;
  row.read(0, report.id, report.target, report.job_key, report.job_id, report.queue,
           report.web_host, report.attempt, report.seq, status, report.reason, report.message,
           report.time, report.tries, report.exit, report.wall_micros, report.cpu_micros,
           report.peak_memory_kib, report.output_bytes, report.runner, report.result, artifacts,
           report.request, properties, body, report.ended, report.begun, report.package,
           report.version);
  report.artifacts = artifacts_from_json(artifacts);
  report.carried.queue = report.queue;
  properties_from_json(properties, report.carried);
  report.carried.body = std::move(body);
  report.status = status_from(status).value_or(Status::waiting);
  return report;
}

std::string artifacts_to_json(const std::vector<Artifact>& artifacts) {
  if (artifacts.empty()) return {};
  auto list = nlohmann::json::array();
  for (const auto& artifact : artifacts)
    list.push_back(nlohmann::json::array({artifact.path, artifact.kind}));
  // A path may be any bytes; this is for people to read, so a stand-in for odd ones will do.
  return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<Artifact> artifacts_from_json(const std::string& json) {
  std::vector<Artifact> artifacts;
  if (json.empty()) return artifacts;  // most jobs, and each report of them is read
  const auto list = nlohmann::json::parse(json, nullptr, false);
  if (!list.is_array()) return artifacts;
  for (const auto& pair : list)
    if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string())
      artifacts.push_back({pair[0].get<std::string>(), pair[1].get<std::string>()});
  return artifacts;
}

JobRecord::State state_after(const Outcome& outcome, const Settlement& settlement) {
  switch (settlement.kind) {
    case Settlement::Kind::retry:
      return JobRecord::State::blocked;
    case Settlement::Kind::requeue:
      return JobRecord::State::waiting;
    case Settlement::Kind::dead_letter:
      return JobRecord::State::failed;
    case Settlement::Kind::accept:
      break;
  }
  if (outcome.kind == Outcome::Kind::cancelled) return JobRecord::State::cancelled;
  return outcome.kind == Outcome::Kind::done ? JobRecord::State::done : JobRecord::State::failed;
}

bool is_over(JobRecord::State state) {
  return state == JobRecord::State::done || state == JobRecord::State::failed ||
         state == JobRecord::State::cancelled || state == JobRecord::State::dead;
}

JobRecord::State state_from(std::string_view name) {
  return value_in(job_state_names, name).value_or(JobRecord::State::waiting);
}

}  // namespace rbit::rows
