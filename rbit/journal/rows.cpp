#include "rbit/journal/rows.h"

#include <nlohmann/json.hpp>

namespace rbit::rows {

namespace {

Settlement::Kind settlement_from(std::string_view name) {
  for (const auto kind :
       {Settlement::Kind::retry, Settlement::Kind::dead_letter, Settlement::Kind::requeue})
    if (name == to_string(kind)) return kind;
  return Settlement::Kind::accept;
}

}  // namespace

JobRecord read_job(const Statement& row) {
  JobRecord job;
  job.key = row.text(0);
  job.queue = row.text(1);
  job.runner = row.text(2);
  job.job_id = row.text(3);
  job.package = row.text(4);
  job.version = row.text(5);
  job.state = state_from(row.text(6));
  job.attempt = static_cast<int>(row.integer(7));
  job.crashes = static_cast<int>(row.integer(8));
  job.outcome = row.text(9);
  job.reason = row.text(10);
  job.message = row.text(11);
  job.settlement.kind = settlement_from(row.text(12));
  job.settlement.delay = std::chrono::milliseconds(row.integer(13));
  job.settlement.next_attempt = static_cast<int>(row.integer(14));
  job.settlement.reason = row.text(15);
  job.settled = row.integer(16) != 0;
  job.last_status = status_from(row.text(17)).value_or(Status::waiting);
  job.log_file = row.text(18);
  job.artifacts = artifacts_from_json(row.text(19));
  job.begun = row.integer(20);
  job.ended = row.integer(21);
  job.digest = row.text(22);
  job.last_message = row.text(23);
  return job;
}

Report read_report(const Statement& row) {
  Report report;
  report.id = row.integer(0);
  report.target = row.text(1);
  report.job_key = row.text(2);
  report.job_id = row.text(3);
  report.queue = row.text(4);
  report.web_host = row.text(5);
  report.attempt = static_cast<int>(row.integer(6));
  report.seq = static_cast<int>(row.integer(7));
  report.status = status_from(row.text(8)).value_or(Status::waiting);
  report.reason = row.text(9);
  report.message = row.text(10);
  report.time = row.integer(11);
  report.tries = static_cast<int>(row.integer(12));
  report.exit = row.text(13);
  report.wall_micros = row.integer(14);
  report.cpu_micros = row.integer(15);
  report.peak_memory_kib = row.integer(16);
  report.output_bytes = row.integer(17);
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
  if (json.empty()) return artifacts;
  const auto list = nlohmann::json::parse(json, nullptr, false);
  if (!list.is_array()) return artifacts;
  for (const auto& pair : list)
    if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string())
      artifacts.push_back({pair[0].get<std::string>(), pair[1].get<std::string>()});
  return artifacts;
}

bool is_over(JobRecord::State state) {
  return state == JobRecord::State::done || state == JobRecord::State::failed ||
         state == JobRecord::State::cancelled || state == JobRecord::State::dead;
}

JobRecord::State state_from(std::string_view name) {
  using State = JobRecord::State;
  for (const auto state : {State::running, State::blocked, State::done, State::failed,
                           State::cancelled, State::moved, State::dead})
    if (name == to_string(state)) return state;
  return State::waiting;
}

}  // namespace rbit::rows
