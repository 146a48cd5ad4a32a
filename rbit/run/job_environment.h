#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/core/job.h"
#include "rbit/core/message_fact.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/account.h"

namespace rbit {

/// The setting that no job finds in its environment: the line that runs it, which is as long as it
/// likes and may name what is nobody's business.
inline constexpr std::string_view runner_key = "runner";

/// The places a job is told of, all absolute.
struct JobPlaces {
  std::string work_dir, message_file, output_dir;
  std::string config_dir{};  // of the INI file; empty: not told
};

/// What rbit-runner(7) promises a shell job, beside the `base_environment`.
struct JobEnvironment {
  struct LeftOut {
    std::string name;  // of the variable
    std::string why;   // as a sentence about the message's text for it
  };

  std::vector<std::string> variables;  // "RBIT_PACKAGE=m1234", ...
  /// Those whose value cannot be there. They are set to nothing and RBIT_LEFT_OUT names them: a job
  /// whose line needs one of them (RunnerLine::variables) must not be started.
  std::vector<LeftOut> left_out;
};

/// All RBIT_* together stay below this, so that a long message cannot make exec fail (E2BIG).
inline constexpr std::size_t job_environment_limit = 64 * 1024;
/// Of its headers, and of its members, as many have a variable.
inline constexpr std::size_t most_fact_variables = 200;
/// Bytes: the longest name of a variable that a message may cause, and the whole of RBIT_LEFT_OUT.
inline constexpr std::size_t longest_fact_variable = 128, longest_left_out = 1024;

/// `facts`: those of the runner's line, which become RBIT_FACT_1 and so on.
JobEnvironment job_environment(const Job& job, const std::map<std::string, std::string>& settings,
                               const JobPlaces& places, const std::vector<MessageFact>& facts = {});

/// The environment of every job and host, from empty: PATH, HOME if the account has one, USER,
/// LOGNAME, SHELL, TERM, LANG, TZ, and what `pass-env` and `env.NAME` say, the latter last. RBIT_*
/// is not in it.
/// Pure but for `pass-env` and TZ, which are read from ours.
std::vector<std::string> base_environment(const Account& account, const RunnerPolicy& policy);

/// Returns whether `name` is set in it.
bool has_variable(const std::vector<std::string>& environment, const std::string& name);
/// Sets `name` to `value` unless it is set.
void set_default(std::vector<std::string>& environment, const std::string& name,
                 const std::string& value);

/// The properties and the delivery of a message as JSON, in the shape that rabbitmq-cli-consumer
/// gives its programs with --pipe: the same members in the same order, all of them, those of what
/// a message does not have empty. The body is not read.
std::string message_metadata(const MessageHead& message, const std::string& queue);

}  // namespace rbit
