#include "rbit/app/hook_sink.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "rbit/core/job_facts.h"
#include "rbit/core/message_codec.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

using config::HookEvent;

/// None: hooks are not about that.
std::optional<HookEvent> event_of(Status status) {
  switch (status) {
    case Status::done:
      return HookEvent::done;
    case Status::failed:
      return HookEvent::failed;
    case Status::blocked:
      return HookEvent::blocked;
    case Status::cancelled:
      return HookEvent::cancelled;
    case Status::waiting:
    case Status::building:
      break;
  }
  return std::nullopt;
}

/// The job as its attempt had it. Of one whose message is not to be had, what the report says.
Job job_of(const Report& report) {
  Job job;
  job.key = report.job_key;
  job.queue = report.queue;
  job.runner = report.runner;
  job.attempt = report.attempt;
  job.redelivered = report.carried.redelivered;
  job.timestamp = to_seconds(from_micros(report.begun > 0 ? report.begun : report.time));
  job.request.job_id = report.job_id;
  request_from_json(report.request, job);
  job.head = report.carried;
  job.body = report.carried.body;
  return job;
}

std::string artifacts_of(const Report& report) {
  auto list = nlohmann::ordered_json::array();
  for (const Artifact& one : report.artifacts)
    list.push_back({{"path", one.path}, {"kind", one.kind}});
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

HookFacts told_of(const Report& report) {
  HookFacts facts;
  facts["status"] = to_string(report.status);
  facts["reason"] = report.reason;
  facts["message"] = report.message;
  // The journal knows the last ones only: of an attempt before they may be another's.
  const bool is_last = is_final(report.status);
  facts["result"] = is_last ? report.result : "";
  facts["artifacts"] = is_last ? artifacts_of(report) : "[]";
  return facts;
}

}  // namespace

/// One run, shared by who runs it and who waits for it, who may be gone first.
struct HookSink::Run {
  explicit Run(const asio::any_io_executor& loop) : ended(loop) {}
  StopRequest stop;
  Notice ended;
  std::optional<Outcome> outcome;
};

HookSink::HookSink(const asio::any_io_executor& loop, Hook& hook, Flows& flows,
                   std::function<bool()> is_open, Notice& opened)
    : loop_(loop),
      hook_(hook),
      flows_(flows),
      is_open_(std::move(is_open)),
      opened_(opened),
      target_("hook:" + hook.name()) {}

ReportTarget HookSink::as_target() {
  ReportTarget made(target_);
  const config::HookSettings& settings = hook_.settings();
  made.wants = [&settings](const Report& report) {
    const auto event = event_of(report.status);
    return event && settings.on.contains(*event) && settings.is_about(report.runner);
  };
  made.carries_message = true;
  made.hears_again = false;
  return made;
}

Task<SinkAnswer> HookSink::send(const Report& report) {
  if (!event_of(report.status)) co_return SinkAnswer::dropped("it is no end of an attempt");
  while (!is_open_()) co_await opened_.wait();
  const auto one = std::make_shared<Run>(loop_);
  // Whoever waits is given up when rbit stops; its row goes again after the next start.
  struct GivenUp {
    std::shared_ptr<Run> run;
    ~GivenUp() {
      if (!run->outcome) run->stop.request(StopKind::interrupt);
    }
  } const given_up{one};
  flows_.start(run(one, report), "a hook");
  while (!one->outcome) co_await one->ended.wait();
  co_return judge(report, *one->outcome);
}

Task<void> HookSink::run(std::shared_ptr<Run> one, Report report) {
  Job job = job_of(report);
  HookFacts facts = told_of(report);
  Outcome outcome =
      co_await hook_.run(*event_of(report.status), std::move(job), std::move(facts), one->stop);
  one->outcome = std::move(outcome);
  one->ended.notify();
}

SinkAnswer HookSink::judge(const Report& report, const Outcome& outcome) {
  const HookEvent event = *event_of(report.status);
  const std::string about = "job " + report.name();
  switch (outcome.kind) {
    case Outcome::Kind::done:
      return {};
    case Outcome::Kind::interrupted:
      return SinkAnswer::retry("rbit stops");
    case Outcome::Kind::not_started:  // nothing of it ran
      return SinkAnswer::retry(hook_.text_of(outcome));
    case Outcome::Kind::blocked:
      if (report.tries == 0)
        log::info(hook_.text_of(outcome) + " (asks to be run later for " + about + ")",
                  facts_of(report));
      return SinkAnswer::later(hook_.text_of(outcome));
    default:
      hook_.say_failure(event, about, facts_of(report), outcome);
      return {};
  }
}

}  // namespace rbit
