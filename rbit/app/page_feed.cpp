#include "rbit/app/page_feed.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/control_handlers.h"
#include "rbit/app/job_list.h"
#include "rbit/app/job_story.h"
#include "rbit/app/log_piece.h"
#include "rbit/app/progress_json.h"
#include "rbit/base/aside.h"
#include "rbit/journal/history.h"

namespace rbit {

namespace {

using nlohmann::json;

constexpr std::size_t most_running = 200, most_recent = 50, most_waiting = 50;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// What a row shows: the rest is the job's story.
json row_of(json job) {
  for (const char* member : {"artifacts", "log", "result"}) job.erase(member);
  return job;
}

bool is_over(const json& job) {
  const std::string& state = job["state"].get_ref<const std::string&>();
  return state != "waiting" && state != "running" && state != "blocked";
}

}  // namespace

void PageFeed::add_of_running(json& job) const {
  const std::string key = job["key"].get<std::string>();
  const auto& all = sources_.dispatcher.ledger().all_running();
  const auto its = all.find(key);
  if (its == all.end() || job["state"] != "running") return;
  job["attempt_begun"] = sources_.board.begun(key);
  if (const ToldProgress* progress = sources_.board.of(key))
    job["progress"] = to_json(*progress);
  else
    job["output"] = last_line_of(job_log(sources_.settings.state_dir, its->second->job));
}

json PageFeed::running() const {
  const History history(sources_.database);
  json list = json::array();
  for (const auto& [key, running] : sources_.dispatcher.ledger().all_running()) {
    if (list.size() == most_running) break;
    auto job = describe_job(sources_.database, key);
    if (!job || (*job)["state"] != "running") continue;  // about to begin, or over
    json row = row_of(std::move(*job));
    add_of_running(row);
    list.push_back(std::move(row));
  }
  return list;
}

/// What others write on the same disk is no news, unless it is much.
void PageFeed::calm(json& disks) {
  for (json& disk : disks) {
    const auto free = disk["free"].get<std::int64_t>(), total = disk["total"].get<std::int64_t>();
    const auto [shown, is_first] = free_.try_emplace(disk["name"].get<std::string>(), free);
    if (std::abs(shown->second - free) > total / 100) shown->second = free;
    disk["free"] = shown->second;
  }
}

Task<StateParts> PageFeed::state() {
  json status = co_await sources_.status.now();
  StateParts parts;
  parts["queues"] = text_of(status["queues"]);
  status.erase("queues");
  calm(status["disks"]);
  parts["rbit"] = text_of(status);
  parts["running"] = text_of(running());
  JobFilter lately, later;
  lately.limit = most_recent + most_waiting;
  later.limit = most_waiting;
  later.due = true;
  json recent = json::array(), waiting = json::array();
  for (json& job : list_jobs(sources_.database, sources_.broker, sources_.settings, lately)) {
    if (is_over(job) && recent.size() < most_recent)
      recent.push_back(row_of(std::move(job)));
    else if (job.is_object() && job["state"] == "waiting" && waiting.size() < most_waiting)
      waiting.push_back(row_of(std::move(job)));
  }
  for (json& job : list_jobs(sources_.database, sources_.broker, sources_.settings, later))
    if (job["state"] == "blocked") waiting.push_back(row_of(std::move(job)));
  parts["recent"] = text_of(recent);
  parts["waiting"] = text_of(waiting);
  parts["chart"] = text_of(sources_.chart.to_json());
  co_return parts;
}

Result<std::string> PageFeed::job(const std::string& name) const {
  const auto key = find_job(sources_.database, sources_.broker, sources_.settings, name);
  if (!key) return key.error();
  const auto story = job_story(sources_.database, *key);
  if (!story) {
    const auto queued = find_queued(sources_.database, sources_.broker, sources_.settings, *key);
    if (!queued || story.error().reason != not_in_journal) return story.error();
    return text_of(*queued);
  }
  json told = *story;
  add_of_running(told);
  return text_of(told);
}

Task<Result<LogPiece>> PageFeed::log(LogWish wish) const {
  constexpr std::size_t most = 64 << 10;
  const auto key = find_job(sources_.database, sources_.broker, sources_.settings, wish.key);
  if (!key) co_return key.error();
  const auto record = describe_job(sources_.database, *key);
  if (!record) co_return record.error();
  const json& job = *record;
  const int last = job["attempt"].get<int>();
  Job attempt;
  attempt.key = job["key"].get<std::string>();
  attempt.queue = job["queue"].get<std::string>();
  attempt.attempt = wish.attempt > 0 ? wish.attempt : last;
  std::string path = job_log(sources_.settings.state_dir, attempt);
  const bool is_open = attempt.attempt == last && job["state"] == "running";
  if (attempt.attempt == last && !is_open) path = job["log"].get<std::string>();
  std::function<Result<LogPiece>()> read = [path, from = wish.from] {
    return path.empty() ? Result<LogPiece>(LogPiece()) : read_piece(path, from, most);
  };
  auto piece = co_await aside(std::move(read));  // a disk may be slow
  if (piece) {
    piece->attempt = attempt.attempt;
    piece->is_open = is_open;
  }
  co_return piece;
}

}  // namespace rbit
