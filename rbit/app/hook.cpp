#include "rbit/app/hook.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "rbit/base/names.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/core/job_name.h"
#include "rbit/log/log.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/record_slots.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace {

/// Below the log directory, where no queue's name has a '+'. One file for each of the job's events:
/// a run that is made again has the same.
std::string log_name(const std::string& hook, std::string_view event, const Job& job, int run) {
  const std::string directory = "hook+" + file_name_of(hook) + "/";
  if (job.key.empty()) return directory + std::string(event) + "-" + std::to_string(run) + ".log";
  return directory + job_name_of(job.queue, job.key) + "-" + std::to_string(job.attempt) + "-" +
         std::string(event) + ".log";
}

}  // namespace

Hook::Hook(config::HookSettings settings, std::unique_ptr<Runner> runner, std::string records)
    : settings_(std::move(settings)), runner_(std::move(runner)), records_(std::move(records)) {}

Task<Result<void>> Hook::prepare() {
  return runner_->prepare();
}

Task<void> Hook::close() {
  return runner_->close();
}

Result<std::string> Hook::make_record() {
  const std::string path = records_ + "/" + file_name_of(name()) + "-" +
                           std::to_string(::getpid()) + "-" + std::to_string(++runs_);
  return rbit::make_record(path);
}

Task<Outcome> Hook::run(config::HookEvent event, Job job, HookFacts facts, StopRequest& stop) {
  const std::string word(name_in(config::hook_event_names, event));
  const Result<std::string> record = make_record();
  if (!record) co_return not_started(record.error());
  RunContext context{[](Status, const std::string&) {}, stop, *record};
  context.publishes_nothing = "a hook publishes nothing (its job may)";
  context.facts = std::move(facts);
  context.facts["hook"] = name();
  context.facts["event"] = word;
  context.log_name = log_name(name(), word, job, runs_);
  Outcome outcome = co_await runner_->run(job, context);
  stop.listen(nullptr);
  outcome.message = secrets::redacted(outcome.message);
  close_record(*record);
  const Result<void> removed = co_await remove_tree_aside(RecordName::parse(*record).directory);
  if (!removed)
    log::warning("[hook:" + name() + "] could not clean up: " + removed.error().text(),
                 facts_of(job));
  co_return outcome;
}

std::string Hook::text_of(const Outcome& outcome) const {
  std::string text = "[hook:" + name() + "]";
  if (!outcome.reason.empty()) text += " " + outcome.reason;
  if (!outcome.message.empty() && outcome.message != outcome.reason)
    text += ": " + text::one_line(outcome.message);
  return text;
}

void Hook::say_failure(config::HookEvent event, const std::string& about, const JobFacts& facts,
                       const Outcome& outcome) {
  const std::string word(name_in(config::hook_event_names, event));
  log::warning(text_of(outcome) + " (failed on " + word + " of " + about +
                   (outcome.log_file.empty() ? "" : ", its output is in " + outcome.log_file) + ")",
               facts);
}

}  // namespace rbit
