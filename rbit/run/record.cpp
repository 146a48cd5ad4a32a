#include "rbit/run/record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "rbit/base/clock.h"
#include "rbit/base/fd.h"
#include "rbit/base/json.h"
#include "rbit/base/names.h"
#include "rbit/base/shortage.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"
#include "rbit/run/account.h"
#include "rbit/run/artifacts.h"
#include "rbit/run/event_line.h"
#include "rbit/run/job_log.h"
#include "rbit/run/outcome_file.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/process.h"
#include "rbit/run/record_slots.h"
#include "rbit/run/whole_file.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace {

/// Who the leader is; `size`: of what says it. Returns false if it does not stand there.
bool parse_begin(const std::string& text, unsigned& version, LeaderRecord& record, int& size) {
  unsigned long long start_time = 0;
  char boot[64] = "", id[64] = "";
  const int fields =
      std::sscanf(text.c_str(), "rbit-leader %u\npid %d\nstart %llu\nboot %60s\nid %60s\n%n",
                  &version, &record.pid, &start_time, boot, id, &size);
  if (fields != 5) return false;
  record.start_time = start_time;
  record.boot_id = boot;
  record.leader_id = id;
  return true;
}

/// One of the lines of wire.
void parse_end(const std::string& end_line, LeaderRecord& record) {
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

/// The end in a record of an earlier version, if the sum says that it is whole.
std::string old_end(const std::string& text, std::size_t begin_size) {
  const std::size_t sum_at = text.rfind("sum ");
  if (sum_at == std::string::npos || sum_at < begin_size) return {};
  char line[64];
  std::snprintf(line, sizeof line, wire::record_sum_format,
                static_cast<unsigned long long>(wire::sum(text.data(), sum_at)));
  if (text.compare(sum_at, std::string::npos, line) != 0) return {};
  return text.substr(begin_size, sum_at - begin_size);
}

/// What the leader of that slot's job wrote, if it is of this version.
void parse_slot(const RecordName& name, LeaderRecord& record) {
  const auto begin = read_part(name, record::begin_part);
  unsigned version = 0;
  int size = 0;
  LeaderRecord its;
  if (!begin || !parse_begin(*begin, version, its, size) || version != wire::version) return;
  its.running = record.running;
  record = std::move(its);
  const auto end = read_part(name, record::end_part);
  char of[24];
  std::snprintf(of, sizeof of, wire::record_of_format, record::crc32(begin->data(), begin->size()));
  if (!record.running && end && end->starts_with(of))
    parse_end(end->substr(std::strlen(of)), record);
}

void parse_old(int file, LeaderRecord& record) {
  char bytes[1024];
  const ssize_t count = ::pread(file, bytes, sizeof bytes - 1, 0);
  const std::string text(bytes, count < 0 ? 0 : static_cast<std::size_t>(count));
  unsigned version = 0;
  int size = 0;
  LeaderRecord its;
  if (!parse_begin(text, version, its, size) || version != wire::last_without_slots) return;
  its.running = record.running;
  record = std::move(its);
  if (!record.running) parse_end(old_end(text, static_cast<std::size_t>(size)), record);
}

/// Whether that pid is still the leader.
bool is_still_there(const LeaderRecord& record) {
  const auto fields = stat_of(record.pid);
  long long start_time = 0;
  return fields.size() >= 20 && text::parse_number(fields[19], 0, INT64_MAX, start_time) &&
         static_cast<std::uint64_t>(start_time) == record.start_time;
}

/// `what` it is of, for people, and `facts` of the job for the log.
Task<std::optional<LeaderRecord>> final_record(std::string record_dir, std::string what,
                                               JobFacts facts, milliseconds grace) {
  SystemClock clock;
  const SteadyTime patience = clock.steady() + grace + std::chrono::seconds(10);
  for (;;) {
    auto read = read_leader_record(record_dir);
    if (!read) {
      log::warning(what + ": " + read.error().text(), facts);
      co_return std::nullopt;
    }
    if (!*read || !(*read)->running) co_return *read;
    if (clock.steady() >= patience) {
      log::warning(what + ": its leader of an earlier start does not end; killed", facts);
      if ((*read)->pid == 0) co_return std::nullopt;  // it never began
      kill_if((*read)->pid, [&] { return is_still_there(**read); });
      (*read)->running = false;
      co_return *read;
    }
    co_await clock.sleep_for(milliseconds(20));
  }
}

Task<std::optional<LeaderRecord>> ended_record(std::string record_dir, std::string what,
                                               JobFacts facts, milliseconds grace,
                                               std::string cgroups) {
  const auto record = co_await final_record(record_dir, what, facts, grace);
  if (!record || record->end || record->host_released) co_return record;
  const int killed = co_await end_left_behind(record->leader_id, cgroups);
  if (killed > 0)
    log::warning(
        what + ": " + std::to_string(killed) + " processes of an earlier start were killed", facts);
  co_return record;
}

/// What the record and, of a host, its result line say.
std::optional<Outcome> verdict(const LeaderRecord& record, const std::string& record_name,
                               const RunnerPolicy& policy) {
  std::optional<ResultEvent> result;
  const RecordName name = RecordName::parse(record_name);
  if (const auto line = name.is_slot() ? read_part(name, record::result_part)
                                       : read_whole(name.directory + "/result")) {
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
  if (shortage_of(*record.end, policy) != 0)
    return died_before_start();  // it was to be tried again
  return outcome_of(*record.end, policy);
}

/// None: a record of an earlier version says nothing of it.
std::optional<std::string> workspace_note(const RecordName& name) {
  if (name.is_slot()) return read_notes(name.text()).workspace.value_or("");
  auto note = read_whole(name.directory + "/workspace");
  if (note && note->ends_with('\n')) note->pop_back();
  return note;
}

std::optional<std::string> output_dir_note(const RecordName& name) {
  if (name.is_slot()) return read_notes(name.text()).output_dir;
  auto note = read_whole(name.directory + "/output-dir");
  if (!note || !note->ends_with('\n')) return std::nullopt;
  note->pop_back();
  return note;
}

/// Where an attempt left what. Records of earlier versions do not say it, and their names could be
/// those of other jobs too: they count for such records only.
struct Left {
  std::string workspace, log_file;  // no workspace: empty
};
Left left_by(const OpenAttempt& attempt, const RunPlace& place) {
  const Job& job = attempt.job;
  const auto note = workspace_note(RecordName::parse(attempt.record_dir));
  if (!note) {
    const std::string name = text::slug(job.key) + "-" + std::to_string(job.attempt);
    return {place.work_dir + "/" + name,
            place.log_dir + "/" + text::slug(job.queue) + "/" + name + ".log"};
  }
  Left left{"", place.log_dir + "/" + JobLog::name_of(job)};
  if (Workspace::may_be_of(*note, job)) left.workspace = *note;
  return left;
}

/// Where it was told that its artifacts go; as good as it can be said now, if that is not noted or
/// the configuration names another place since.
std::string output_dir_of(const OpenAttempt& attempt, const ArtifactOrder& order) {
  const auto note = output_dir_note(RecordName::parse(attempt.record_dir));
  if (!note) return order.output_dir;
  const auto parts = text::split(*note, '/');
  const bool is_below = note->starts_with(order.output_top == "/" ? "/" : order.output_top + "/");
  const bool leads_up = std::find(parts.begin(), parts.end(), "..") != parts.end();
  return is_below && !leads_up ? *note : order.output_dir;
}

/// Our death before X: the slot of its record is there, and no leader has written who it is.
bool never_began(const OpenAttempt& attempt) {
  const RecordName name = RecordName::parse(attempt.record_dir);
  if (!attempt.is_of_this_boot || !name.is_slot() || ::access(name.file().c_str(), F_OK) != 0)
    return false;
  const auto read = read_leader_record(attempt.record_dir);
  return read && !*read;
}

}  // namespace

Result<std::optional<LeaderRecord>> read_leader_record(const std::string& record_name) {
  const RecordName name = RecordName::parse(record_name);
  const std::string path = name.is_slot() ? name.file() : name.directory + "/leader";
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::optional<LeaderRecord>();
  if (!file) return Error::of_system(path, errno);

  LeaderRecord record;
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error::of_system(path, errno);
    record.running = true;
  }
  // After the lock was tried: what is read of a free record is final.
  if (!name.is_slot()) {
    parse_old(file.get(), record);
    return std::optional<LeaderRecord>(std::move(record));
  }
  parse_slot(name, record);
  // One that holds it may not have begun yet.
  if (record.pid == 0 && !record.running) return std::optional<LeaderRecord>();
  return std::optional<LeaderRecord>(std::move(record));
}

Result<void> note_workspace(const std::string& record, const std::string& root) {
  RecordNotes notes = read_notes(record);
  notes.workspace = root;
  return write_notes(record, notes);
}

Result<void> note_output_dir(const std::string& record, const std::string& output_dir) {
  RecordNotes notes = read_notes(record);
  notes.output_dir = output_dir;
  return write_notes(record, notes);
}

Task<std::optional<Outcome>> recover_attempt(OpenAttempt attempt, RunnerPolicy policy,
                                             RunPlace place, const std::atomic<bool>* stop) {
  const JobFacts facts = facts_of(attempt.job);
  const auto record = co_await ended_record(attempt.record_dir, "job " + attempt.job.key, facts,
                                            policy.grace, place.cgroups);

  const auto [workspace, log_file] = left_by(attempt, place);
  std::optional<Outcome> outcome = read_outcome(attempt.record_dir);
  if (!outcome && !record && never_began(attempt)) outcome = died_before_start();
  if (!outcome && record) {
    outcome = verdict(*record, attempt.record_dir, policy);
    // Done it is only together with what it sends, and its events may not have been read.
    if (outcome && outcome->kind == Outcome::Kind::done && policy.may_send()) {
      log::warning("job " + attempt.job.key +
                       " was done, but what it sends was not on record yet: it runs again",
                   facts);
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
                       " (" + cure_of_shortage(collected.error().number) + ")",
                   facts);
        outcome = outcome_of(StopCause::interrupt, policy);
      }
    }
  }
  if (outcome && outcome->log_file.empty() && ::access(log_file.c_str(), F_OK) == 0)
    outcome->log_file = log_file;
  if (!workspace.empty()) {
    Result<void> ended;
    if (policy.keep_work)
      ended = Workspace::keep_as_named(workspace, attempt.job);
    else
      ended = co_await remove_tree_aside(workspace);
    if (!ended) log::warning("job " + attempt.job.key + ": " + ended.error().text(), facts);
  }
  co_return outcome;
}

Task<void> end_leftover(std::string directory, std::string what, milliseconds grace,
                        RunPlace place) {
  const RecordName name = record_in(directory);
  const JobFacts none;
  const auto record = co_await ended_record(name.text(), what, none, grace, place.cgroups);
  if (const auto workspace = workspace_note(name)) {
    const bool is_ours = text::directory_of(*workspace) == place.work_dir;
    if (is_ours)
      if (const auto removed = co_await remove_tree_aside(*workspace); !removed)
        log::warning(what + ": " + removed.error().text());
  }
  if (const auto removed = co_await remove_tree_aside(directory); !removed)
    log::warning(what + ": " + removed.error().text());
}

void sync_record(const std::string& record) {
  const RecordName name = RecordName::parse(record);
  const Fd directory(::open(name.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return;
  for (const std::string& path : {name.file(), name.beside("outcome"), name.beside("artifacts"),
                                  name.directory + "/leader", name.directory + "/result"}) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file) (void)::fsync(file.get());
  }
  (void)::fsync(directory.get());
  const Fd above(::openat(directory.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (above) (void)::fsync(above.get());
}

}  // namespace rbit
