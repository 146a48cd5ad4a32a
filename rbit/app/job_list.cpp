#include "rbit/app/job_list.h"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/control_handlers.h"
#include "rbit/app/message_readers.h"
#include "rbit/app/status_text.h"
#include "rbit/base/text.h"
#include "rbit/intake/request.h"

namespace rbit {

namespace {

using nlohmann::json;
using State = JobRecord::State;

// Of the first messages of a queue some are out, or answered already.
constexpr int most_hidden = 500;

template <class Value>
bool has(const std::vector<Value>& all, const Value& one) {
  return all.empty() || std::find(all.begin(), all.end(), one) != all.end();
}

bool fits(const JobFilter& filter, const QueuedMessage& one) {
  if (one.since < filter.since) return false;
  if (filter.states.empty() && !filter.due) return true;
  return one.again > 0 ? filter.due
                       : std::find(filter.states.begin(), filter.states.end(), State::waiting) !=
                             filter.states.end();
}

/// Whether the journal tells of it already, or it is answered and about to go.
bool is_told(const History& history, const QueuedMessage& one) {
  const auto state = history.state_of(key_of(one.message));
  if (!state) return false;
  return is_unfinished(*state) || *state == State::blocked || one.was_delivered;
}

bool is_build(const config::Settings& settings, const std::string& runner) {
  const auto its = settings.runners.find(runner);
  return its != settings.runners.end() && its->second.policy.message == MessageKind::pybit;
}

json describe_queued(const QueuedMessage& one, const std::string& runner, bool is_build) {
  JobRecord job;
  job.key = key_of(one.message);
  job.queue = one.message.queue;
  job.runner = runner;
  if (is_build) {
    if (const auto request = parse_request(one.message)) {
      job.job_id = request->job_id;
      job.package = request->package;
      job.version = request->version;
    }
  }
  json line = describe(job);
  line["queued"] = one.since;
  line["again"] = one.again;
  return line;
}

struct Found {
  std::int64_t time;  // when it came, or will come
  json line;
};

/// Those that come first at the front, `limit` at the most.
void keep_first(std::vector<Found>& found, std::size_t limit) {
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& one, const Found& other) { return one.time < other.time; });
  if (found.size() > limit) found.resize(limit);
}

}  // namespace

std::vector<json> queued_jobs(Database& database, const Broker& broker,
                              const config::Settings& settings, const JobFilter& filter) {
  const History history(database);
  const auto limit = static_cast<std::size_t>(std::max(filter.limit, 0));
  std::vector<Found> found;
  if (limit == 0) return {};
  for (const config::QueueMapping& mapping : settings.queues) {
    // Of a route only the message says it.
    if (!mapping.route && !has(filter.runners, mapping.runner)) continue;
    if (!has(filter.queues, mapping.queue)) continue;
    // A message is read with its body: no more of them than may be shown.
    constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    const std::int64_t last = found.size() < limit ? never : found.back().time;
    std::map<bool, int> taken, hidden;  // of those that wait for their time, and of the others
    broker.queued_in(database, mapping.queue, [&](const QueuedMessage& one) {
      const bool is_later = one.again > 0;
      const std::int64_t time = std::max(one.since, one.again);
      if (taken[is_later] >= filter.limit || hidden[is_later] >= most_hidden || time >= last)
        return false;
      const auto known = runner_of(mapping, one.message);
      const std::string runner = known ? *known : std::string();
      if (!has(filter.runners, runner) || !fits(filter, one) || is_told(history, one)) {
        ++hidden[is_later];
      } else {
        ++taken[is_later];
        found.push_back({time, describe_queued(one, runner, is_build(settings, runner))});
      }
      return true;
    });
    keep_first(found, limit);
  }
  std::vector<json> lines;
  for (Found& one : found) lines.push_back(std::move(one.line));
  return lines;
}

json list_jobs(Database& database, const Broker& broker, const config::Settings& settings,
               const JobFilter& filter) {
  const History history(database);
  const std::vector<JobRecord> begun = history.jobs(filter);
  std::vector<json> waiting = queued_jobs(database, broker, settings, filter);
  const auto limit = static_cast<std::size_t>(filter.limit);
  const std::size_t room = limit > begun.size() ? limit - begun.size() : 0;
  waiting.resize(std::min(waiting.size(), std::max(room, limit - limit / 2)));
  json list = json::array();
  for (auto one = waiting.rbegin(); one != waiting.rend(); ++one) list.push_back(std::move(*one));
  for (const JobRecord& job : begun) {
    if (list.size() >= limit) break;
    list.push_back(describe(job));
  }
  return list;
}

namespace {

/// The first thousand of each queue.
std::vector<json> first_of_each(Database& database, const Broker& broker,
                                const config::Settings& settings) {
  std::vector<json> all;
  JobFilter filter;
  filter.limit = 1000;
  for (const std::string& queue : settings.queue_names()) {
    filter.queues = {queue};
    for (json& one : queued_jobs(database, broker, settings, filter)) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

Result<std::string> find_job(Database& database, const Broker& broker,
                             const config::Settings& settings, const std::string& name) {
  const History history(database);
  const Result<std::string> begun = history.find(name);
  if (name.empty() || (begun && (*begun == name || history.job(name)))) return begun;
  std::vector<std::string> keys;  // that begin so
  for (const json& one : first_of_each(database, broker, settings)) {
    auto key = one["key"].get<std::string>();
    if (key == name || one["job"] == name) return key;
    if (key.starts_with(name)) keys.push_back(std::move(key));
  }
  const bool is_told = !begun && begun.error().reason != not_in_journal;
  if (name == "last" || keys.empty() || is_told) return begun;
  if (begun) keys.insert(keys.begin(), *begun);
  if (keys.size() == 1) return keys.front();
  return may_be_several(name, keys);
}

std::optional<json> find_queued(Database& database, const Broker& broker,
                                const config::Settings& settings, const std::string& key) {
  for (json& one : first_of_each(database, broker, settings))
    if (one["key"] == key) return std::move(one);
  return std::nullopt;
}

Error not_begun(const json& queued) {
  const auto again = queued["again"].get<std::int64_t>();
  return {"job " + text::one_line(queued["key"].get<std::string>(), 300),
          "has not begun: it waits in queue " +
              text::one_line(queued["queue"].get<std::string>(), 255) + " since " +
              moment_text(queued["queued"].get<std::int64_t>(), Zone::local) +
              (again > 0 ? ", until " + moment_text(again, Zone::local) : ""),
          ""};
}

}  // namespace rbit
