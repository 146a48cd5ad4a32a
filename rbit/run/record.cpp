#include "rbit/run/record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "rbit/base/clock.h"
#include "rbit/base/fd.h"
#include "rbit/base/json.h"
#include "rbit/base/names.h"
#include "rbit/base/shortage.h"
#include "rbit/base/text.h"
#include "rbit/log/log.h"
#include "rbit/run/account.h"
#include "rbit/run/artifacts.h"
#include "rbit/run/event_line.h"
#include "rbit/run/job_log.h"
#include "rbit/run/outcome_file.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/process.h"
#include "rbit/run/whole_file.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace {

/// Its verdict lines, if the sum says that they are whole.
void parse_end(const std::string& text, std::size_t begin_size, LeaderRecord& record) {
  const std::size_t sum_at = text.rfind("sum ");
  if (sum_at == std::string::npos || sum_at < begin_size) return;
  char line[64];
  std::snprintf(line, sizeof line, wire::record_sum_format,
                static_cast<unsigned long long>(wire::sum(text.data(), sum_at)));
  if (text.compare(sum_at, std::string::npos, line) != 0) return;

  const std::string end_line = text.substr(begin_size, sum_at - begin_size);
  if (end_line == wire::record_released_line) {
    record.host_released = true;
    return;
  }
  wire::Answer answer{};
  int cause = 0, step = 0;
  long long cpu = 0, peak = 0;
  if (std::sscanf(end_line.c_str(), wire::record_end_format, &answer.exit_code, &answer.signal,
                  &cause, &answer.outlived, &cpu, &peak, &answer.oom_kills) == 7) {
    answer.kind = wire::Kind::ended;
    answer.cause = static_cast<StopCause>(cause);
    answer.cpu_micros = cpu;
    answer.peak_memory_kib = peak;
  } else if (std::sscanf(end_line.c_str(), wire::record_failed_format, &step, &answer.error) == 2) {
    answer.kind = wire::Kind::not_started;
    answer.step = static_cast<wire::Step>(step);
  } else {
    return;
  }
  record.end = end_of(answer);
}

/// Whether that pid is still the leader.
bool is_still_there(const LeaderRecord& record) {
  const auto fields = stat_of(record.pid);
  long long start_time = 0;
  return fields.size() >= 20 && text::parse_number(fields[19], 0, INT64_MAX, start_time) &&
         static_cast<std::uint64_t>(start_time) == record.start_time;
}

/// `what` it is of, for people.
Task<std::optional<LeaderRecord>> final_record(std::string record_dir, std::string what,
                                               milliseconds grace) {
  SystemClock clock;
  const SteadyTime patience = clock.steady() + grace + std::chrono::seconds(10);
  for (;;) {
    auto read = read_leader_record(record_dir);
    if (!read) {
      log::warning(what + ": " + read.error().text());
      co_return std::nullopt;
    }
    if (!*read || !(*read)->running) co_return *read;
    if (clock.steady() >= patience) {
      log::warning(what + ": its leader of an earlier start does not end; killed");
      kill_if((*read)->pid, [&] { return is_still_there(**read); });
      (*read)->running = false;
      co_return *read;
    }
    co_await clock.sleep_for(milliseconds(20));
  }
}

Task<std::optional<LeaderRecord>> ended_record(std::string record_dir, std::string what,
                                               milliseconds grace, std::string cgroups) {
  const auto record = co_await final_record(record_dir, what, grace);
  if (!record || record->end || record->host_released) co_return record;
  const int killed = co_await end_left_behind(record->leader_id, cgroups);
  if (killed > 0)
    log::warning(what + ": " + std::to_string(killed) +
                 " processes of an earlier start were killed");
  co_return record;
}

/// What the record and, of a host, its result line say.
std::optional<Outcome> verdict(const LeaderRecord& record, const std::string& record_dir,
                               const RunnerPolicy& policy) {
  std::optional<ResultEvent> result;
  if (const auto line = read_whole(record_dir + "/result")) {
    auto event = parse_event_line(text::trim(*line), Speaker::host);
    if (event)
      if (const auto* said = std::get_if<ResultEvent>(&*event)) result = *said;
  }
  if (record.end && record.end->cause == StopCause::interrupt) return std::nullopt;
  if (record.end && record.end->cause != StopCause::none)
    return outcome_of(record.end->cause, policy);
  if (result) return outcome_of(*result);
  if (!record.end || record.host_released) return std::nullopt;
  if (record.end->kind == JobEnd::Kind::leader_lost) return std::nullopt;
  if (shortage_of(*record.end, policy) != 0) return std::nullopt;  // it waited for its next try
  return outcome_of(*record.end, policy);
}

/// Where an attempt left what. Records of earlier versions do not say it, and their names could be
/// those of other jobs too: they count for such records only.
struct Left {
  std::string workspace, log_file;  // no workspace: empty
};
Left left_by(const OpenAttempt& attempt, const RunPlace& place) {
  const Job& job = attempt.job;
  auto note = read_whole(attempt.record_dir + "/workspace");
  if (!note) {
    const std::string name = text::slug(job.key) + "-" + std::to_string(job.attempt);
    return {place.work_dir + "/" + name,
            place.log_dir + "/" + text::slug(job.queue) + "/" + name + ".log"};
  }
  Left left{"", place.log_dir + "/" + JobLog::name_of(job)};
  if (note->ends_with('\n')) note->pop_back();
  if (Workspace::is_named_after(*note, job)) left.workspace = *note;
  return left;
}

/// Where it was told that its artifacts go; as good as it can be said now, if that is not noted or
/// the configuration names another place since.
std::string output_dir_of(const OpenAttempt& attempt, const ArtifactOrder& order) {
  auto note = read_whole(attempt.record_dir + "/output-dir");
  if (!note || !note->ends_with('\n')) return order.output_dir;
  note->pop_back();
  const auto parts = text::split(*note, '/');
  const bool is_below = note->starts_with(order.output_top == "/" ? "/" : order.output_top + "/");
  const bool leads_up = std::find(parts.begin(), parts.end(), "..") != parts.end();
  return is_below && !leads_up ? *note : order.output_dir;
}

}  // namespace

Result<std::optional<LeaderRecord>> read_leader_record(const std::string& record_dir) {
  const std::string path = record_dir + "/leader";
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::optional<LeaderRecord>();
  if (!file) return Error::of_system(path, errno);

  LeaderRecord record;
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error::of_system(path, errno);
    record.running = true;
  }
  // After the lock was tried: what is read of a free record is final.
  char bytes[1024];
  const ssize_t count = ::pread(file.get(), bytes, sizeof bytes - 1, 0);
  if (count < 0) return Error::of_system(path, errno);
  bytes[count] = 0;

  unsigned version = 0;
  unsigned long long start_time = 0;
  char boot[64] = "", id[64] = "";
  int begin_size = 0;
  const int fields =
      std::sscanf(bytes, "rbit-leader %u\npid %d\nstart %llu\nboot %60s\nid %60s\n%n", &version,
                  &record.pid, &start_time, boot, id, &begin_size);
  if (fields != 5 || version != wire::version) return std::optional<LeaderRecord>(record);
  record.start_time = start_time;
  record.boot_id = boot;
  record.leader_id = id;
  if (!record.running)
    parse_end(std::string(bytes, static_cast<std::size_t>(count)),
              static_cast<std::size_t>(begin_size), record);
  return std::optional<LeaderRecord>(record);
}

Result<void> note_workspace(const std::string& record_dir, const std::string& root) {
  return write_whole(record_dir + "/workspace", root + "\n");
}

Result<void> note_output_dir(const std::string& record_dir, const std::string& output_dir) {
  return write_whole(record_dir + "/output-dir", output_dir + "\n");
}

Task<std::optional<Outcome>> recover_attempt(OpenAttempt attempt, RunnerPolicy policy,
                                             RunPlace place, const std::atomic<bool>* stop) {
  const auto record = co_await ended_record(attempt.record_dir, "job " + attempt.job.key,
                                            policy.grace, place.cgroups);

  const auto [workspace, log_file] = left_by(attempt, place);
  std::optional<Outcome> outcome = read_outcome(attempt.record_dir);
  if (!outcome && record) {
    outcome = verdict(*record, attempt.record_dir, policy);
    // Done it is only together with what it sends, and its events may not have been read.
    if (outcome && outcome->kind == Outcome::Kind::done && policy.may_send()) {
      log::warning("job " + attempt.job.key +
                   " was done, but what it sends was not on record yet: it runs again");
      outcome.reset();
    }
    if (outcome && record->end) note_use(*outcome, *record->end);
    if (outcome && !workspace.empty() && policy.artifacts_when.contains(outcome->kind)) {
      ArtifactOrder order = artifact_order(attempt.job, workspace, policy, place);
      order.output_dir = output_dir_of(attempt, order);
      if (const auto account = find_account(policy.user); account && account->uid != ::geteuid())
        order.account = account->uid;
      order.named = read_artifact_notes(attempt.record_dir);
      fill_in(order, policy, outcome->kind);
      order.stop = stop;
      const auto collected = co_await collect_artifacts(std::move(order));
      if (!collected && stop != nullptr && *stop) co_return std::nullopt;
      note_artifacts(*outcome, collected);
      // No fault of the job's, and nobody can wait for it here: it runs again.
      if (!collected && is_shortage(collected.error().number)) {
        log::error("job " + attempt.job.key +
                   " runs again, its artifacts could not be kept: " + collected.error().text() +
                   " (" + cure_of_shortage(collected.error().number) + ")");
        outcome = outcome_of(StopCause::interrupt, policy);
      }
    }
  }
  if (outcome && outcome->log_file.empty() && ::access(log_file.c_str(), F_OK) == 0)
    outcome->log_file = log_file;
  if (!policy.keep_work && !workspace.empty())
    if (auto removed = co_await remove_tree_aside(workspace); !removed)
      log::warning(removed.error().text());
  co_return outcome;
}

Task<void> end_leftover(std::string record_dir, std::string what, milliseconds grace,
                        RunPlace place) {
  const auto record = co_await ended_record(record_dir, what, grace, place.cgroups);
  if (auto workspace = read_whole(record_dir + "/workspace")) {
    if (workspace->ends_with('\n')) workspace->pop_back();
    const bool is_ours = text::directory_of(*workspace) == place.work_dir;
    if (is_ours)
      if (const auto removed = co_await remove_tree_aside(*workspace); !removed)
        log::warning(what + ": " + removed.error().text());
  }
  if (const auto removed = co_await remove_tree_aside(record_dir); !removed)
    log::warning(what + ": " + removed.error().text());
}

void sync_record(const std::string& record_dir) {
  const Fd directory(::open(record_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return;
  for (const char* name : {"leader", "result", "outcome"}) {
    const Fd file(::openat(directory.get(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (file) (void)::fsync(file.get());
  }
  (void)::fsync(directory.get());
}

}  // namespace rbit
