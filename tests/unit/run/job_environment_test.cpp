#include "rbit/run/job_environment.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace rbit {

namespace {

Job sample() {
  Job job;
  job.queue = "any_any_latex_pdf";
  job.runner = "pdf";
  job.attempt = 2;
  job.redelivered = true;
  job.timestamp = 1367322533;
  job.request = {"36",  "m9000", "1.1",         "any", "latex",   "cnx",        "pdf",
                 "env", "git",   "https://x/y", "abc", "host:80", "echo $(id)", true};
  return job;
}

bool has(const JobEnvironment& environment, const std::string& variable) {
  const auto& all = environment.variables;
  return std::find(all.begin(), all.end(), variable) != all.end();
}

std::size_t total(const JobEnvironment& environment) {
  std::size_t sum = 0;
  for (const auto& variable : environment.variables) sum += variable.size() + 1;
  return sum;
}

}  // namespace

TEST_CASE("a job finds its fields and its section in the environment") {
  const auto environment =
      job_environment(sample(), {{"oer.exports-dir", "/srv/a b"}, {"runner", "shell!x"}},
                      {"/w/work", "/w/message", "/out"});
  for (const std::string variable : {"RBIT_PACKAGE=m9000",
                                     "RBIT_VERSION=1.1",
                                     "RBIT_ARCH=any",
                                     "RBIT_SUITE=latex",
                                     "RBIT_DIST=cnx",
                                     "RBIT_FORMAT=pdf",
                                     "RBIT_BUILD_ENV=env",
                                     "RBIT_METHOD=git",
                                     "RBIT_URI=https://x/y",
                                     "RBIT_VCS_ID=abc",
                                     "RBIT_JOB_ID=36",
                                     "RBIT_TIMESTAMP=1367322533",
                                     "RBIT_QUEUE=any_any_latex_pdf",
                                     "RBIT_RUNNER=pdf",
                                     "RBIT_ATTEMPT=2",
                                     "RBIT_REDELIVERED=1",
                                     "RBIT_MASTER=1",
                                     "RBIT_COMMANDS=echo $(id)",
                                     "RBIT_MESSAGE_FILE=/w/message",
                                     "RBIT_WORK_DIR=/w/work",
                                     "RBIT_OUTPUT_DIR=/out",
                                     "RBIT_SETTING_OER_EXPORTS_DIR=/srv/a b"}) {
    CHECK_MESSAGE(has(environment, variable), variable);
  }
  CHECK(environment.variables.size() == 22);  // not the runner's own line
  CHECK(environment.left_out.empty());
}

TEST_CASE("what is missing in a message is empty, not unset") {
  const auto environment = job_environment(Job(), {}, {});
  CHECK(has(environment, "RBIT_VCS_ID="));
  CHECK(has(environment, "RBIT_COMMANDS="));
  CHECK(has(environment, "RBIT_MASTER=0"));
  CHECK(has(environment, "RBIT_REDELIVERED=0"));
}

TEST_CASE("a long message cannot make the environment too large") {
  Job job = sample();
  job.request.commands = std::string(1 << 20, 'x');
  auto environment = job_environment(job, {}, {});
  CHECK(environment.left_out == std::vector<std::string>{"RBIT_COMMANDS"});
  CHECK(has(environment, "RBIT_PACKAGE=m9000"));

  job.request.uri = std::string(60'000, 'x');
  job.request.vcs_id = std::string(60'000, 'x');
  environment = job_environment(job, {{"key", std::string(1000, 'x')}}, {});
  CHECK(environment.left_out == std::vector<std::string>{"RBIT_VCS_ID", "RBIT_COMMANDS"});
  CHECK(total(environment) < job_environment_limit);
}

TEST_CASE("the environment's limit: what just fits, and one byte more") {
  Job job = sample();
  job.request.commands.clear();
  const std::size_t room = job_environment_limit - 1 - total(job_environment(job, {}, {}));
  job.request.commands = std::string(room, 'x');
  auto environment = job_environment(job, {}, {});
  CHECK(environment.left_out.empty());
  CHECK(total(environment) == job_environment_limit - 1);
  job.request.commands += 'x';
  environment = job_environment(job, {}, {});
  CHECK(environment.left_out == std::vector<std::string>{"RBIT_COMMANDS"});
}

TEST_CASE("a value with a NUL is left out, not cut short") {
  Job job = sample();
  job.request.package = std::string("a\0b", 3);
  CHECK(job_environment(job, {}, {}).left_out == std::vector<std::string>{"RBIT_PACKAGE"});
}

}  // namespace rbit
