#include "rbit/app/monitor_feed.h"

#include "rbit/journal/history.h"

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

MonitorNumbers MonitorFeed::numbers() const {
  MonitorNumbers numbers;
  const BrokerState broker = broker_.state();
  numbers.connected = broker.connected;
  numbers.blocked = broker.blocked.has_value();
  numbers.running = dispatcher_.slots().used();
  numbers.slots = dispatcher_.slots().total();
  numbers.ahead = dispatcher_.ahead();
  numbers.reports_waiting = journal_.reports_waiting();
  disk_guard_.look();  // of itself it looks only while something happens
  numbers.paused = dispatcher_.trouble();
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
  const auto troubles = broker_.unread_queues(LiveBroker::usual_grace);
  for (const auto& mapping : settings_.queues) {
    QueueView queue;
    queue.queue = mapping.queue;
    queue.runner = mapping.runner;
    if (const std::string& held = dispatcher_.trouble(); !held.empty())
      queue.state = "paused: " + held;
    else if (const auto why = paused.find(mapping.queue); why != paused.end())
      queue.state = "paused: " + why->second;
    else if (const auto trouble = troubles.find(mapping.queue); trouble != troubles.end())
      queue.state = "not read: " + trouble->second;
    else
      queue.state = "consuming";
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
