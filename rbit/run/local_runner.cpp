#include "rbit/run/local_runner.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"
#include "rbit/run/directories.h"
#include "rbit/run/open_below.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/record.h"

namespace rbit {

namespace {

/// Of what was ended by force, or ended in a way that nobody knows, something may be under way yet.
bool ended_by_itself(const Outcome& outcome) {
  using Kind = Outcome::Kind;
  return outcome.kind == Kind::done || outcome.kind == Kind::failed ||
         outcome.kind == Kind::blocked || outcome.kind == Kind::not_started;
}

}  // namespace

LocalRunner::LocalRunner(const asio::any_io_executor& loop, RunnerPolicy policy,
                         const RunPlace& place, LeaderPool& leaders)
    : loop_(loop),
      policy_(std::move(policy)),
      place_(place),
      leaders_(leaders),
      work_places_(place_.work_places ? place_.work_places
                                      : std::make_shared<WorkPlaces>(loop, place_)),
      output_dir_(OutputDir::of_runner(policy_, place_.output_dir)),
      output_top_(output_dir_.top(), output_mode(output_dir_.top(), place_.state_dir),
                  Sharing::names) {}

Result<void> LocalRunner::find_site() {
  if (is_found_) return {};
  if (!policy_.user.empty()) {
    auto account = find_account(policy_.user);
    if (!account) return account.error();
    other_user_ = account->uid != ::geteuid();
    account_ = std::move(*account);
  }
  if (other_user_)
    if (auto open = can_pass(place_.work_dir, account_); !open) return open;
  if (auto known = output_dir_.check(policy_.message); !known) return known;
  if (auto made = can_make_directories(output_dir_.top()); !made) return made;
  environment_ = base_environment(account_, policy_);
  is_found_ = true;
  return {};
}

Task<Outcome> LocalRunner::run(const Job& job, RunContext& context) {
  Attempt attempt(loop_, job, context, policy_, work_places_->logs());
  if (auto ended = attempt.ended_before_it_began()) co_return *ended;
  if (auto ready = find_site(); !ready) co_return not_started(ready.error());
  if (auto opened = attempt.open_log(); !opened) co_return not_started(opened.error());
  auto workspace = work_places_->lend(other_account());
  if (!workspace) co_return not_started(workspace.error());
  Outcome outcome;
  if (auto ready = make_ready(*workspace, job, context); !ready) {
    outcome = not_started(ready.error());
  } else {
    attempt.work_in(workspace->path());
    outcome = co_await run_in(*workspace, job, context, attempt);
  }
  leave(std::move(*workspace), job, context.record_dir, outcome);
  co_return outcome;
}

/// Before another job may get the place, no record names it as this one's: the next life would
/// remove it, with what the other one is doing there.
void LocalRunner::leave(Workspace workspace, const Job& job, const std::string& record_dir,
                        const Outcome& outcome) const {
  const std::string what = "job " + job.key;
  if (policy_.keep_work) {
    if (auto kept = std::move(workspace).keep(job); !kept)
      log::warning(what + ": " + kept.error().text(), facts_of(job));
    return;
  }
  const auto noted = note_workspace(record_dir, "");
  if (noted && ended_by_itself(outcome))
    std::move(workspace).give_back(what, facts_of(job));
  else
    std::move(workspace).give_up(what, facts_of(job));
}

bool LocalRunner::runs_as_root() const {
  return ::geteuid() == 0 && !other_user_;
}

JobOrder LocalRunner::order_for(std::string what) const {
  JobOrder order;
  order.what = std::move(what);
  order.account = other_account();
  order.nice = policy_.nice;
  order.max_memory = policy_.max_memory;
  order.max_processes = policy_.max_processes;
  order.stop_signal = policy_.signal_of_stop();
  order.grace = policy_.grace;
  return order;
}

/// Notes the job's directories in its record, and makes its output directory if that is missing.
Result<void> LocalRunner::make_ready(const Workspace& workspace, const Job& job,
                                     RunContext& context) {
  if (auto noted = note_workspace(context.record_dir, workspace.root()); !noted) return noted;
  if (output_dir_.has_placeholders())
    if (auto noted = note_output_dir(context.record_dir, output_dir_.of(job)); !noted) return noted;
  if (auto made = make_output_dir(job); !made) return made;
  if (policy_.keep_work)  // of a hosted job too: it is for people
    if (auto written = workspace.write_message(job.body.bytes()); !written) return written;
  return put_long_facts(workspace, context);
}

/// What a job decides of its path is made through no link.
Result<void> LocalRunner::make_output_dir(const Job& job) {
  auto made = output_top_.look();
  if (!made || !output_dir_.has_placeholders()) return made;
  const std::string &top = output_top_.path(), whole = output_dir_.of(job);
  const mode_t mode = output_mode(whole, place_.state_dir);
  const Fd directory(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory && make_below(directory.get(), whole.substr(top.size()), mode)) return {};
  return Error::while_doing("cannot be made", whole, errno, "see output-dir");
}

/// What no variable could hold lies in a file, and the fact NAME_file says where.
Result<void> LocalRunner::put_long_facts(const Workspace& workspace, RunContext& context) const {
  constexpr std::size_t most_in_a_variable = 32 * 1024;
  std::map<std::string, std::string> files;
  for (auto& [name, value] : context.facts) {
    if (value.size() <= most_in_a_variable) continue;
    auto file = workspace.add(name, value);
    if (!file) return file.error();
    files[name + "_file"] = std::move(*file);
    value.clear();
  }
  context.facts.merge(files);
  return {};
}

std::map<std::string, std::string> LocalRunner::settings(const Job& job) const {
  auto settings = policy_.settings;
  const auto own = settings.find("output-dir");
  if (own != settings.end() && output_dir_.has_placeholders()) own->second = output_dir_.of(job);
  return settings;
}

Task<void> LocalRunner::complete(Outcome& outcome, const Workspace& workspace, const Job& job,
                                 Attempt& attempt) const {
  ArtifactOrder order = artifact_order(job, workspace.root(), policy_, place_);
  if (other_user_) order.account = account_.uid;
  co_await attempt.complete(outcome, std::move(order));
}

}  // namespace rbit
