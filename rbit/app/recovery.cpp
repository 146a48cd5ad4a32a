#include "rbit/app/recovery.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"
#include "rbit/run/record.h"
#include "rbit/run/work_places.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace {
constexpr milliseconds journal_pause{5'000};
}

Task<void> Recovery::run() {
  const bool concluded = co_await conclude_attempts();
  // Else what a keeper uses: the next start removes the rest.
  if (concluded && !means_.keepers.any()) remove_leftovers();
}

/// Returns false if it was told to stop before all verdicts were on record.
Task<bool> Recovery::conclude_attempts() {
  auto attempts = means_.journal.open_attempts();
  while (!attempts) {  // what their leaders wrote must not be thrown away unread
    log::error("nothing is taken until the journal can be read: " + attempts.error().text());
    if (!means_.told_to_stop) co_await means_.stop.wait_for(journal_pause);
    if (means_.told_to_stop) co_return false;
    attempts = means_.journal.open_attempts();
  }
  for (OpenAttempt& open : *attempts) {
    if (means_.told_to_stop) co_return false;
    if (auto kept = means_.keepers.take(open, policy_of(open.job.runner))) {
      means_.dispatcher.follow(std::move(open), std::move(kept));
      continue;
    }
    const bool on_record = co_await conclude(std::move(open));
    if (!on_record) co_return false;
  }
  co_return true;
}

Task<bool> Recovery::conclude(OpenAttempt open) {
  const Job job = open.job;
  const std::string record_dir = open.record_dir;
  RunnerPolicy policy = policy_of(job.runner);
  const bool published =
      co_await Keepers::publish(means_.journal, job, record_dir, means_.told_to_stop);
  if (!published) co_return false;
  auto outcome = co_await recover_attempt(std::move(open), std::move(policy), means_.place,
                                          &means_.told_to_stop);
  if (!outcome && means_.told_to_stop) co_return false;
  log::info("job " + job.name() + ", attempt " + std::to_string(job.attempt) +
                ", was under way when rbit ended: " +
                (!outcome ? std::string("no verdict, it runs again when its message comes")
                 : outcome->kind == Outcome::Kind::interrupted
                     ? std::string("it had not started, it runs when its message comes")
                     : "its verdict is " + std::string(to_string(outcome->kind))),
            facts_of(job));
  if (outcome) {
    const bool on_record =
        co_await means_.dispatcher.finish_earlier(job, std::move(*outcome), record_dir);
    if (!on_record) co_return false;
  }
  const std::string directory = RecordName::parse(record_dir).directory;
  if (const auto removed = remove_tree(directory); !removed)
    log::warning("could not clean up: " + removed.error().text(), facts_of(job));
  co_return true;
}

/// Of a runner that is not there any more: the defaults.
RunnerPolicy Recovery::policy_of(const std::string& runner) const {
  const auto found = means_.settings.runners.find(runner);
  return found == means_.settings.runners.end() ? RunnerPolicy{} : found->second.policy;
}

void Recovery::remove_leftovers() const {
  means_.place.work_places->remove_leftovers();
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(means_.state.records(), failed)) {
    const std::string path = entry.path().string();
    if (means_.records.has(path)) continue;
    if (const auto removed = remove_tree(path); !removed)
      log::warning("could not clean up: " + removed.error().text());
  }
}

}  // namespace rbit
