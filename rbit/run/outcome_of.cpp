#include "rbit/run/outcome_of.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iterator>
#include <vector>

#include "rbit/base/json.h"
#include "rbit/base/shortage.h"
#include "rbit/base/text.h"
#include "rbit/run/directories.h"
#include "rbit/run/output_dir.h"

namespace rbit {

namespace {

using Kind = Outcome::Kind;

std::string seconds(std::chrono::milliseconds time) {
  const auto count = time.count();
  if (count % 1000 == 0) return std::to_string(count / 1000) + " s";
  return std::to_string(count) + " ms";
}

/// Says why a signal that is not ours came for want of memory, or returns "" if it did not.
std::string want_of_memory(const JobEnd& end, const RunnerPolicy& policy) {
  if (end.code == SIGKILL && end.oom_kills > 0) return "the kernel killed it for want of memory";
  // Address space ends a little before it is all in use: allocators ask for large pieces.
  const std::int64_t limit_kib = policy.max_memory / 1024;
  if (limit_kib == 0 || end.peak_memory_kib < limit_kib - limit_kib / 8) return "";
  return "it had " + std::to_string(end.peak_memory_kib / 1024) + " MiB of the " +
         std::to_string(limit_kib / 1024) + " MiB that max-memory allows";
}

/// rabbitmq-cli-consumer's codes: reject and nack, each without requeue (final) or with it (tried
/// again, later and not for ever). After any other code it stops, its message requeued; here the
/// job has not said what it wants, like one that crashed, and the others go on.
Outcome strict_end(const JobEnd& end) {
  if (end.code == 3 || end.code == 5) return make_outcome(Kind::failed, to_string(end));
  if (end.code == 4 || end.code == 6) return make_outcome(Kind::blocked, to_string(end));
  return make_outcome(Kind::crashed, to_string(end), "exit-codes = strict knows 0, 3, 4, 5 and 6");
}

Outcome own_end(const JobEnd& end, const RunnerPolicy& policy) {
  switch (end.kind) {
    case JobEnd::Kind::exited:
      if (end.code == 0) return make_outcome(Kind::done, "");
      if (policy.strict_exit_codes) return strict_end(end);
      return make_outcome(
          policy.blocked_exit_codes.contains(end.code) ? Kind::blocked : Kind::failed,
          to_string(end));
    case JobEnd::Kind::signalled:
      if (const std::string why = want_of_memory(end, policy); !why.empty())
        return make_outcome(Kind::crashed, "memory", to_string(end) + ": " + why);
      return make_outcome(Kind::crashed, to_string(end));
    case JobEnd::Kind::not_started: {
      Outcome outcome = make_outcome(Kind::not_started, "not-started", to_string(end));
      outcome.shortage = shortage_of(end, policy);
      return outcome;
    }
    case JobEnd::Kind::leader_lost:
      return make_outcome(Kind::crashed, "signal KILL", "its leader died");
  }
  return {};
}

}  // namespace

Outcome make_outcome(Kind kind, std::string reason, std::string message) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.reason = std::move(reason);
  outcome.message = std::move(message);
  return outcome;
}

Outcome outcome_of(StopCause cause, const RunnerPolicy& policy) {
  switch (cause) {
    case StopCause::none:
      break;
    case StopCause::cancel:
      return make_outcome(Kind::cancelled, "cancelled");
    case StopCause::interrupt:
      return make_outcome(Kind::interrupted, "interrupted");
    case StopCause::timeout:
      return make_outcome(Kind::timed_out, "timeout", "not done after " + seconds(policy.timeout));
    case StopCause::idle:
      return make_outcome(Kind::timed_out, "idle", "silent for " + seconds(policy.idle_timeout));
    case StopCause::output:
      // It would write as much the next time.
      return make_outcome(Kind::failed, "output",
                          "it wrote more than the " + std::to_string(policy.output_limit) +
                              " bytes that output-limit allows");
  }
  return {};
}

Outcome outcome_of(const JobEnd& end, const RunnerPolicy& policy) {
  Outcome outcome = end.cause == StopCause::none || end.kind == JobEnd::Kind::not_started
                        ? own_end(end, policy)
                        : outcome_of(end.cause, policy);
  note_use(outcome, end);
  return outcome;
}

void note_use(Outcome& outcome, const JobEnd& end) {
  const bool ended = end.kind == JobEnd::Kind::exited || end.kind == JobEnd::Kind::signalled;
  if (ended && !end.is_host_alive) outcome.exit = to_string(end);
  outcome.cpu_micros = end.cpu_micros;
  outcome.peak_memory_kib = end.peak_memory_kib;
}

Outcome outcome_of(const ResultEvent& result) {
  const bool done = result.kind == Kind::done;
  Outcome outcome =
      make_outcome(result.kind, done ? "" : std::string(to_string(result.kind)), result.message);
  if (!result.value.empty()) outcome.given.result = json::redacted(result.value);
  return outcome;
}

int shortage_of(const JobEnd& end, const RunnerPolicy& policy) {
  if (end.kind != JobEnd::Kind::not_started || !is_shortage(end.code)) return 0;
  // Its own limits are set by then.
  const bool limited = (end.code == EAGAIN && policy.max_processes > 0) ||
                       (end.code == ENOMEM && policy.max_memory > 0);
  return limited && end.step != wire::Step::record ? 0 : end.code;
}

Outcome died_before_start() {
  return make_outcome(Kind::interrupted, "not-started", "rbit died before it was started");
}

Outcome not_started(const Error& why) {
  Outcome outcome = make_outcome(Kind::not_started, "not-started", why.text());
  if (is_shortage(why.number)) outcome.shortage = why.number;
  return outcome;
}

ArtifactOrder artifact_order(const Job& job, const std::string& workspace,
                             const RunnerPolicy& policy, const RunPlace& place) {
  const OutputDir output = OutputDir::of_runner(policy, place.output_dir);
  ArtifactOrder order;
  order.work_dir = workspace + "/work";
  order.tmp_dir = workspace + "/tmp";
  order.output_dir = output.of(job);
  order.output_top = output.top();
  order.output_mode = output_mode(order.output_dir, place.state_dir);
  order.work_stays = policy.keep_work;
  return order;
}

void fill_in(ArtifactOrder& order, const RunnerPolicy& policy, Kind kind) {
  const bool done = kind == Kind::done;
  order.globs = policy.artifacts;
  order.required = policy.artifacts_required;
  // One that has failed already keeps what there is.
  order.strict = done;
  order.needs_required = done && !policy.artifacts_when.contains(Kind::failed);
}

void note_artifacts(Outcome& outcome, const Result<KeptArtifacts>& kept) {
  std::string words;
  if (kept) {
    outcome.artifacts = kept->artifacts;
    const auto& all = kept->passed_over;
    const std::vector<std::string> some(all.begin(),
                                        all.begin() + std::min<std::ptrdiff_t>(3, std::ssize(all)));
    if (!all.empty()) words = "not kept: " + text::join(some, "; ");
    if (all.size() > some.size())
      words += "; and " + std::to_string(all.size() - some.size()) + " more, see the job's log";
  }
  if (outcome.kind == Kind::done && (!kept || !kept->missing.empty())) {
    outcome.kind = Kind::failed;
    outcome.reason = "artifact";
    outcome.message = kept ? "artifacts-required: " + text::join(kept->missing, ", ") +
                                 (kept->missing.size() == 1 ? " matches" : " match") +
                                 " nothing that could be kept"
                           : kept.error().text();
  }
  if (!kept && outcome.reason != "artifact") words = "not kept: " + kept.error().text();
  if (!words.empty()) outcome.message += (outcome.message.empty() ? "" : "; ") + words;
}

}  // namespace rbit
