// A front-end's cancel (INTEROP.md 5), which may come before, during and after everything else.
#include <utility>

#include "rbit/dispatch/dispatcher.h"
#include "rbit/log/log.h"

namespace rbit {

Task<Result<void>> Dispatcher::cancel_for_front_end(std::string job_id) {
  // On record first: what comes of this id from now on meets the cancel there, also after a crash.
  // What came before is looked for afterwards.
  const Result<bool> wanted = co_await journal_.bury(job_id);
  if (!wanted) {
    ask_to_stop(job_id);
    co_return wanted.error();
  }
  bool found = co_await stop_running(job_id);
  for (const JobRecord& listed : journal_.unfinished(job_id)) {
    const auto known = journal_.find(listed.key);  // others of this id were seen to meanwhile
    if (!known || running_.find(listed.key) != nullptr) continue;
    const JobRecord& job = *known;
    const bool is_over = !is_unfinished(job.state) && job.state != JobRecord::State::blocked &&
                         job.state != JobRecord::State::moved;
    if (is_over) continue;
    if (backlog_.holds(job.key)) {
      backlog_.remove(job.key);
      ++flows_;
      co_await cancel_owned(job.key);
      found = true;
      continue;
    }
    const auto ours = journal_.owned_job(job.key);
    if (!ours || *ours) continue;  // the cancel is on record where it is looked for
    found = true;
    log::info("job " + job_id + " is to be cancelled: it waits at the broker");
    ++flows_;
    co_await flow_.cancel_away(job);
    flow_ended();
  }
  if (!*wanted)
    log::info("job " + job_id + " is to be cancelled, but it is over: nothing is done");
  else if (!found)
    log::info("job " + job_id + " is to be cancelled, but was not seen here: its message will be " +
              "accepted without a build if it comes within 7 days");
  co_return Result<void>();
}

/// A verdict that is being put on record decides whether anything is left to cancel. True: there
/// was a job that runs.
Task<bool> Dispatcher::stop_running(std::string job_id) {
  bool found = false;
  for (;;) {
    found = ask_to_stop(job_id) || found;
    bool deciding = false;
    for (const auto& [key, job] : running_.all())
      deciding = deciding || (job->has_verdict && job->job.request.job_id == job_id);
    if (!deciding) co_return found;
    co_await running_.changed().wait();
  }
}

/// True: a job of that id runs and had not been asked yet.
bool Dispatcher::ask_to_stop(const std::string& job_id) {
  bool asked = false;
  for (const auto& [key, job] : running_.all()) {
    if (job->job.request.job_id != job_id || job->has_verdict || job->stop.cancelled()) continue;
    asked = true;
    log::info("job " + job_id + " is to be cancelled: it is here and asked to stop");
    job->stop.request(StopKind::cancel);
  }
  return asked;
}

}  // namespace rbit
