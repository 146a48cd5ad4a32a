#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/core/message_kind.h"
#include "rbit/core/outcome.h"
#include "rbit/core/publication.h"

namespace rbit {

/// A metric that jobs of a runner may change. Its name says what it is: a counter's ends in _total,
/// any other is a gauge.
struct MetricDeclaration {
  std::string name;
  std::vector<std::string> labels;  // the names of all it has
};

/// What a [runner:NAME] section says beside its runner line. Defaults as in conf/rbit.ini.
struct RunnerPolicy {
  MessageKind message = MessageKind::pybit;
  std::string schema;  // an absolute path; empty: none
  OnInvalid on_invalid = OnInvalid::dead;
  /// Where its jobs may publish: patterns of keys, * within a word, # for any rest.
  std::vector<Destination> may_publish;
  bool reply = false;                          // the end of a job goes to the message's reply_to
  std::optional<Destination> on_done_publish;  // a done job's result goes there
  std::vector<MetricDeclaration> metrics;
  /// Whether what its jobs say on descriptor 3 counts beyond themselves: a verdict without it is
  /// none.
  bool may_send() const {
    return !may_publish.empty() || reply || on_done_publish || !metrics.empty() ||
           message == MessageKind::task;
  }

  /// How many messages may be here ahead of its slots while its jobs are short; none: by the kind
  /// of its messages, for builds are long.
  std::optional<int> prefetch_ahead;
  int most_ahead() const {
    return prefetch_ahead.value_or(message == MessageKind::pybit ? 0 : usual_ahead);
  }
  static constexpr int usual_ahead = 16;

  int slots = 0;                              // this runner's share; 0: no limit of its own
  std::chrono::milliseconds timeout{0};       // of one attempt; 0: none
  std::chrono::milliseconds idle_timeout{0};  // without output or event; 0: none
  std::chrono::milliseconds grace{10'000};    // between the first signal and SIGKILL
  /// The first signal, if the section names one. Else a cancel begins as PyBit's client began it,
  /// with SIGINT, which sbuild and its like clean up after.
  std::optional<int> cancel_signal;
  int signal_of_cancel() const { return cancel_signal.value_or(SIGINT); }
  int signal_of_stop() const { return cancel_signal.value_or(SIGTERM); }

  /// A message is acknowledged this long after its delivery, once its job is on record as ours;
  /// none: only when the job has ended.
  std::optional<std::chrono::milliseconds> ack_after = std::chrono::minutes(10);

  int attempts = 5;                               // before Blocked becomes Failed
  std::chrono::milliseconds retry_delay{60'000};  // doubled each time, up to the ceiling
  std::chrono::milliseconds retry_ceiling{7'200'000};

  std::set<int> blocked_exit_codes{75};
  /// Exit codes as rabbitmq-cli-consumer's --strict-exit-code reads them, not the set above.
  bool strict_exit_codes = false;
  int metadata_fd = 0;                 // where a shell line finds the message's properties; 0: none
  int keep_warm = 1000;                // jobs a host does before it is replaced; 1: always fresh
  std::vector<std::string> artifacts;  // globs below the work directory
  std::vector<std::string> artifacts_required;  // the same; nothing of one of them: Failed
  std::set<Outcome::Kind> artifacts_when{Outcome::Kind::done, Outcome::Kind::failed};
  std::string output_dir;  // absolute, with placeholders; empty: `output` below the state directory
  bool keep_work = false;
  std::int64_t log_limit = 16 << 20;       // bytes of output kept
  std::int64_t output_limit = 0;           // bytes a job may write, kept or not; 0: any number
  std::map<std::string, std::string> env;  // env.NAME
  std::vector<std::string> pass_env;
  std::string user;  // empty: ours
  int nice = 5;
  std::int64_t max_memory =
      0;                  // bytes, of each process and, in a control group, of all; 0: no limit
  int max_processes = 0;  // of a job in a control group, else of its user; 0: no limit

  /// Every key of the section and of [DEFAULT], lower-cased, `runner` and the policy keys too: what
  /// the runner gets as its settings.
  std::map<std::string, std::string> settings;
};

}  // namespace rbit
