#include "rbit/run/job_environment.h"

#include <utility>

#include "rbit/core/job_field.h"
#include "rbit/core/runner_words.h"

namespace rbit {

namespace {

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
  for (const JobField& field : job_fields)
    if (!field.variable.empty()) environment.add(field.variable, field.value(job));
  return environment.take();
}

}  // namespace rbit
