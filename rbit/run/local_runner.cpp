#include "rbit/run/local_runner.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "rbit/log/log.h"
#include "rbit/run/directories.h"
#include "rbit/run/open_below.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/record.h"

namespace rbit {

LocalRunner::LocalRunner(const asio::any_io_executor& loop, RunnerPolicy policy, RunPlace place,
                         LeaderPool& leaders)
    : loop_(loop),
      policy_(std::move(policy)),
      place_(std::move(place)),
      leaders_(leaders),
      output_dir_(OutputDir::of_runner(policy_, place_.output_dir)) {}

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
  is_found_ = true;
  return {};
}

Task<Outcome> LocalRunner::run(const Job& job, RunContext& context) {
  Attempt attempt(loop_, job, context, policy_, place_.log_dir);
  if (auto ended = attempt.ended_before_it_began()) co_return *ended;
  if (auto ready = find_site(); !ready) co_return not_started(ready.error());
  if (auto opened = attempt.open_log(); !opened) co_return not_started(opened.error());
  auto workspace = make_workspace(job, context.record_dir);
  if (!workspace) co_return not_started(workspace.error());
  if (auto put = put_long_facts(*workspace, context); !put) co_return not_started(put.error());
  attempt.work_in(workspace->path());
  Outcome outcome = co_await run_in(*workspace, job, context, attempt);
  if (policy_.keep_work) workspace->keep();
  const Result<void> removed = co_await workspace->remove();
  if (!removed) log::warning("job " + job.key + ": " + removed.error().text());
  co_return outcome;
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

/// The job's own directories, noted in its record, and its output directory if that is missing.
Result<Workspace> LocalRunner::make_workspace(const Job& job, const std::string& record_dir) const {
  auto workspace = Workspace::make(place_.work_dir, job, other_account());
  if (!workspace) return workspace;
  if (auto noted = note_workspace(record_dir, workspace->root()); !noted) return noted.error();
  if (output_dir_.has_placeholders())
    if (auto noted = note_output_dir(record_dir, output_dir_.of(job)); !noted) return noted.error();
  if (auto made = make_output_dir(job); !made) return made.error();
  return workspace;
}

/// What a job decides of its path is made through no link.
Result<void> LocalRunner::make_output_dir(const Job& job) const {
  const std::string top = output_dir_.top(), whole = output_dir_.of(job);
  const mode_t mode = output_mode(whole, place_.state_dir);
  auto made = make_trusted_directory(top, mode, Sharing::names);
  if (!made || whole == top) return made;
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
    auto file = workspace.add(name, value, other_account());
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
