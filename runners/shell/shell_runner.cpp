#include "runners/shell/shell_runner.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/pipe_reader.h"
#include "rbit/run/shell_program.h"
#include "rbit/run/shell_rewrite.h"
#include "rbit/run/whole_file.h"

namespace rbit {

namespace {

/// Bytes as a file without writer; none where the kernel refuses, errno says why.
Fd sealed_memory(const char* name, std::string_view bytes) {
  Fd memory(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  const bool is_sealed =
      memory && write_at(memory.get(), bytes, 0) && ::fcntl(memory.get(), F_ADD_SEALS, seals) == 0;
  return is_sealed ? std::move(memory) : Fd();
}

/// The body as a file without writer: a job that does not read it, or only half of it, is no
/// matter. Where the kernel refuses, the workspace's copy serves.
Result<Fd> sealed_input(const std::string& body, const std::string& message_file) {
  Fd memory = sealed_memory("rbit-message", body);
  if (memory) return memory;
  Fd file(::open(message_file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error::of_system(message_file, errno);
  return file;
}

constexpr int events_number = 3;

/// The message's properties where `metadata-fd` says. At 3 they take the place of the events.
Result<void> add_metadata(JobOrder& order, const Job& job, int number) {
  Fd metadata = sealed_memory("rbit-metadata", message_metadata(job.head, job.queue));
  if (!metadata) return Error::of_system("metadata-fd", errno);
  if (number == events_number) {
    order.events_fd = std::move(metadata);
  } else {
    order.extra_fd = std::move(metadata);
    order.extra_as = number;
  }
  return {};
}

}  // namespace

ShellRunner::ShellRunner(const asio::any_io_executor& loop, RunnerLine line, RunnerPolicy policy,
                         const RunPlace& place, LeaderPool& leaders)
    : LocalRunner(loop, std::move(policy), place, leaders), line_(std::move(line)) {}

Task<Result<void>> ShellRunner::prepare() {
  const std::string& shell = line_.shell.front();
  if (::access(shell.c_str(), X_OK) != 0)
    co_return Error{shell, std::strerror(errno), "shell runners need it"};
  if (auto ready = find_site(); !ready) co_return ready;
  if (auto found = find_its_program(); !found) co_return found.error();
  auto leader = leaders_.acquire();  // the first job finds it warm
  if (!leader) co_return leader.error();
  co_return Result<void>();
}

/// A line that is one plain command can do nothing without its program.
Result<void> ShellRunner::find_its_program() const {
  const auto trusted = [&](const std::string& file) {
    return runs_as_root() && !file.empty() ? check_code_file(file) : Result<void>();
  };
  if (auto shell = trusted(line_.shell.front()); !shell) return shell;
  if (!line_.script.empty()) {
    auto able = check_script(line_.script, account(), environment());
    return able ? trusted(line_.script) : able;
  }
  const auto program = program_of(line_.shell_line);
  if (!program) return {};
  const auto found = find_program(*program, environment());
  return found ? trusted(*found) : Result<void>(found.error());
}

/// The placeholder that a variable stands for in the line.
std::string ShellRunner::shown(const std::string& variable) const {
  for (std::size_t index = 0; index < line_.facts.size(); ++index)
    if (fact_variable(index) == variable) return line_.facts[index].shown;
  return "$" + variable;
}

Result<JobOrder> ShellRunner::order(const Job& job, const RunContext& context,
                                    const Workspace& workspace) {
  JobOrder order = order_for("job " + job.key);
  order.facts = facts_of(job);
  order.argv = line_.shell;
  order.argv.insert(order.argv.end(), {"-c", line_.shell_line});
  const JobPlaces places{workspace.path(), workspace.message_file(), output_dir(job),
                         place_.config_dir};
  JobEnvironment fields = job_environment(job, settings(job), places, line_.facts);
  for (const auto& [name, why] : fields.left_out) {
    const auto& used = line_.variables;
    if (std::find(used.begin(), used.end(), name) == used.end()) continue;
    return Error{"$" + name, "the message's text for " + shown(name) + " " + why, ""};
  }
  order.environment = environment();
  set_default(order.environment, "TMPDIR", workspace.tmp_dir());
  set_default(order.environment, "HOME", workspace.path());
  for (std::string& variable : fields.variables) order.environment.push_back(std::move(variable));
  for (const auto& [name, value] : context.facts)
    if (value.find('\0') == std::string::npos)
      order.environment.push_back("RBIT_" + text::upper(name) + "=" + value);
  order.directory = workspace.path();
  order.record = context.record_dir;
  return order;
}

Task<Outcome> ShellRunner::run_in(const Workspace& workspace, const Job& job, RunContext& context,
                                  Attempt& attempt) {
  auto ordered = order(job, context, workspace);
  if (!ordered && ordered.error().thing.starts_with("$"))  // this message's fault, not ours
    co_return make_outcome(Outcome::Kind::failed, "invalid", ordered.error().reason);
  if (!ordered) co_return not_started(ordered.error());
  if (auto written = workspace.write_message(job.body.bytes()); !written)
    co_return not_started(written.error());
  auto input = sealed_input(job.body, workspace.message_file());
  if (!input) co_return not_started(input.error());
  auto output_pipe = make_pipe(other_account());
  if (!output_pipe) co_return not_started(output_pipe.error());
  auto event_pipe = make_pipe(other_account());
  if (!event_pipe) co_return not_started(event_pipe.error());
  ordered->stdin_fd = std::move(*input);
  ordered->output_fd = std::move(output_pipe->second);
  ordered->events_fd = std::move(event_pipe->second);
  if (policy_.metadata_fd != 0) {
    auto added = add_metadata(*ordered, job, policy_.metadata_fd);
    if (!added) co_return not_started(added.error());
  }

  EventReader events(
      Speaker::job, [&](JobEvent event) { attempt.on_event(std::move(event)); },
      [&](const std::string& why) { attempt.on_nonsense(why); });
  PipeReader output(loop_, std::move(output_pipe->first),
                    [&](std::string_view bytes) { attempt.on_output(bytes); });
  PipeReader event_bytes(loop_, std::move(event_pipe->first), [&](std::string_view bytes) {
    attempt.on_event_bytes(bytes.size());
    events.feed(bytes);
  });
  auto leader = leaders_.acquire();
  if (!leader) co_return not_started(leader.error());
  JobOrder final_order = std::move(*ordered);
  if (auto started = (*leader)->run(std::move(final_order)); !started)
    co_return not_started(started.error());

  attempt.begin([&](StopCause cause, int signal, std::chrono::milliseconds grace) {
    (*leader)->stop(cause, signal, grace);
  });
  const JobEnd end = co_await (*leader)->ended();  // its process is gone; pipes say nothing
  attempt.over();
  co_await output.drain();
  co_await event_bytes.drain();
  events.end();
  attempt.note_end(end);
  Outcome outcome = outcome_of(end, policy_);
  // The shell's word for "I cannot run that": the program has gone since we looked.
  const bool unable = end.kind == JobEnd::Kind::exited && (end.code == 126 || end.code == 127);
  if (unable) {
    if (auto found = find_its_program(); !found) {
      outcome.kind = Outcome::Kind::not_started;
      outcome.reason = "not-started";
      outcome.message = found.error().text();
    }
  }
  co_await complete(outcome, workspace, job, attempt);
  co_return outcome;
}

Task<void> ShellRunner::close() {
  co_return;  // nothing is kept warm but leaders, which are the pool's
}

}  // namespace rbit
