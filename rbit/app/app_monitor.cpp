// What the App shows of itself: the part of app.h that feeds rbit/monitor.
#include "rbit/app/app.h"
#include "rbit/journal/history.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

JobView view_of(const JobRecord& job) {
  JobView view;
  view.job_id = job.job_id;
  view.package = job.package;
  view.version = job.version;
  view.queue = job.queue;
  view.state = to_string(job.last_status);
  view.reason = job.reason;
  view.attempt = job.attempt;
  view.begun = job.begun;
  view.ended = job.ended;
  return view;
}

MonitorOptions options_of(const config::MonitorSettings& settings) {
  MonitorOptions options;
  options.server.listen = settings.listen;
  if (!settings.token_file.empty()) options.server.token = read_token(settings.token_file);
  options.health.success_rate = settings.success_rate;
  options.health.window = settings.health_window;
  options.health.max_connection_fails = settings.max_connection_fails;
  options.metrics_path = settings.metrics_path;
  options.name_space = settings.metrics_namespace;
  options.labels = settings.labels;
  return options;
}

}  // namespace

void App::open_monitor() {
  if (settings().monitor.listen.empty()) return;
  monitor_ = std::make_unique<Monitor>(
      loop_.get_executor(), clock_, options_of(settings().monitor),
      MonitorSource{[this] { return monitor_numbers(); }, [this] { return monitor_details(); }});
  observers_.add(*monitor_);
  log::info("monitor on http://" + settings().monitor.listen + "/");
}

MonitorNumbers App::monitor_numbers() const {
  MonitorNumbers numbers;
  numbers.connected = local_ != nullptr || amqp_->connected();
  numbers.blocked = publisher_ && publisher_->blocked().has_value();
  numbers.running = dispatcher_->slots().used();
  numbers.slots = dispatcher_->slots().total();
  numbers.reports_waiting = journal_->reports_waiting();
  numbers.paused = dispatcher_->trouble();
  numbers.outbox_well = numbers.paused.empty();
  numbers.unread = unread_queues(AmqpTransport::usual_grace);
  numbers.runners_well = dispatcher_->paused().empty();
  for (const DiskGuard::Place& place : disk_guard_->places())
    numbers.disks.push_back({place.name, place.space.free, place.space.total});
  for (const TargetState& state : outbox_->states()) {
    TargetView view;
    view.target = state.target;
    view.state = to_string(state.kind);
    view.reason = state.reason;
    view.sent = state.sent;
    view.dropped = state.dropped;
    view.failed = state.failed;
    view.oldest = state.oldest;
    // A single try in vain is no illness; one that lasts as long as health looks back is.
    const bool ill = state.kind != TargetState::Kind::up &&
                     clock_.wall() - from_micros(state.since) > settings().monitor.health_window;
    numbers.outbox_well = numbers.outbox_well && !ill;
    numbers.targets.push_back(std::move(view));
  }
  return numbers;
}

std::map<std::string, std::string> App::unread_queues(milliseconds grace) const {
  return amqp_ != nullptr ? amqp_->troubles(grace) : std::map<std::string, std::string>{};
}

MonitorDetails App::monitor_details() const {
  MonitorDetails details;
  details.name = settings().name;
  details.broker = local_ != nullptr    ? "the embedded queue"
                   : amqp_->connected() ? "connected to the broker"
                                        : "the broker is away";
  if (publisher_ && publisher_->blocked())
    details.broker += ", which takes no messages: " + *publisher_->blocked();
  const auto paused = dispatcher_->paused();
  const auto troubles = unread_queues(AmqpTransport::usual_grace);
  for (const auto& mapping : settings().queues) {
    QueueView queue;
    queue.queue = mapping.queue;
    queue.runner = mapping.runner;
    if (const std::string& held = dispatcher_->trouble(); !held.empty())
      queue.state = "paused: " + held;
    else if (const auto why = paused.find(mapping.queue); why != paused.end())
      queue.state = "paused: " + why->second;
    else if (const auto trouble = troubles.find(mapping.queue); trouble != troubles.end())
      queue.state = "not read: " + trouble->second;
    else
      queue.state = "consuming";
    for (const auto& [key, running] : dispatcher_->ledger().all_running())
      if (running->job.queue == mapping.queue) ++queue.running;
    details.queues.push_back(std::move(queue));
  }
  for (const JobRecord& job : History(*database_).jobs(50))
    (job.state == JobRecord::State::running ? details.running : details.last)
        .push_back(view_of(job));
  return details;
}

}  // namespace rbit
