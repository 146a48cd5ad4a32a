#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rbit/core/message.h"
#include "rbit/core/outcome.h"
#include "rbit/core/status.h"

namespace rbit {

/// The target of the rows that are no reports but what jobs publish.
inline constexpr const char* publication_target = "publish";

/// The target of the rows that nobody sends: what a job said of itself while it ran, as rbit's log
/// and `rbit explain` have it.
inline constexpr const char* log_target = "log";

/// The message id by which who gets something of a job tells a repeat from another: a key, an
/// attempt, and a number within the job.
std::string message_id_of(const std::string& key, int attempt, int number);

/// The job's name for JSON: PyBit's number as it is, without zeros in front, or the key of a job
/// that has none, as text in ASCII. Empty: the number is none.
std::string json_name_of(const std::string& job_id, const std::string& key);

/// "exit 2: make: *** No rule": the reason word and the text for people, as far as there are any.
std::string explanation(const std::string& reason, const std::string& message);

/// One status of one job on its way to a front-end. (attempt, seq) rises strictly within a
/// job; one that is told again has the numbers of the first time.
struct Report {
  std::int64_t id = 0;  // row in the outbox, 0 before it is there
  std::string target;   // the sink's name; the journal makes one row for each target
  std::string job_key;
  std::string job_id;  // PyBit's id, digits
  std::string queue;
  std::string web_host;  // as the message has it; trusted by nobody
  int attempt = 1;
  int seq = 0;  // given by the journal
  Status status = Status::waiting;
  std::string reason;     // reason word, may be empty
  std::string message;    // for people, may be empty
  std::int64_t time = 0;  // microseconds since 1970
  int tries = 0;          // how often it was sent in vain

  // Of an attempt's end, from the journal: how its process ended and what it used (see Outcome).
  // Empty and 0 while it goes on, and where it is not known.
  std::string exit;
  std::int64_t wall_micros = 0, cpu_micros = 0, peak_memory_kib = 0, output_bytes = 0;

  /// When its attempt began and ended, microseconds since 1970; 0: not known, or not yet.
  std::int64_t begun = 0, ended = 0;

  // Of the job, as the journal has it when the report is read there.
  std::string runner, package, version;  // the last two of a build alone
  std::string result;                    // as JSON; empty: none
  std::vector<Artifact> artifacts;

  /// Of a target that carries messages: the one that is sent, or the one that asked for the job.
  Message carried;
  std::string request;  // of the latter: kind and build request (core/message_codec.h)

  /// What people call the job: PyBit's number, or its key where it has none.
  const std::string& name() const { return job_id.empty() ? job_key : job_id; }
};

}  // namespace rbit
