#include "rbit/app/control_handlers.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/job_list.h"
#include "rbit/app/job_story.h"
#include "rbit/app/log_piece.h"
#include "rbit/app/progress_json.h"
#include "rbit/base/base64.h"
#include "rbit/base/clock.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/core/message_codec.h"
#include "rbit/intake/dead_clerk.h"
#include "rbit/intake/kept_dead_letters.h"
#include "rbit/journal/history.h"

namespace rbit {

namespace {

nlohmann::json ok() {
  return {{"ok", true}};
}

nlohmann::json status_line(Status status, const std::string& reason, const std::string& message,
                           int attempt) {
  return {{"status", to_string(status)},
          {"reason", reason},
          {"message", message},
          {"attempt", attempt}};
}

/// Each status of the present run once. What a job said of itself is a row of the outbox that is
/// for nobody; that an attempt began, and what it came to, is in the attempt.
nlohmann::json past_statuses(const JobHistory& history) {
  nlohmann::json past = nlohmann::json::array();
  const JobRecord& job = history.job;
  for (const AttemptRecord& one : history.attempts) {
    if (one.run != history.run) continue;
    past.push_back(status_line(Status::building, "", "", one.n));
    for (const ReportRecord& record : history.reports)
      if (record.report.target == log_target && record.report.attempt == one.n &&
          record.report.time >= one.begun && (one.ended == 0 || record.report.time <= one.ended))
        past.push_back(
            status_line(record.report.status, record.report.reason, record.report.message, one.n));
    const bool is_last = &one == &history.attempts.back();
    const bool has_verdict = one.ended > 0 && one.reason != "interrupted";
    if (!is_last && has_verdict)
      past.push_back(status_line(Status::blocked, one.reason, one.message, one.n));
  }
  if (job.last_status == Status::blocked || is_final(job.last_status))
    past.push_back(status_line(job.last_status, job.reason, job.message, job.attempt));
  return past;
}

nlohmann::json progress_line(const ToldProgress& progress) {
  nlohmann::json line;
  line["progress"] = to_json(progress);
  return line;
}

/// What a command wants to be submitted.
Message message_in(const nlohmann::json& request) {
  Message message;
  properties_from_json(json::text_in(request, "properties"), message);
  message.queue = json::text_in(request, "queue");
  message.body = request.contains("bytes")
                     ? base64::decoded(json::text_in(request, "bytes")).value_or("")
                     : json::text_in(request, "body");
  if (message.message_id.empty()) message.message_id = json::text_in(request, "message_id");
  return message;
}

milliseconds delay_in(const nlohmann::json& request) {
  const auto wait = request.find("delay");
  const bool is_delayed = wait != request.end() && wait->is_number_unsigned();
  return milliseconds(is_delayed ? wait->get<std::int64_t>() : 0);
}

/// A job may tell how far it is as often as it likes; whoever follows it hears of it so often.
constexpr milliseconds progress_pause{200};

/// By the names that a webhook has them under (rbit/doc/formats.rst).
nlohmann::json resources_of(const JobRecord& job) {
  if (job.wall_micros <= 0) return nullptr;
  return {{"wall_us", job.wall_micros},
          {"cpu_us", job.cpu_micros},
          {"memory_kib", job.peak_memory_kib},
          {"output_bytes", job.output_bytes}};
}

}  // namespace

nlohmann::json describe(const JobRecord& job) {
  nlohmann::json line;
  line["key"] = job.key;
  line["job"] = job.job_id;
  line["name"] = job.name();
  line["queue"] = job.queue;
  line["runner"] = job.runner;
  line["package"] = job.package;
  line["version"] = job.version;
  line["state"] = to_string(job.state);
  // One that was interrupted was last told to be building.
  const bool waits = job.state == JobRecord::State::waiting;
  line["status"] = to_string(waits ? Status::waiting : job.last_status);
  line["attempt"] = job.attempt;
  line["reason"] = job.reason;
  line["message"] = job.message;
  line["said"] = job.last_message;
  const bool comes_again =
      job.state == JobRecord::State::blocked && job.settlement.kind == Settlement::Kind::retry;
  line["again"] = comes_again ? job.ended + job.settlement.delay.count() * 1000 : 0;
  line["queued"] = 0;
  line["result"] = job.result;
  line["log"] = job.log_file;
  line["resources"] = resources_of(job);
  line["begun"] = job.begun;
  line["ended"] = job.ended;
  line["artifacts"] = nlohmann::json::array();
  for (const auto& artifact : job.artifacts) line["artifacts"].push_back(artifact.path);
  return line;
}

Result<nlohmann::json> describe_job(Database& database, const std::string& key) {
  const auto history = History(database).job(key);
  if (!history) return no_such_job(key);
  return Result<nlohmann::json>(boost::system::in_place_value, describe(history->job));
}

ControlHandlers::ControlHandlers(const asio::any_io_executor& loop,
                                 const config::Settings& settings, Database& database,
                                 Journal& journal, Dispatcher& dispatcher, Followers& followers,
                                 const ProgressBoard& board, const Broker& kind, LiveBroker& broker)
    : loop_(loop),
      settings_(settings),
      database_(database),
      journal_(journal),
      dispatcher_(dispatcher),
      followers_(followers),
      board_(board),
      kind_(kind),
      broker_(broker) {}

std::map<std::string, ControlServer::Handler> ControlHandlers::all() {
  using Handle = Task<void> (ControlHandlers::*)(nlohmann::json, ControlPeer&);
  static constexpr std::pair<const char*, Handle> table[] = {
      {"submit", &ControlHandlers::submit},
      {"submit_message", &ControlHandlers::submit},
      {"submit_many", &ControlHandlers::submit_many},
      {"follow", &ControlHandlers::follow},
      {"jobs", &ControlHandlers::jobs},
      {"job", &ControlHandlers::job},
      {"explain", &ControlHandlers::explain},
      {"cancel", &ControlHandlers::cancel},
      {"unread", &ControlHandlers::unread},
      {"dead", &ControlHandlers::dead}};
  std::map<std::string, ControlServer::Handler> handlers;
  for (const auto& [name, handle] : table)
    handlers[name] = [this, handle = handle](nlohmann::json request, ControlPeer& peer) {
      return (this->*handle)(std::move(request), peer);
    };
  return handlers;
}

Task<void> ControlHandlers::submit(nlohmann::json request, ControlPeer& peer) {
  Message message = message_in(request);
  const milliseconds delay = delay_in(request);
  const auto again = request.find("again");
  if (again != request.end() && *again == true && broker_.has(message.message_id)) {
    co_await peer.send(ok());
    co_return;
  }
  // Before it is in its queue, so that no status is missed.
  Followers::Follower follower(followers_, key_of(message), loop_);
  const Result<std::string> key = co_await broker_.submit(std::move(message), delay);
  if (!key) {
    co_await peer.send_error(key.error());
    co_return;
  }
  nlohmann::json accepted = ok();
  accepted["key"] = *key;
  const bool heard = co_await peer.send(accepted);
  const auto wanted = request.find("follow");
  if (heard && wanted != request.end() && *wanted == true) {
    Awaited awaited;
    co_await pass_on(follower, std::move(awaited), peer);
  }
}

/// Answers how many were taken, and why the first was not that was not.
Task<void> ControlHandlers::submit_many(nlohmann::json request, ControlPeer& peer) {
  const auto messages = request.find("messages");
  if (messages == request.end() || !messages->is_array()) {
    const Error none{"control socket", "a submission without messages", ""};
    co_await peer.send_error(none);
    co_return;
  }
  Submission all(loop_);
  all.left = messages->size();
  const milliseconds delay = delay_in(request);
  // In one turn, so that they share a commit, in their order.
  for (const nlohmann::json& one : *messages)
    spawn(loop_, submit_one(message_in(one), delay, all), "submitting");
  while (all.left > 0) co_await all.ended.wait();
  nlohmann::json answer = ok();
  answer["taken"] = all.taken;
  if (all.refused) answer["refused"] = describe(*all.refused);
  co_await peer.send(answer);
}

Task<void> ControlHandlers::submit_one(Message message, milliseconds delay, Submission& all) {
  const Result<std::string> key = co_await broker_.submit(std::move(message), delay);
  if (key)
    ++all.taken;
  else if (!all.refused)
    all.refused = key.error();
  if (--all.left == 0) all.ended.notify();
}

Task<void> ControlHandlers::follow(nlohmann::json request, ControlPeer& peer) {
  const std::string key = json::text_in(request, "key");
  Followers::Follower follower(followers_, key, loop_);
  nlohmann::json accepted = ok();
  accepted["past"] = nlohmann::json::array();
  bool over = false;
  if (const auto history = History(database_).job(key)) {
    accepted["past"] = past_statuses(*history);
    over = is_final(history->job.last_status);
  }
  bool heard = co_await peer.send(accepted);
  const auto wants_output = request.find("output");
  Awaited awaited{key, json::text_in(request, "queue"),
                  wants_output != request.end() && *wants_output == true};
  if (const ToldProgress* progress = board_.of(key); progress != nullptr && heard && !over) {
    const nlohmann::json line = progress_line(*progress);
    heard = co_await peer.send(line);
  }
  if (heard && !over) co_await pass_on(follower, std::move(awaited), peer);
}

/// Why nothing is taken from its queue now; empty: something is, as far as is known, or it has
/// been.
std::string ControlHandlers::why_it_waits(const Awaited& job) const {
  const std::string& queue = job.queue;
  if (queue.empty()) return "";
  const auto known = journal_.find(job.key);
  if (known && known->state == JobRecord::State::running) return "";
  if (!dispatcher_.trouble().empty()) return dispatcher_.trouble();
  if (dispatcher_.paused_since(queue) > 0)
    return "somebody has paused it (`rbit resume` ends that)";
  const auto paused = dispatcher_.paused();
  if (const auto found = paused.find(queue); found != paused.end())
    return "its runner cannot work: " + found->second;
  const auto unread = broker_.unread_queues(std::chrono::milliseconds(0));
  const auto found = unread.find(queue);
  return found == unread.end() ? "" : "it is not read: " + found->second;
}

Task<void> ControlHandlers::pass_on(Followers::Follower& follower, Awaited job, ControlPeer& peer) {
  constexpr milliseconds look_pause{2'000};  // then it is looked whether the peer is there
  constexpr milliseconds output_pause{1'000};
  const SystemClock clock;
  std::string said, output;
  SteadyTime next_progress = clock.steady();
  while (peer.is_there()) {
    const std::string why = why_it_waits(job);
    if (!why.empty() && why != said) {
      nlohmann::json line;
      line["waits"] = said = why;
      const bool told = co_await peer.send(line);
      if (!told) co_return;
    }
    if (follower.has_progress() && clock.steady() >= next_progress) {
      ToldProgress progress{*follower.take_progress()};
      if (const ToldProgress* known = board_.of(job.key))
        progress = *known;  // and when it will be done
      const nlohmann::json line = progress_line(progress);
      next_progress = clock.steady() + progress_pause;
      const bool told = co_await peer.send(line);
      if (!told) co_return;
    }
    if (job.wants_output && board_.of(job.key) == nullptr) {
      std::string last = output_of(job.key);
      if (!last.empty() && last != output) {
        nlohmann::json line;
        line["output"] = output = std::move(last);
        const bool told = co_await peer.send(line);
        if (!told) co_return;
      }
    }
    const auto report = co_await follower.next(follower.has_progress() ? progress_pause
                                               : job.wants_output      ? output_pause
                                                                       : look_pause);
    if (!report) continue;
    const nlohmann::json line =
        status_line(report->status, report->reason, report->message, report->attempt);
    const bool heard = co_await peer.send(line);
    if (!heard || is_final(report->status)) co_return;
  }
}

/// Its last line of output; "": it has written nothing, or does not run.
std::string ControlHandlers::output_of(const std::string& key) const {
  const auto& running = dispatcher_.ledger().all_running();
  const auto job = running.find(key);
  if (job == running.end()) return "";
  return last_line_of(job_log(settings_.state_dir, job->second->job));
}

void ControlHandlers::add_progress(nlohmann::json& job) const {
  if (job["state"] != "running") return;
  const std::string key = job["key"].get<std::string>();
  if (const ToldProgress* progress = board_.of(key)) {
    job["progress"] = to_json(*progress);
    return;
  }
  std::string output = output_of(key);
  if (!output.empty()) job["output"] = std::move(output);
}

Task<void> ControlHandlers::jobs(nlohmann::json request, ControlPeer& peer) {
  nlohmann::json line;
  line["jobs"] = list_jobs(database_, kind_, settings_, job_filter_from(request));
  for (nlohmann::json& job : line["jobs"]) add_progress(job);
  co_await peer.send(line);
}

Task<void> ControlHandlers::unread(nlohmann::json, ControlPeer& peer) {
  nlohmann::json answer = ok();
  answer["unread"] = nlohmann::json::object();
  for (const auto& [queue, why] : broker_.unread_queues(std::chrono::milliseconds(0)))
    answer["unread"][queue] = why;
  co_await peer.send(answer);
}

Task<void> ControlHandlers::job(nlohmann::json request, ControlPeer& peer) {
  const auto key = find_job(database_, kind_, settings_, json::text_in(request, "job"));
  const auto found = key ? describe_job(database_, *key) : key.error();
  if (!found) {
    const Error why = key ? not_found(*key, found.error()) : key.error();
    co_await peer.send_error(why);
    co_return;
  }
  nlohmann::json line;
  line["job"] = *found;
  add_progress(line["job"]);
  co_await peer.send(line);
}

Task<void> ControlHandlers::explain(nlohmann::json request, ControlPeer& peer) {
  const auto key = find_job(database_, kind_, settings_, json::text_in(request, "job"));
  const auto story = key ? job_story(database_, *key) : key.error();
  if (!story) {
    const Error why = key ? not_found(*key, story.error()) : key.error();
    co_await peer.send_error(why);
    co_return;
  }
  nlohmann::json line;
  line["story"] = *story;
  add_progress(line["story"]);
  co_await peer.send(line);
}

Task<void> ControlHandlers::cancel(nlohmann::json request, ControlPeer& peer) {
  const std::string name = json::text_in(request, "job");
  // One that runs is found without the journal, unless it is called by a shorter name.
  const bool runs = dispatcher_.cancel(name);
  Result<std::string> key = runs ? History(database_).find(name) : Result<std::string>(name);
  if (!runs) key = co_await cancel_later(name);
  if (!key && !runs) {
    co_await peer.send_error(key.error());
    co_return;
  }
  nlohmann::json line = ok();
  line["key"] = key ? *key : name;
  co_await peer.send(line);
}

/// What nobody has begun yet is in no journal, and is no mistake of who asks for it.
Error ControlHandlers::not_found(const std::string& key, const Error& why) const {
  const auto queued = find_queued(database_, kind_, settings_, key);
  return queued && why.reason == not_in_journal ? not_begun(*queued) : why;
}

/// Of one that does not run by that name: it may be a shorter one, or its time has not come. Gives
/// its key.
Task<Result<std::string>> ControlHandlers::cancel_later(std::string name) {
  const Result<std::string> key = find_job(database_, kind_, settings_, name);
  if (!key || dispatcher_.cancel(*key)) co_return key;
  const bool waits = find_queued(database_, kind_, settings_, *key).has_value();
  const auto job = journal_.find(*key);
  if (!waits && (!job || job->state != JobRecord::State::blocked)) co_return not_cancelled(*key);
  const Result<void> done = co_await dispatcher_.cancel_by_key(*key);
  if (!done) co_return done.error();
  co_return key;
}

/// Why a job of the journal has nothing that could be stopped.
Error ControlHandlers::not_cancelled(const std::string& key) const {
  const auto job = journal_.find(key);
  const std::string thing = "job " + text::one_line(key, 300);
  if (!job || is_unfinished(job->state))
    return {thing, "does not run here", "`rbit jobs --state running` lists those that do"};
  return {thing, "is over: " + std::string(to_string(job->last_status)), ""};
}

Task<void> ControlHandlers::dead(nlohmann::json request, ControlPeer& peer) {
  const Result<DeadOrder> order = dead_order_from(request);
  if (!order) {
    co_await peer.send_error(order.error());
    co_return;
  }
  const SystemClock clock;
  const std::unique_ptr<DeadLetters> letters = dead_letters();
  TellDead tell = [&peer](const nlohmann::json& line) { return peer.send(line); };
  const Result<void> done = co_await carry_out(*order, *letters, clock, std::move(tell));
  if (!done) co_await peer.send_error(done.error());
}

/// The broker's or, where the command itself looks at them there, those that it refused.
std::unique_ptr<DeadLetters> ControlHandlers::dead_letters() {
  if (auto letters = broker_.dead_letters()) return letters;
  return std::make_unique<KeptDeadLetters>(
      journal_, [this](const std::string& key, std::optional<Message> again) {
        return dispatcher_.end_dead_letter(key, std::move(again));
      });
}

}  // namespace rbit
