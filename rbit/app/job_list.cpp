#include "rbit/app/job_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/control_handlers.h"
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

json describe_queued(const QueuedMessage& one, const config::QueueMapping& mapping,
                     MessageKind kind) {
  JobRecord job;
  job.key = key_of(one.message);
  job.queue = mapping.queue;
  job.runner = mapping.runner;
  if (kind == MessageKind::pybit) {
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

/// Those that come first at the front.
std::vector<json> queued(const History& history, Database& database, const Broker& broker,
                         const config::Settings& settings, const JobFilter& filter) {
  struct Found {
    std::int64_t time;
    json line;
  };
  std::vector<Found> found;
  for (const config::QueueMapping& mapping : settings.queues) {
    if (!has(filter.queues, mapping.queue) || !has(filter.runners, mapping.runner)) continue;
    const MessageKind kind = settings.runners.at(mapping.runner).policy.message;
    int left = filter.limit;
    for (const QueuedMessage& one :
         broker.queued_in(database, mapping.queue, filter.limit + most_hidden)) {
      if (left == 0) break;
      if (!fits(filter, one) || is_told(history, one)) continue;
      --left;
      found.push_back({std::max(one.since, one.again), describe_queued(one, mapping, kind)});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& one, const Found& other) { return one.time < other.time; });
  std::vector<json> lines;
  for (Found& one : found) lines.push_back(std::move(one.line));
  return lines;
}

JobFilter first_thousand() {
  JobFilter filter;
  filter.limit = 1000;
  return filter;
}

}  // namespace

json list_jobs(Database& database, const Broker& broker, const config::Settings& settings,
               const JobFilter& filter) {
  const History history(database);
  const std::vector<JobRecord> begun = history.jobs(filter);
  std::vector<json> waiting = queued(history, database, broker, settings, filter);
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

Result<std::string> find_job(Database& database, const Broker& broker,
                             const config::Settings& settings, const std::string& name) {
  const History history(database);
  const Result<std::string> begun = history.find(name);
  if (name.empty() || (begun && (*begun == name || history.job(name)))) return begun;
  std::vector<std::string> keys;  // that begin so
  for (const json& one : queued(history, database, broker, settings, first_thousand())) {
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
  for (json& one : queued(History(database), database, broker, settings, first_thousand()))
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
