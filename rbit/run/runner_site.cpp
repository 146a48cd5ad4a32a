#include "rbit/run/runner_site.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "rbit/base/log.h"
#include "rbit/run/directories.h"
#include "rbit/run/record.h"

namespace rbit {

RunnerSite::RunnerSite(const RunnerPolicy& policy, const RunPlace& place)
    : policy_(policy),
      place_(place),
      output_dir_(policy.output_dir.empty() ? place.output_dir : policy.output_dir) {}

Result<void> RunnerSite::prepare() {
  if (is_prepared_) return {};
  if (auto found = find_user(); !found) return found;
  if (other_user_)
    if (auto open = can_pass(place_.work_dir, account_); !open) return open;
  if (auto made = can_make_directories(output_dir_); !made) return made;
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

Result<Workspace> RunnerSite::make_workspace(const Job& job, const std::string& record_dir) const {
  std::optional<Workspace::Owner> owner;
  if (other_user_) owner = Workspace::Owner{account_.uid, account_.gid};
  auto workspace = Workspace::make(place_.work_dir, job, owner);
  if (!workspace) return workspace;
  if (auto noted = note_workspace(record_dir, workspace->root()); !noted) return noted.error();
  auto made = make_directories(output_dir_, output_mode(output_dir_, place_.state_dir));
  if (!made) return made.error();
  return workspace;
}

Task<void> RunnerSite::clear(Workspace& workspace, const Job& job) const {
  if (policy_.keep_work) {
    workspace.keep();
    co_return;
  }
  const Result<void> removed = co_await workspace.remove();
  if (!removed) log::warning("job " + job.key + ": " + removed.error().text());
}

ArtifactOrder RunnerSite::artifact_order(const Workspace& workspace) const {
  ArtifactOrder order;
  order.work_dir = workspace.path();
  order.tmp_dir = workspace.tmp_dir();
  order.output_dir = output_dir_;
  order.work_stays = policy_.keep_work;
  order.output_mode = output_mode(output_dir_, place_.state_dir);
  return order;
}

}  // namespace rbit
