#include "rbit/run/runner_site.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "rbit/log/log.h"
#include "rbit/run/directories.h"
#include "rbit/run/open_below.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/record.h"

namespace rbit {

RunnerSite::RunnerSite(const RunnerPolicy& policy, const RunPlace& place)
    : policy_(policy), place_(place), output_dir_(OutputDir::of_runner(policy, place.output_dir)) {}

Result<void> RunnerSite::prepare() {
  if (is_prepared_) return {};
  if (auto found = find_user(); !found) return found;
  if (other_user_)
    if (auto open = can_pass(place_.work_dir, account_); !open) return open;
  if (auto known = output_dir_.check(); !known) return known;
  if (auto made = can_make_directories(output_dir_.top()); !made) return made;
  is_prepared_ = true;
  return {};
}

Result<void> RunnerSite::find_user() {
  if (policy_.user.empty()) return {};
  auto account = find_account(policy_.user);
  if (!account) return account.error();
  other_user_ = account->uid != ::geteuid();
  account_ = std::move(*account);
  return {};
}

Task<Outcome> RunnerSite::run(const Job& job, const RunContext& context, Attempt& attempt,
                              const Work& work) {
  if (auto ended = attempt.ended_before_it_began()) co_return *ended;
  if (auto ready = prepare(); !ready) co_return not_started(ready.error());
  if (auto opened = attempt.open_log(); !opened) co_return not_started(opened.error());
  auto workspace = make_workspace(job, context.record_dir);
  if (!workspace) co_return not_started(workspace.error());
  Outcome outcome = co_await work(*workspace);
  co_await clear(*workspace, job);
  co_return outcome;
}

Result<Workspace> RunnerSite::make_workspace(const Job& job, const std::string& record_dir) const {
  std::optional<Workspace::Owner> owner;
  if (other_user_) owner = Workspace::Owner{account_.uid, account_.gid};
  auto workspace = Workspace::make(place_.work_dir, job, owner);
  if (!workspace) return workspace;
  if (auto noted = note_workspace(record_dir, workspace->root()); !noted) return noted.error();
  if (auto made = make_output_dir(job); !made) return made.error();
  return workspace;
}

/// What a job decides of its path is made through no link.
Result<void> RunnerSite::make_output_dir(const Job& job) const {
  const std::string top = output_dir_.top(), whole = output_dir_.of(job);
  const mode_t mode = output_mode(whole, place_.state_dir);
  if (auto made = make_directories(top, mode); !made || whole == top) return made;
  const Fd directory(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory && make_below(directory.get(), whole.substr(top.size()), mode)) return {};
  Error why = Error::of_system(whole, errno, "see output-dir");
  why.reason = "cannot be made: " + why.reason;
  return why;
}

std::map<std::string, std::string> RunnerSite::settings(const Job& job) const {
  auto settings = policy_.settings;
  const auto own = settings.find("output-dir");
  if (own != settings.end() && output_dir_.has_placeholders()) own->second = output_dir_.of(job);
  return settings;
}

Task<void> RunnerSite::clear(Workspace& workspace, const Job& job) const {
  if (policy_.keep_work) {
    workspace.keep();
    co_return;
  }
  const Result<void> removed = co_await workspace.remove();
  if (!removed) log::warning("job " + job.key + ": " + removed.error().text());
}

ArtifactOrder RunnerSite::artifact_order(const Workspace& workspace, const Job& job) const {
  ArtifactOrder order;
  order.work_dir = workspace.path();
  order.tmp_dir = workspace.tmp_dir();
  order.output_dir = output_dir_.of(job);
  order.output_top = output_dir_.top();
  order.work_stays = policy_.keep_work;
  if (other_user_) order.account = account_.uid;
  order.output_mode = output_mode(order.output_dir, place_.state_dir);
  return order;
}

}  // namespace rbit
