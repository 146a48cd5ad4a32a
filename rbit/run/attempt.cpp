#include "rbit/run/attempt.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <utility>

#include "rbit/base/backoff.h"
#include "rbit/base/failpoint.h"
#include "rbit/base/secrets.h"
#include "rbit/base/shortage.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/core/runner_words.h"
#include "rbit/log/log.h"
#include "rbit/run/outcome_file.h"
#include "rbit/run/outcome_of.h"

namespace rbit {

namespace {

constexpr auto flush_pause = std::chrono::seconds(1);  // for those who follow a job's log
constexpr std::size_t max_reports = 1000;              // of one attempt; a flood helps nobody
constexpr std::size_t max_last_words = 600;            // bytes
// Between two tries to keep artifacts for which there is no room, and for all of them.
constexpr std::chrono::milliseconds first_pause{250}, longest_pause{30'000};
constexpr std::chrono::hours longest_patience{1};

}  // namespace

Attempt::Attempt(const asio::any_io_executor& loop, const Job& job, RunContext& context,
                 const RunnerPolicy& policy, const SpareLogs& logs)
    : job_(job),
      context_(context),
      policy_(policy),
      log_(logs, job, policy.log_limit, context.log_name),
      giving_(job, context, policy),
      timer_(loop) {}

Attempt::~Attempt() {
  over();
}

std::optional<Outcome> Attempt::ended_before_it_began() const {
  const auto asked = context_.stop.requested();
  if (!asked) return std::nullopt;
  return outcome_of(*asked == StopKind::cancel ? StopCause::cancel : StopCause::interrupt, policy_);
}

void Attempt::begin(Ladder ladder) {
  ladder_ = std::move(ladder);
  begun_ = active_ = std::chrono::steady_clock::now();
  context_.stop.listen([this](StopKind kind) { on_stop(kind); });
  arm();
  failpoint("X.after");
}

void Attempt::over() {
  if (!ladder_) return;
  context_.stop.listen(nullptr);
  ladder_ = nullptr;
  timer_.cancel();
  armed_ = false;
  giving_.flush_progress();
}

void Attempt::on_output(std::string_view bytes) {
  log_.write(bytes);
  unflushed_ = true;
  activity();
  limit_output();
}

void Attempt::on_event_bytes(std::size_t count) {
  event_bytes_ += static_cast<std::int64_t>(count);
  limit_output();
}

bool Attempt::wrote_too_much() const {
  return policy_.output_limit > 0 && std::max(log_.bytes(), event_bytes_) > policy_.output_limit;
}

void Attempt::limit_output() {
  if (wrote_too_much()) ladder(StopCause::output, policy_.signal_of_stop());
}

/// The count decides, also if the job ended before it could be stopped.
void Attempt::heed_output_limit(Outcome& outcome) const {
  using Kind = Outcome::Kind;
  const bool is_own = outcome.kind == Kind::done || outcome.kind == Kind::failed ||
                      outcome.kind == Kind::blocked || outcome.kind == Kind::crashed;
  if (!is_own || !wrote_too_much()) return;
  Outcome verdict = outcome_of(StopCause::output, policy_);
  outcome.kind = verdict.kind;
  outcome.reason = std::move(verdict.reason);
  outcome.message = std::move(verdict.message);
}

void Attempt::on_event(JobEvent event) {
  activity();
  if (auto* status = std::get_if<StatusEvent>(&event)) {
    on_status(*status);
  } else if (auto* artifact = std::get_if<ArtifactEvent>(&event)) {
    if (named_.size() > max_artifacts) return;  // one too many is enough to be refused
    artifact->artifact.kind = secrets::redacted(artifact->artifact.kind);
    note_artifact(context_.record_dir, artifact->artifact);
    named_.push_back(std::move(artifact->artifact));
  } else if (auto* line = std::get_if<LogEvent>(&event)) {
    on_log(*line);
  } else if (auto* result = std::get_if<ResultEvent>(&event)) {
    if (!result_) result_ = std::move(*result);  // there is one verdict
  } else if (auto* given = std::get_if<GivenEvent>(&event)) {
    giving_.result(given->result);
    if (!given->message.empty()) final_words_ = std::move(given->message);
  } else if (auto* publish = std::get_if<PublishEvent>(&event)) {
    on_publish(std::move(*publish));
  } else if (auto* metric = std::get_if<MetricEvent>(&event)) {
    if (const auto taken = giving_.metric(std::move(*metric)); !taken && !metric_said_) {
      metric_said_ = true;
      log_.note(taken.error().text());  // rbit's log has it once a name (monitor/job_metrics.h)
    }
  } else if (std::holds_alternative<StopChainEvent>(event)) {
    giving_.stop_chain();
  } else if (auto* progress = std::get_if<ProgressEvent>(&event)) {
    giving_.progress(std::move(progress->progress));
    if (giving_.progress_due() && ladder_) arm();
  }
}

void Attempt::on_status(StatusEvent& status) {
  const bool is_verdict = is_final(status.status) || status.status == Status::blocked;
  if ((is_verdict ? ++verdicts_ : ++reports_) <= max_reports) log_status(status);
  if (is_verdict) {
    final_words_ = std::move(status.message);
  } else if (reports_ <= max_reports) {
    context_.report(status.status, std::move(status.message));
  } else if (reports_ == max_reports + 1) {
    log::warning("job " + job_.key + ": more than " + std::to_string(max_reports) +
                     " statuses; the rest are not reported",
                 facts_of(job_));
  }
}

void Attempt::on_log(const LogEvent& line) {
  if (!line.printed) {
    log_.write((line.level.empty() ? line.text : line.level + ": " + line.text) + "\n");
    unflushed_ = true;
  }
  log::hand_on(runners_logger, line.level,
               "job " + job_.key + ": " + text::shortened(line.text, max_event_message));
  activity();
}

/// What is refused is the job's failure, if nothing else is: said once, where it is looked for.
void Attempt::on_publish(PublishEvent event) {
  const auto taken = giving_.publish(std::move(event));
  if (taken || std::exchange(publish_said_, true)) return;
  log::warning("job " + job_.key + ": " + taken.error().text(), facts_of(job_));
  log_.note(taken.error().text());
}

/// One of the lines that scripts grep for (rbit/doc/formats.rst, log-lines).
void Attempt::log_status(const StatusEvent& status) const {
  log::debug(std::string(to_string(status.status)) + " - " + text::one_line(status.message),
             facts_of(job_));
}

void Attempt::on_nonsense(const std::string& why) {
  log::warning("job " + job_.key + " wrote something to descriptor 3 that is no event: " + why +
                   " (rbit-runner(7) tells what is)",
               facts_of(job_));
}

void Attempt::note_end(const JobEnd& end) {
  if (end.oom_kills > 0)
    log_.note("the kernel killed " + std::to_string(end.oom_kills) +
              " of its processes for want of memory");
  if (end.outlived > 0)
    log_.note(std::to_string(end.outlived) + " processes outlived the job and were killed");
}

void Attempt::ladder(StopCause cause, int signal) {
  if (!ladder_) return;
  if (cause_ == StopCause::none) {
    cause_ = cause;
    log_.note("stopping it: " + outcome_of(cause, policy_).reason);
  } else if (signal != SIGKILL) {
    return;  // under way already; programs take a second signal for impatience
  }
  ladder_(cause, signal, policy_.grace);
}

void Attempt::on_stop(StopKind kind) {
  const StopCause cause = kind == StopKind::cancel ? StopCause::cancel : StopCause::interrupt;
  ladder(cause, kind == StopKind::kill     ? SIGKILL
                : kind == StopKind::cancel ? policy_.signal_of_cancel()
                                           : policy_.signal_of_stop());
}

void Attempt::activity() {
  if (!ladder_) return;
  active_ = std::chrono::steady_clock::now();
  // Idle time is looked at when it may have passed; only the log's second may come earlier.
  if (!armed_ || (unflushed_ && armed_for_ > active_ + flush_pause)) arm();
}

void Attempt::arm() {
  Time next = Time::max();
  if (policy_.timeout.count() > 0 && cause_ == StopCause::none)
    next = std::min<Time>(next, begun_ + policy_.timeout);
  if (policy_.idle_timeout.count() > 0 && cause_ == StopCause::none)
    next = std::min<Time>(next, active_ + policy_.idle_timeout);
  if (unflushed_) next = std::min<Time>(next, std::chrono::steady_clock::now() + flush_pause);
  if (const auto due = giving_.progress_due()) next = std::min<Time>(next, *due);
  armed_ = next != Time::max();
  if (!armed_) return;
  armed_for_ = next;
  timer_.expires_at(next);
  timer_.async_wait([this, alive = lifetime_.watch()](boost::system::error_code cancelled) {
    if (!cancelled && !alive.is_over()) on_timer();
  });
}

void Attempt::on_timer() {
  if (!ladder_) return;
  armed_ = false;
  const Time now = std::chrono::steady_clock::now();
  if (cause_ == StopCause::none) {
    if (policy_.timeout.count() > 0 && now >= begun_ + policy_.timeout)
      ladder(StopCause::timeout, policy_.signal_of_stop());
    else if (policy_.idle_timeout.count() > 0 && now >= active_ + policy_.idle_timeout)
      ladder(StopCause::idle, policy_.signal_of_stop());
  }
  if (unflushed_) log_.flush();
  unflushed_ = false;
  if (const auto due = giving_.progress_due(); due && now >= *due) giving_.flush_progress();
  arm();
}

std::string Attempt::last_words() const {
  std::string words = text::join(log_.last_lines(3), " | ");  // without secrets: may be cut
  if (words.size() <= max_last_words) return words;
  std::size_t begin = words.size() - max_last_words;
  while (begin < words.size() && text::continues_a_letter(words[begin])) ++begin;
  return "..." + words.substr(begin);
}

Task<void> Attempt::complete(Outcome& outcome, ArtifactOrder order) {
  over();
  failpoint("V");
  heed_output_limit(outcome);
  giving_.complete(outcome);
  const bool own = outcome.kind == Outcome::Kind::done || outcome.kind == Outcome::Kind::failed ||
                   outcome.kind == Outcome::Kind::blocked;
  if (own && outcome.message.empty()) outcome.message = result_ ? result_->message : "";
  if (own && outcome.message.empty()) outcome.message = final_words_;
  if (outcome.kind != Outcome::Kind::done && outcome.kind != Outcome::Kind::interrupted) {
    const std::string words = last_words();
    if (outcome.message.empty())
      outcome.message = words;
    else if (!own && !words.empty() && outcome.kind != Outcome::Kind::not_started)
      outcome.message += "; its last words: " + words;
  }

  if (policy_.artifacts_when.contains(outcome.kind))
    co_await keep_artifacts(outcome, std::move(order));
  if (outcome.kind != Outcome::Kind::done) {  // its artifacts made it a failed one, or a cancel did
    outcome.given.publications.clear();
    outcome.given.metrics.clear();
  }
  if (!log_.is_empty()) outcome.log_file = log_.path();
  note_outcome(outcome);
  failpoint("V.noted");
  log_.close();
  if (log_.trouble())
    log::warning("job " + job_.key + ": output is missing from its log: " + log_.trouble()->text(),
                 facts_of(job_));
  outcome.output_bytes = log_.bytes();
}

/// Before the verdict can count: what the job sends leaves with that, or never.
void Attempt::note_outcome(const Outcome& outcome) const {
  const Given& given = outcome.given;
  const bool gives = !given.result.empty() || !given.publications.empty() || !given.metrics.empty();
  if (!has_artifacts_ && !gives && !policy_.may_send()) return;
  if (auto written = write_outcome(context_.record_dir, outcome); !written)
    log::warning("job " + job_.key + ": " + written.error().text(), facts_of(job_));
}

Task<void> Attempt::keep_artifacts(Outcome& outcome, ArtifactOrder order) {
  order.named = std::move(named_);
  fill_in(order, policy_, outcome.kind);
  if (order.empty()) co_return;
  std::atomic<bool> stop{false};
  Notice asked(timer_.get_executor());
  order.stop = &stop;
  context_.stop.listen([&](StopKind kind) {
    stop = context_.stop.cancelled() || kind == StopKind::kill;
    asked.notify();
  });
  const Kept kept = co_await collect_with_patience(order, asked);
  context_.stop.listen(nullptr);
  const bool is_short = !kept && is_shortage(kept.error().number);
  if (!kept && (stop || (is_short && context_.stop.requested()))) {
    const bool cancelled = context_.stop.cancelled();
    outcome = outcome_of(cancelled ? StopCause::cancel : StopCause::interrupt, policy_);
    log_.note(std::string(cancelled ? "cancelled" : "interrupted") +
              " before its artifacts were kept: none is");
    co_return;
  }
  if (!kept) log_.note("artifacts: " + kept.error().text());
  if (kept) {
    for (const auto& one : kept->passed_over) log_.note("artifact passed over: " + one);
    for (const auto& note : kept->notes) log_.note(note);
  }
  note_artifacts(outcome, kept);
  has_artifacts_ = true;
}

/// What this machine has too little of is not the job's fault: it is waited for, with the job's
/// directories and without its slot, until somebody asks for the job's end. Not for ever, for it
/// may be the artifacts themselves that have no room here.
Task<Attempt::Kept> Attempt::collect_with_patience(const ArtifactOrder& order, Notice& asked) {
  Backoff backoff(first_pause, longest_pause);
  const auto end = std::chrono::steady_clock::now() + longest_patience;
  bool said = false;
  for (;;) {
    Kept kept = co_await collect_artifacts(order);
    const bool is_short = !kept && is_shortage(kept.error().number);
    if (said && kept) log::info("job " + job_.key + ": its artifacts are kept now", facts_of(job_));
    if (!is_short || context_.stop.requested() || std::chrono::steady_clock::now() >= end)
      co_return kept;
    const std::string line =
        "its artifacts cannot be kept now, which is not its fault: " + kept.error().text() +
        "; tried again for an hour (" + cure_of_shortage(kept.error().number) + ")";
    if (!std::exchange(said, true)) {
      log::error("job " + job_.key + ": " + line, facts_of(job_));
      log_.note(line);
      context_.report(Status::building, line);
      context_.release_slot();
    }
    co_await asked.wait_for(first_pause + backoff.next());
  }
}

}  // namespace rbit
