#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/result.h"

namespace rbit::plugin_host {

/// Settings of a runner, ordered by key.
using Settings = std::vector<std::pair<std::string, std::string>>;

using Texts = std::map<std::string, std::string, std::less<>>;

/// Where its verdict is kept before it is sent (run/record_layout.h).
struct KeptRecord {
  std::string file;  // empty: nowhere
  std::uint64_t serial = 0;
};

/// What a job line says (rbit-runner(7)).
struct JobData {
  std::string id, queue, payload;
  std::string kind = "pybit";  // of its message: pybit, json, raw or task
  std::string token;           // for its events; none with --once
  std::string work_dir, tmp_dir, home_dir;
  KeptRecord record;
  std::uint32_t attempt = 1;
  Texts fields;
  Texts headers;
  Settings settings;
};

/// A job line of rbit-runner(7).
Result<JobData> parse_job(const std::string& line);

/// What `--once` reads: a job line, or a PyBit build request (as `rbit try` takes it), which then
/// runs in the current directory.
Result<JobData> parse_job_or_request(const std::string& text);

/// What `--once --message KIND` reads: a message of that kind, any but pybit. It runs in the
/// current directory.
JobData job_of_message(const std::string& kind, std::string body);

}  // namespace rbit::plugin_host
