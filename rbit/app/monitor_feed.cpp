#include "rbit/app/monitor_feed.h"

#include "rbit/journal/history.h"
#include "rbit/journal/pause_table.h"

namespace rbit {

namespace {

TargetView view_of(const TargetState& state) {
  TargetView view;
  view.target = state.target;
  view.state = to_string(state.kind);
  view.reason = state.reason;
  view.sent = state.sent;
  view.dropped = state.dropped;
  view.failed = state.failed;
  view.oldest = state.oldest;
  return view;
}

}  // namespace

Task<void> MonitorFeed::count_queues() {
  constexpr std::chrono::milliseconds patience{250};  // a broker with an alarm does not answer
  const Lifetime::Watch alive = lifetime_.watch();
  QueueCounts counts = co_await broker_.count_queues(patience);
  if (!alive.is_over()) counts_ = std::move(counts);
}

/// What waits for its next attempt is in the broker's queues for that, which only the journal
/// knows, or here.
void MonitorFeed::add_queues(MonitorNumbers& numbers) const {
  std::map<std::string, int> running;
  for (const auto& [key, job] : dispatcher_.ledger().all_running())
    if (!job->has_verdict) ++running[job->job.queue];
  const auto in = [](const std::map<std::string, std::int64_t>& counts, const std::string& queue) {
    const auto its = counts.find(queue);
    return its == counts.end() ? std::int64_t{0} : its->second;
  };
  const auto unready = dispatcher_.unready();
  const auto unread = broker_.unread_queues(std::chrono::milliseconds(0));
  for (const auto& mapping : settings_.queues) {
    const std::string& name = mapping.queue;
    QueueNumbers queue;
    queue.queue = name;
    queue.running = running[name];
    queue.is_paused = dispatcher_.paused_since(name) > 0;
    if (const auto its = counts_.find(name); its != counts_.end()) queue.count = its->second;
    if (missed_copies_) queue.count.due = in(missed_copies_->awaited(), name);
    if (queue.count.due) *queue.count.due += in(dispatcher_.ledger().backlog().by_queue(), name);
    if (const auto why = unready.find(name); why != unready.end()) queue.unread = why->second;
    if (const auto why = unread.find(name); why != unread.end()) queue.unread = why->second;
    numbers.queues.push_back(std::move(queue));
  }
}

std::map<std::int64_t, std::vector<std::string>> MonitorFeed::kept() const {
  std::map<std::int64_t, std::vector<std::string>> kept;
  for (const auto& [key, running] : dispatcher_.ledger().all_running())
    if (running->keeper != 0 && !running->has_verdict)
      kept[running->keeper].push_back(running->job.name());
  return kept;
}

MonitorNumbers MonitorFeed::numbers() const {
  MonitorNumbers numbers;
  const BrokerState broker = broker_.state();
  numbers.connected = broker.connected;
  numbers.away = broker.away;
  numbers.blocked = broker.blocked.has_value();
  numbers.running = dispatcher_.slots().used();
  numbers.slots = dispatcher_.slots().total();
  numbers.ahead = dispatcher_.ahead();
  numbers.reports_waiting = journal_.reports_waiting();
  disk_guard_.look();  // of itself it looks only while something happens
  numbers.paused = dispatcher_.trouble();
  numbers.standstill = dispatcher_.standstill();
  add_queues(numbers);
  numbers.outbox_well = numbers.paused.empty();
  numbers.unread = broker_.unread_queues(LiveBroker::usual_grace);
  numbers.runners_well = dispatcher_.paused().empty();
  for (const DiskGuard::Place& place : disk_guard_.places())
    numbers.disks.push_back({place.name, place.space.free, place.space.total});
  for (const TargetState& state : outbox_.states()) {
    // A single try in vain is no illness; one that lasts as long as health looks back is.
    const bool ill = state.kind != TargetState::Kind::up &&
                     clock_.wall() - from_micros(state.since) > settings_.monitor.health.window;
    numbers.outbox_well = numbers.outbox_well && !ill;
    numbers.targets.push_back(view_of(state));
  }
  return numbers;
}

MonitorDetails MonitorFeed::details() const {
  MonitorDetails details;
  details.name = settings_.name;
  const BrokerState broker = broker_.state();
  details.broker = broker.words;
  if (broker.blocked) details.broker += ", which takes no messages: " + *broker.blocked;
  const auto paused = dispatcher_.paused();
  const auto troubles = broker_.unread_queues(broker.connected ? LiveBroker::usual_grace
                                                               : std::chrono::milliseconds(0));
  for (const auto& mapping : settings_.queues) {
    QueueView queue;
    queue.queue = mapping.queue;
    queue.runner = mapping.shown();
    queue.state = "paused";
    queue.paused_since = dispatcher_.paused_since(mapping.queue);
    if (const std::string& held = dispatcher_.trouble(); !held.empty()) {
      queue.why = held;
    } else if (const auto why = paused.find(mapping.queue); why != paused.end()) {
      queue.why = why->second;
    } else if (queue.paused_since > 0) {
      queue.why = paused_by_hand;
    } else if (const auto trouble = troubles.find(mapping.queue); trouble != troubles.end()) {
      queue.state = "not read";
      queue.why = trouble->second;
    } else {
      queue.state = "consuming";
    }
    for (const auto& [key, running] : dispatcher_.ledger().all_running())
      if (running->job.queue == mapping.queue) ++queue.running;
    details.queues.push_back(std::move(queue));
  }
  for (const JobRecord& job : History(database_).jobs(50))
    (job.state == JobRecord::State::running ? details.running : details.last).push_back(job);
  details.progress = board_.all();
  return details;
}

}  // namespace rbit
