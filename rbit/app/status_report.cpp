#include "rbit/app/status_report.h"

#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "rbit/base/disk.h"
#include "rbit/journal/history.h"
#include "rbit/journal/pause_table.h"

namespace rbit {

namespace {

using nlohmann::json;

/// What the journal and the broker have of a queue.
json describe_queue(const config::QueueMapping& mapping, const OpenJobs& open,
                    const QueueCount& count, std::int64_t next_due) {
  json line;
  line["queue"] = mapping.queue;
  line["runner"] = mapping.shown();
  line["waiting"] = count.waiting ? json(*count.waiting + open.waiting) : json();
  line["running"] = open.running;
  line["due"] = count.due.value_or(open.due);
  // Its jobs, or messages that were delayed.
  const bool is_first = next_due > 0 && (open.again == 0 || next_due < open.again);
  line["again"] = is_first ? next_due : open.again;
  line["dead"] = count.dead ? json(*count.dead + open.kept_dead) : json();
  return line;
}

template <class Value>
Value of(const std::map<std::string, Value>& all, const std::string& queue) {
  const auto found = all.find(queue);
  return found == all.end() ? Value() : found->second;
}

json describe_target(const TargetView& target) {
  return {{"target", target.target},
          {"state", target.state},
          {"reason", target.reason},
          {"sent", target.sent},
          {"dropped", target.dropped},
          {"failed", target.failed},
          {"oldest", target.oldest.value_or(0)}};
}

json describe_reports(const MonitorNumbers& numbers) {
  json reports;
  reports["waiting"] = numbers.reports_waiting;
  reports["targets"] = json::array();
  std::int64_t oldest = 0;
  for (const TargetView& target : numbers.targets) {
    reports["targets"].push_back(describe_target(target));
    if (target.oldest && (oldest == 0 || *target.oldest < oldest)) oldest = *target.oldest;
  }
  reports["oldest"] = oldest;
  return reports;
}

std::string path_of(const config::Settings& settings, const std::string& name) {
  return name == "work-dir" ? settings.work_dir : settings.state_dir;
}

json describe_disk(const config::Settings& settings, const std::string& name, std::int64_t free,
                   std::int64_t total) {
  return {{"name", name}, {"path", path_of(settings, name)}, {"free", free}, {"total", total}};
}

/// What an operator must hear of, each with its reason.
json troubles_of(const MonitorNumbers& numbers, const MonitorDetails& details,
                 const BrokerState& broker) {
  json troubles = json::array();
  if (!numbers.paused.empty()) troubles.push_back("nothing is taken: " + numbers.paused);
  if (!numbers.standstill.empty()) troubles.push_back("no job begins: " + numbers.standstill);
  if (!broker.connected) troubles.push_back(broker.words);
  if (broker.blocked) troubles.push_back("the broker takes no messages: " + *broker.blocked);
  for (const QueueView& queue : details.queues) {
    const bool is_known = queue.state == "consuming" || queue.paused_since > 0 ||
                          !numbers.paused.empty() || !broker.connected;
    if (!is_known) troubles.push_back("queue " + queue.queue + " is " + queue.text());
  }
  for (const TargetView& target : numbers.targets)
    if (target.state != "up")
      troubles.push_back("reports to " + target.target + " wait, it is " + target.state + ": " +
                         target.reason);
  return troubles;
}

}  // namespace

Task<json> StatusReport::now() const {
  constexpr std::chrono::milliseconds patience{2'000};  // somebody sits and waits
  const QueueCounts counts = co_await sources_.live.count_queues(patience);
  const config::Settings& settings = sources_.settings;
  const MonitorNumbers numbers = sources_.feed.numbers();
  const MonitorDetails details = sources_.feed.details();
  const BrokerState broker = sources_.live.state();
  const std::map<std::string, OpenJobs> open = History(sources_.database).open_jobs();
  json all;
  all["rbit_runs"] = true;
  all["name"] = settings.name;
  all["version"] = RBIT_VERSION;
  all["pid"] = ::getpid();
  all["started"] = sources_.started;
  all["state_dir"] = settings.state_dir;
  all["troubles"] = troubles_of(numbers, details, broker);
  all["well"] = all["troubles"].empty();
  json& its_broker = all["broker"];
  its_broker["address"] = sources_.broker.address();
  its_broker["connected"] = broker.connected;
  its_broker["words"] = broker.words;
  its_broker["blocked"] = broker.blocked ? json(*broker.blocked) : json();
  json& slots = all["slots"];
  slots["total"] = numbers.slots;
  slots["used"] = numbers.running;
  slots["ahead"] = numbers.ahead;
  all["kept"] = json::array();
  for (const auto& [pid, jobs] : sources_.feed.kept())
    all["kept"].push_back({{"pid", pid}, {"jobs", jobs}});
  all["queues"] = json::array();
  for (std::size_t i = 0; i < settings.queues.size(); ++i) {
    const config::QueueMapping& mapping = settings.queues[i];
    const QueueView& view = details.queues[i];
    json line = describe_queue(mapping, of(open, mapping.queue), of(counts, mapping.queue),
                               sources_.broker.next_due_in(sources_.database, mapping.queue));
    line["state"] = view.state;
    line["why"] = view.why;
    line["paused_since"] = view.paused_since;
    line["running"] = view.running;
    line["per_minute"] = sources_.rates.per_minute(mapping.queue);
    all["queues"].push_back(std::move(line));
  }
  all["reports"] = describe_reports(numbers);
  all["disks"] = json::array();
  for (const DiskView& disk : numbers.disks)
    all["disks"].push_back(describe_disk(settings, disk.name, disk.free, disk.total));
  co_return all;
}

json status_without_rbit(const config::Settings& settings, const Broker& broker,
                         Database* database) {
  QueueCounts counts;
  std::map<std::string, OpenJobs> open;
  std::map<std::string, std::int64_t> paused;
  json all;
  all["rbit_runs"] = false;
  all["name"] = settings.name;
  all["version"] = RBIT_VERSION;
  all["state_dir"] = settings.state_dir;
  all["well"] = false;
  all["troubles"] = json::array({"no rbit runs with this configuration"});
  all["broker"]["address"] = broker.address();
  all["reports"]["waiting"] = 0;
  if (database != nullptr) {
    counts = broker.counts_in(*database);
    open = History(*database).open_jobs();
    all["reports"]["waiting"] = History(*database).reports_waiting();
    if (const auto known = PauseTable(*database).all()) paused = *known;
  }
  all["queues"] = json::array();
  for (const config::QueueMapping& mapping : settings.queues) {
    const std::int64_t due = database != nullptr ? broker.next_due_in(*database, mapping.queue) : 0;
    json line = describe_queue(mapping, of(open, mapping.queue), of(counts, mapping.queue), due);
    line["paused_since"] = of(paused, mapping.queue);
    line["state"] = line["paused_since"] == 0 ? "" : "paused";
    line["why"] = line["paused_since"] == 0 ? "" : paused_by_hand;
    all["queues"].push_back(std::move(line));
  }
  all["disks"] = json::array();
  for (const char* name : {"state-dir", "work-dir"})
    if (const auto space = disk::space_at(path_of(settings, name)))
      all["disks"].push_back(describe_disk(settings, name, space->free, space->total));
  return all;
}

}  // namespace rbit
