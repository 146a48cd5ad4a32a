#include "rbit/app/page_feed.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
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

constexpr std::size_t most_running = 200;
constexpr int most_recent = 50, most_waiting = 50;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// What a row shows: the rest is the job's story.
json row_of(json job) {
  for (const char* member : {"artifacts", "log", "result"}) job.erase(member);
  return job;
}

bool is_over(JobRecord::State state) {
  return !is_unfinished(state) && state != JobRecord::State::blocked;
}

}  // namespace

/// When its attempt began, microseconds since 1970; 0: it has not. Of one that an earlier rbit runs
/// we heard of no begin.
std::int64_t PageFeed::begun(const RunningJob& running) const {
  const std::int64_t here = sources_.board.begun(running.job.key);
  return here == 0 && running.keeper != 0 ? running.job.timestamp * 1'000'000 : here;
}

std::string PageFeed::add_of_running(json& job) const {
  const std::string key = job["key"].get<std::string>();
  const auto& all = sources_.dispatcher.ledger().all_running();
  const auto its = all.find(key);
  if (its == all.end() || job["state"] != "running") return "";
  job["attempt_begun"] = begun(*its->second);
  const ToldProgress* progress = sources_.board.of(key);
  if (progress != nullptr) job["progress"] = to_json(*progress);
  return progress != nullptr ? "" : job_log(sources_.settings.state_dir, its->second->job);
}

/// Those that began first, in that order: who looks for one that hangs finds it.
std::vector<std::string> PageFeed::first_running() const {
  std::vector<std::pair<std::int64_t, std::string>> all;
  for (const auto& [key, running] : sources_.dispatcher.ledger().all_running())
    if (const auto since = begun(*running); since > 0) all.emplace_back(since, key);
  std::sort(all.begin(), all.end());
  if (all.size() > most_running) all.resize(most_running);
  std::vector<std::string> keys;
  for (auto& [since, key] : all) keys.push_back(std::move(key));
  return keys;
}

Task<json> PageFeed::running() const {
  json list = json::array();
  std::vector<std::string> logs;
  const History history(sources_.database);
  for (const std::string& key : first_running()) {
    const auto known = history.job(key);
    if (!known || known->job.state != JobRecord::State::running) continue;  // over
    list.push_back(row_of(describe(known->job)));
    logs.push_back(add_of_running(list.back()));
  }
  std::function<std::vector<std::string>()> read = [logs] {
    std::vector<std::string> lines;
    for (const std::string& log : logs) lines.push_back(log.empty() ? "" : last_line_of(log));
    return lines;
  };
  const bool is_silent = std::all_of(logs.begin(), logs.end(), std::mem_fn(&std::string::empty));
  if (is_silent) co_return list;
  const auto lines = co_await aside(std::move(read));  // a disk may be slow
  for (std::size_t i = 0; i < logs.size(); ++i)
    if (!logs[i].empty()) list[i]["output"] = lines[i];
  co_return list;
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
  const History history(sources_.database);
  json recent = json::array(), waiting = json::array();
  const auto run = sources_.dispatcher.ledger().all_running().size();  // these come first
  for (const JobRecord& job : history.jobs(most_recent + most_waiting + static_cast<int>(run))) {
    if (recent.size() < most_recent && is_over(job.state))
      recent.push_back(row_of(describe(job)));
    else if (waiting.size() < most_waiting && job.state == JobRecord::State::waiting)
      waiting.push_back(row_of(describe(job)));
  }
  JobFilter filter;
  filter.limit = most_waiting;
  for (json& job : queued_jobs(sources_.database, sources_.broker, sources_.settings, filter))
    waiting.push_back(row_of(std::move(job)));
  for (const JobRecord& job : history.jobs(most_waiting, {JobRecord::State::blocked}))
    waiting.push_back(row_of(describe(job)));
  parts["recent"] = text_of(recent);
  parts["waiting"] = text_of(waiting);
  parts["running"] = text_of(co_await running());
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
