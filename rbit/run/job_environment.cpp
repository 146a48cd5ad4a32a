#include "rbit/run/job_environment.h"

#include <array>
#include <utility>

#include "rbit/core/runner_words.h"

namespace rbit {

namespace {

constexpr std::array<Placeholder, 12> table{{
    {"ID", "RBIT_PACKAGE", [](const Job& job) { return job.request.package; }},
    {"VERSION", "RBIT_VERSION", [](const Job& job) { return job.request.version; }},
    {"ARCH", "RBIT_ARCH", [](const Job& job) { return job.request.arch; }},
    {"SUITE", "RBIT_SUITE", [](const Job& job) { return job.request.suite; }},
    {"DIST", "RBIT_DIST", [](const Job& job) { return job.request.dist; }},
    {"FORMAT", "RBIT_FORMAT", [](const Job& job) { return job.request.format; }},
    {"ENV", "RBIT_BUILD_ENV", [](const Job& job) { return job.request.build_env; }},
    {"METHOD", "RBIT_METHOD", [](const Job& job) { return job.request.method; }},
    {"URI", "RBIT_URI", [](const Job& job) { return job.request.uri; }},
    {"VCS", "RBIT_VCS_ID", [](const Job& job) { return job.request.vcs_id; }},
    {"JOB", "RBIT_JOB_ID", [](const Job& job) { return job.request.job_id; }},
    {"STAMP", "RBIT_TIMESTAMP", [](const Job& job) { return std::to_string(job.timestamp); }},
}};

/// Takes variables as long as there is room.
class Collector {
 public:
  void add(std::string_view name, std::string_view value) {
    const std::size_t size = name.size() + 1 + value.size() + 1;  // "NAME=value" and its NUL
    if (value.find('\0') != std::string_view::npos || size > room_) {
      environment_.left_out.emplace_back(name);
      return;
    }
    room_ -= size;
    environment_.variables.push_back(std::string(name).append("=").append(value));
  }
  JobEnvironment take() { return std::move(environment_); }

 private:
  JobEnvironment environment_;
  std::size_t room_ = job_environment_limit - 1;
};

}  // namespace

std::span<const Placeholder> placeholders() {
  return table;
}

JobEnvironment job_environment(const Job& job, const std::map<std::string, std::string>& settings,
                               const JobPlaces& places) {
  // What we and the configuration say comes first: a message cannot crowd it out. The old member
  // `commands` has no bound of its own, so it comes last.
  Collector environment;
  environment.add("RBIT_QUEUE", job.queue);
  environment.add("RBIT_RUNNER", job.runner);
  environment.add("RBIT_ATTEMPT", std::to_string(job.attempt));
  environment.add("RBIT_REDELIVERED", job.redelivered ? "1" : "0");
  environment.add("RBIT_WORK_DIR", places.work_dir);
  environment.add("RBIT_MESSAGE_FILE", places.message_file);
  environment.add("RBIT_OUTPUT_DIR", places.output_dir);
  if (!places.config_dir.empty()) environment.add("RBIT_CONFIG_DIR", places.config_dir);
  for (const auto& [key, value] : settings)
    if (key != runner_key) environment.add(setting_variable(key), value);
  environment.add("RBIT_MASTER", job.request.master ? "1" : "0");
  for (const auto& placeholder : table)
    environment.add(placeholder.variable, placeholder.value(job));
  environment.add("RBIT_COMMANDS", job.request.commands);
  return environment.take();
}

}  // namespace rbit
