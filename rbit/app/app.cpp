#include "rbit/app/app.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "rbit/app/brokers.h"
#include "rbit/app/helper_programs.h"
#include "rbit/app/journal_file.h"
#include "rbit/app/log_piece.h"
#include "rbit/app/recovery.h"
#include "rbit/app/signals.h"
#include "rbit/app/slots.h"
#include "rbit/base/descriptor_limit.h"
#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"
#include "rbit/dispatch/chain.h"
#include "rbit/dispatch/closing.h"
#include "rbit/intake/ack_timeout.h"
#include "rbit/intake/route_reader.h"
#include "rbit/log/log.h"
#include "rbit/report/log_lines.h"
#include "rbit/report/pybit_sink.h"
#include "rbit/report/webhook_sink.h"
#include "rbit/run/cgroup.h"
#include "rbit/run/job_log.h"
#include "rbit/run/process.h"
#include "rbit/run/record.h"
#include "rbit/run/work_places.h"

namespace rbit {

namespace {

PybitSettings pybit_settings(const config::Settings& settings) {
  const config::StatusSettings& status = settings.status;
  PybitSettings pybit;
  pybit.client = settings.command_queue;  // without one a cancel sent to us would reach nobody
  pybit.url = status.url;
  pybit.allow_hosts = status.allow_hosts;
  pybit.username = status.username;
  pybit.password = status.password;
  pybit.names = status.names;
  return pybit;
}

WebhookSettings webhook_settings(const config::StatusSettings& status) {
  WebhookSettings webhook;
  webhook.url = status.webhook_url;
  webhook.secret = status.webhook_secret;
  webhook.with_body = status.webhook_body;
  return webhook;
}

void need_directory(const std::string& path, Sharing sharing) {
  if (const auto ours = check_trusted_directory(path, sharing); !ours)
    throw Fatal(ExitCode::config, ours.error());
  if (const auto made = make_trusted_directory(path, 0700, sharing); !made)
    throw Fatal(StateDir::code_of_failure(path), made.error());
}

}  // namespace

RunPlace run_place(const config::Settings& settings, const std::string& state_dir) {
  const HelperPrograms helpers = find_helper_programs();
  RunPlace place;
  place.leader_program = helpers.leader;
  place.plugin_host_program = helpers.plugin_host;
  place.python_program = settings.python;
  place.python_host_dir = helpers.python_host_dir;
  place.state_dir = state_dir;
  place.work_dir = settings.work_dir;
  place.log_dir = job_logs(state_dir);
  place.output_dir = state_dir + "/output";
  place.config_dir = settings.directory;
  return place;
}

App::App(Configuration configuration, ReadConfiguration read_again, StateDir state)
    : configuration_(std::move(configuration)),
      read_again_(std::move(read_again)),
      state_(std::move(state)),
      place_(run_place(settings(), state_.path())),
      stop_(loop_.get_executor()),
      ballast_(state_.ballast()) {
  need_directory(place_.work_dir, Sharing::names);
  for (const auto& directory :
       {place_.log_dir, place_.output_dir, state_.records(), state_.hook_records()})
    need_directory(directory, Sharing::nothing);
  database_ = open_journal_file(loop_.get_executor(), state_);
  open_broker();
  make_leaders();
  open_journal();
  crews_ = std::make_unique<Crews>(loop_.get_executor(), *hooks_, place_, *leaders_);
  crews_->make(configuration_);
  make_dispatcher();
  keepers_ = std::make_unique<Keepers>(loop_.get_executor(), state_.path(), place_, *journal_,
                                       told_to_stop_);
  make_missed_copies();
  make_disk_guard();
  make_log_keeper();
  make_feed();
  open_control();
  open_monitor();
}

App::~App() = default;

void App::open_broker() {
  broker_ = make_broker(settings());
  live_broker_ = broker_->open(loop_.get_executor(), clock_, *database_);
  live_broker_->listen(broker_news());
}

void App::open_journal() {
  const auto loop = loop_.get_executor();
  std::vector<std::unique_ptr<ReportSink>> sinks;
  if (settings().status.reports_to("pybit"))
    sinks.push_back(std::make_unique<PybitSink>(loop, pybit_settings(settings())));
  if (settings().status.reports_to("pybit") && settings().status.check_before_build)
    question_ = std::make_unique<PybitQuestion>(loop, clock_, pybit_settings(settings()));
  if (settings().status.reports_to("amqp")) sinks.push_back(live_broker_->status_sink());
  if (settings().status.reports_to("webhook"))
    sinks.push_back(std::make_unique<WebhookSink>(loop, webhook_settings(settings().status)));
  for (auto& sink : hooks_->sinks()) sinks.push_back(std::move(sink));
  const Enqueue enqueue = live_broker_->enqueue();
  if (!enqueue) sinks.push_back(live_broker_->publication_sink());
  std::vector<ReportTarget> targets;
  for (const auto& sink : sinks) targets.push_back(sink->as_target());
  journal_ = std::make_unique<SqliteJournal>(*database_, clock_, targets, settings().name);
  journal_->tell_by(say_in_log);  // what scripts grep for is always there
  if (enqueue) journal_->enqueue_by(enqueue);
  outbox_ = std::make_unique<Outbox>(loop, *journal_, clock_);
  for (auto& sink : sinks) outbox_->add(std::move(sink));
  observers_.add(*outbox_);
  observers_.add(followers_);
  observers_.add(progress_);
  if (question_) observers_.add(*question_);
}

void App::make_leaders() {
  const auto loop = loop_.get_executor();
  const CgroupPlace cgroup = delegated_cgroup();
  if (!cgroup.path.empty())
    log::info("jobs get control groups below " + cgroup.path +
              (cgroup.limits ? "" : ", but without limits of memory and processes"));
  place_.cgroups = cgroup.path;
  place_.work_places = std::make_shared<WorkPlaces>(loop, place_);
  leaders_ = std::make_unique<LeaderPool>(loop, place_.leader_program, cgroup.path);
  hooks_ = std::make_unique<Hooks>(loop, configuration_, place_, state_.hook_records(), *leaders_);
}

BrokerNews App::broker_news() {
  BrokerNews news;
  news.connection = [this](bool connected, const std::string& why) {
    was_connected_ = was_connected_ || connected;
    hooks_->connection(connected, why);
    service_.status(told_to_stop() ? draining() : status());
    if (monitor_) connected ? monitor_->connected() : monitor_->connection_failed();
    if (!connected) return;
    std::optional<milliseconds> limit = journal_->ack_limit(live_broker_->name());
    if (limit) limit = std::max(*limit, ack_after_for(milliseconds(0)));  // an older rbit's
    dispatcher_->limit_ack_after(limit);
  };
  news.acknowledgement_timeout = [this](milliseconds limit) { learn_ack_limit(limit); };
  news.not_welcome = [this](const Error& why) { refused_by_broker(why); };
  news.hopeless = [this](const Error& why) { at_odds_with_broker(why); };
  news.name_taken = [this](const Error& why) { name_is_taken(why); };
  return news;
}

/// The broker's patience is shorter than `ack-after`: a third of it counts from now on, and in the
/// next lives.
void App::learn_ack_limit(milliseconds broker_limit) {
  const milliseconds limit = ack_after_for(broker_limit);
  const std::string broker = live_broker_->name();
  dispatcher_->limit_ack_after(limit);
  if (journal_->ack_limit(broker) == limit) return;  // said and written
  log::warning("broker " + broker + " takes messages back that are out for " +
               (broker_limit.count() < 0 ? std::string("long")
                                         : std::to_string(broker_limit.count()) + " ms") +
               ": jobs that take longer than " + std::to_string(limit.count()) +
               " ms are acknowledged while they run (set ack-after lower than its timeout)");
  spawn(
      loop_.get_executor(),
      [](Journal& journal, std::string name, milliseconds learned) -> Task<void> {
        const auto written = co_await journal.remember_ack_limit(name, learned);
        if (!written) log::warning("the broker's limit was not kept: " + written.error().text());
      }(*journal_, broker, limit),
      "learning a limit");
}

int App::slots_of(const Configuration& configuration) const {
  return slots_with_room(configuration, broker_->traits(), descriptors_without_jobs_);
}

void App::make_dispatcher() {
  const auto loop = loop_.get_executor();
  descriptors_without_jobs_ = descriptors_in_use();
  dispatcher_ = std::make_unique<Dispatcher>(loop, clock_, *journal_, live_broker_->transport(),
                                             slots_of(configuration_), flow_means(), observers_);
  records_.keep(dispatcher_->slots().total());
  live_broker_->take_cancels(
      [this](std::string job_id) { return dispatcher_->cancel_for_front_end(std::move(job_id)); });
  dispatcher_->bind(crews_->all(), runners_of_queues(settings()));
}

void App::make_missed_copies() {
  auto links = live_broker_->copy_links();
  if (!links) return;
  missed_copies_ =
      std::make_unique<MissedCopies>(clock_, *journal_, std::move(*links),
                                     [this](const Report& report) { observers_.status(report); });
  observers_.add(*missed_copies_);
}

void App::make_disk_guard() {
  std::vector<DiskGuard::Place> places{{"state-dir", state_.path(), {}},
                                       {"work-dir", place_.work_dir, {}}};
  DiskGuard::Means means;
  means.hold = [this](const std::string& why) { dispatcher_->hold(why); };
  means.is_busy = [this] { return dispatcher_->slots().used() > 0; };
  disk_guard_ = std::make_unique<DiskGuard>(clock_, std::move(places), settings().min_free_disk,
                                            ballast_, std::move(means));
  observers_.add(*disk_guard_);
  observers_.add(job_lines_);
  database_->on_full([this] { return disk_guard_->make_room(); });
}

Reload::Means App::reload_means() {
  Reload::Means means{configuration_, *crews_,  *dispatcher_,  records_,
                      *steering_,     service_, told_to_stop_, read_again_};
  means.slots = [this](const Configuration& next) { return slots_of(next); };
  means.status = [this] { return status(); };
  return means;
}

/// A job's record and its workspace need no more than this to begin.
Result<void> App::try_disk() const {
  for (const std::string& place : {state_.records(), place_.work_dir})
    if (const auto works = disk::try_writing(place); !works) return works;
  return {};
}

void App::make_log_keeper() {
  LogLimits limits;
  limits.age = std::chrono::hours(24) * settings().log.keep_days;
  limits.bytes = settings().log.keep_size;
  log_keeper_ = std::make_unique<LogKeeper>(loop_.get_executor(), place_.log_dir, limits, [this] {
    std::set<std::string> running;
    for (const auto& [key, job] : dispatcher_->ledger().all_running())
      running.insert(JobLog::name_of(job->job));
    return running;
  });
}

FlowMeans App::flow_means() {
  FlowMeans means;
  means.try_disk = [this] { return try_disk(); };
  means.arriving = [this] { disk_guard_->arriving(); };
  means.read = [this](const Binding& binding, const Message& message) {
    return crews_->read(binding, message);
  };
  means.route = runner_for;
  means.closing = [this](const RunnerPolicy* policy, const Job& job, const Outcome& outcome,
                         Status status) {
    if (policy == nullptr) policy = crews_->policy_of(job.runner);
    if (policy == nullptr) return std::vector<Publication>();
    std::vector<Publication> leaving = closing(*policy, job, outcome, status);
    if (status == Status::done)
      if (auto link = next_link(job, outcome, queues_of_tasks(settings())))
        leaving.push_back(std::move(*link));
    return leaving;
  };
  means.mistake_of = [this](const Destination& to) { return live_broker_->mistake_of(to); };
  // The journal knows which attempt it is of.
  means.make_record = [this](const Job&) { return records_.take(); };
  means.remove_record = [this](const std::string& record) { records_.give_back(record); };
  means.sync_record = [](const std::string& record) { sync_record(record); };
  return means;
}

void App::open_control() {
  handlers_ = std::make_unique<ControlHandlers>(loop_.get_executor(), settings(), *database_,
                                                *journal_, *dispatcher_, followers_, progress_,
                                                *broker_, *live_broker_);
  steering_ = std::make_unique<SteeringHandlers>(settings(), clock_, *database_, *dispatcher_,
                                                 *status_report_, recent_);
  if (const auto known = steering_->pause_those_on_record(); !known)
    throw Fatal(ExitCode::temporary, known.error());
  reload_ = std::make_unique<Reload>(loop_.get_executor(), reload_means());
  auto all = handlers_->all();
  all.merge(steering_->all());
  all["reload"] = reload_->handler();
  hand_over_ = std::make_unique<HandOver>(
      loop_.get_executor(),
      HandOver::Means{state_.path(), told_to_stop_, *dispatcher_, observers_, records_,
                      [this] { return recovered(); }, [this] { return let_go(); },
                      [this] { control_->hang_up(); }});
  all["hand-over"] = hand_over_->handler();
  control_ = std::make_unique<ControlServer>(loop_.get_executor(), StateDir::socket(state_.path()),
                                             std::move(all));
  if (const auto started = control_->start(); !started)
    throw Fatal(ExitCode::config, started.error());
}

ExitCode App::run() {
  Signals signals(
      loop_.get_executor(), [this](int count) { on_signal(count); }, [] { log::reopen(); },
      [this] { reload_->soon(); });
  spawn(loop_.get_executor(), live(), "rbit");
  loop_.run();
  return exit_code_;
}

/// Containers and schroot need it; nobody should do it unawares.
void App::warn_of_root() const {
  if (::geteuid() != 0) return;
  std::vector<std::string> names;
  for (const std::string& name : settings().runners_in_use())
    if (settings().runners.at(name).policy.user.empty()) names.push_back(name);
  for (const auto& [name, hook] : settings().hooks)
    if (hook.policy.user.empty()) names.push_back("[hook:" + name + "]");
  if (!names.empty())
    log::warning("rbit runs as root, and so do the jobs of " + text::join(names, ", ") +
                 " (set user in their sections, or start rbit as another user)");
}

/// The day of an rbit, from dawn to dusk.
Task<void> App::live() {
  log::info("rbit " RBIT_VERSION " '" + settings().name +
            "' starts: " + std::to_string(settings().queues.size()) + " queues, " +
            std::to_string(dispatcher_->slots().total()) + " slots, state in " + state_.path());
  if (!settings().status.said && !settings().coyote)
    log::info("reports go to this log alone (set [status] report and url to tell a front-end)");
  warn_of_root();
  spawn(loop_.get_executor(), disk_guard_->watch(), "the disk guard");
  spawn(loop_.get_executor(), keep_reaping(clock_), "reaping");
  outbox_->start();
  dispatcher_->start();
  const bool met = co_await keepers_->meet();
  co_await hooks_->open(!met || keepers_->any());
  Recovery recovery({settings(), state_, place_, records_, *journal_, *dispatcher_, *keepers_,
                     stop_, told_to_stop_});
  if (met) co_await recovery.run();
  has_recovered_ = true;
  stop_.notify();
  spawn(loop_.get_executor(), log_keeper_->live(), "log keeper");
  if (missed_copies_) spawn(loop_.get_executor(), missed_copies_->watch(), "missed copies");
  if (!told_to_stop()) {
    dispatcher_->open();
    live_broker_->opened();
    service_.ready(status());
  }
  while (!told_to_stop()) co_await stop_.wait();
  co_await shut();
  loop_.stop();
}

void App::on_signal(int count) {
  if (count == 1) {
    log::info(draining() + " (again: interrupt them; a third time: kill them)");
    stop();
  } else if (count == 2) {
    log::warning("interrupting the jobs; their messages go back");
    dispatcher_->stop_jobs(StopKind::interrupt);
  } else if (count == 3) {
    log::warning("killing the jobs; their messages go back");
    dispatcher_->stop_jobs(StopKind::kill);
  } else {
    log::critical("told to stop " + std::to_string(count) + " times: ending at once");
    log::flush();
    ::_exit(static_cast<int>(ExitCode::internal));
  }
}

std::string App::draining() const {
  return "draining: no new jobs, " + std::to_string(dispatcher_->ledger().all_running().size()) +
         " run to their end";
}

/// For people, in one line.
std::string App::status() const {
  return "takes jobs of " + std::to_string(settings().queues.size()) + " queues, " +
         std::to_string(dispatcher_->slots().total()) + " slots; " + live_broker_->state().words;
}

Task<void> App::recovered() {
  while (!has_recovered_) co_await stop_.wait();
}

/// Wakes `live`, which may be at its beginning, waiting for a journal that takes nothing.
void App::stop() {
  told_to_stop_ = true;
  service_.stopping(draining());
  dispatcher_->hurry();
  stop_.notify();
}

/// At the start it is final, for a supervisor would only loop; later somebody may mend it.
void App::refused_by_broker(const Error& why) {
  if (was_connected_) return;
  log::critical(why.text());
  exit_code_ = ExitCode::no_permission;
  stop();
}

/// Five connections in ten minutes ended over the protocol itself: going on would be a loop.
void App::at_odds_with_broker(const Error& why) {
  log::critical("the broker and rbit do not understand each other: " + why.text());
  exit_code_ = ExitCode::internal;
  stop();
}

/// Reports and cancels of the two would get mixed up.
void App::name_is_taken(const Error& why) {
  log::critical(why.text());
  exit_code_ = ExitCode::temporary;
  stop();
}

}  // namespace rbit
