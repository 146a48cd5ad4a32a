// rbit/plugin.hpp - runners in C++17 and later: rbit/plugin.h with strings and exceptions.
//
//     #include <rbit/plugin.hpp>
//
//     static void print(const rbit::Job& job) {
//       if (job.field("package").empty()) throw rbit::Failed("no package");
//       job.artifact("module.pdf", "pdf");
//     }
//     RBIT_CPP_RUNNER(print, "1.0", print);
//
// A runner that is made once and used for many jobs is a class with a constructor and a call
// operator that each take a const rbit::Job&: RBIT_CPP_RUNNER_CLASS(print, "1.0", Print);
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rbit/plugin.h>

#include <cstddef>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace rbit {

/// Thrown by a runner: the job failed, for good. The text is the reason people see.
class RBIT_EXPORT Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown by a runner: not now; try again later.
class RBIT_EXPORT Blocked : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown by Job::checkpoint: somebody asked for the job to stop.
class RBIT_EXPORT Cancelled : public std::runtime_error {
 public:
  explicit Cancelled(const std::string& why = "cancelled") : std::runtime_error(why) {}
};

enum class LogLevel {
  debug = RBIT_LOG_DEBUG,
  info = RBIT_LOG_INFO,
  warning = RBIT_LOG_WARNING,
  error = RBIT_LOG_ERROR
};

/// One job: a view of rbit's, valid until the runner returns. Any thread may call any of it.
class Job {
 public:
  explicit Job(const rbit_job* job) : job_(job) {}

  std::string id() const { return rbit_id(job_); }
  std::string queue() const { return rbit_queue(job_); }
  unsigned attempt() const { return rbit_attempt(job_); }
  /// The message as it came.
  std::string_view payload() const {
    std::size_t length = 0;
    const char* bytes = rbit_payload(job_, &length);
    return {bytes, length};
  }
  /// "package", "version", "arch", ...; empty if the message has none.
  std::string field(const std::string& name) const {
    const char* value = rbit_field(job_, name.c_str());
    return value == nullptr ? std::string() : std::string(value);
  }
  /// From the runner's section of the INI file, where keys are lower-case.
  std::string setting(const std::string& key, const std::string& otherwise = {}) const {
    const char* value = rbit_setting(job_, key.c_str());
    return value == nullptr ? otherwise : std::string(value);
  }
  std::map<std::string, std::string> settings() const {
    std::map<std::string, std::string> all;
    const char* key = nullptr;
    const char* value = nullptr;
    for (std::size_t i = 0; rbit_setting_at(job_, i, &key, &value) != 0; ++i) all[key] = value;
    return all;
  }

  /// Tells the world, at once. `name` is one of PyBit's: "Building".
  void status(const std::string& name, const std::string& message = {}) const {
    rbit_set_status(job_, name.c_str(), message.c_str());
  }
  void log(LogLevel level, const std::string& text) const {
    rbit_log(job_, static_cast<int>(level), text.c_str());
  }
  void log(const std::string& text) const { log(LogLevel::info, text); }
  /// A file for rbit to keep; a relative path starts at the job's directory.
  void artifact(const std::string& path, const std::string& kind = {}) const {
    rbit_artifact(job_, path.c_str(), kind.c_str());
  }
  bool is_cancelled() const { return rbit_is_cancelled(job_) != 0; }
  /// Throws Cancelled once rbit asks for it.
  void checkpoint() const {
    if (is_cancelled()) throw Cancelled();
  }

  /// For what this header does not wrap.
  const rbit_job* get() const { return job_; }

 private:
  const rbit_job* job_;
};

namespace detail {

/// Calls `work` and turns what it throws into a verdict. Nothing crosses into rbit.
template <class Work>
int verdict(const rbit_job* job, Work&& work) noexcept {
  int verdict = RBIT_FAILED;
  try {
    try {
      std::forward<Work>(work)();
      return RBIT_DONE;
    } catch (const Blocked& error) {
      verdict = RBIT_BLOCKED;
      rbit_explain(job, error.what());
    } catch (const Cancelled& error) {
      verdict = RBIT_CANCELLED;
      rbit_explain(job, error.what());
    } catch (const std::exception& error) {  // Failed is one
      rbit_explain(job, error.what());
    }
  } catch (...) {
    rbit_explain(job, "threw something that is no std::exception");
  }
  return verdict;
}

}  // namespace detail
}  // namespace rbit

/// Exports the runner NAME, which calls FUNCTION(const rbit::Job&). A semicolon follows.
#define RBIT_CPP_RUNNER(NAME, VERSION, FUNCTION)                                               \
  static int rbit_cpp_run_##NAME(void*, const rbit_job* rbit_the_job) {                        \
    return ::rbit::detail::verdict(rbit_the_job,                                               \
                                   [&] { std::invoke(FUNCTION, ::rbit::Job(rbit_the_job)); }); \
  }                                                                                            \
  RBIT_RUNNER_WITH_STATE(NAME, VERSION, rbit_cpp_run_##NAME, nullptr, nullptr)

/// Exports the runner NAME: one CLASS, made from the first job, called for each, destroyed at the
/// end of the process. A semicolon follows.
#define RBIT_CPP_RUNNER_CLASS(NAME, VERSION, CLASS)                                                \
  static int rbit_cpp_open_##NAME(const rbit_job* rbit_the_job, void** rbit_the_state) {           \
    return ::rbit::detail::verdict(                                                                \
        rbit_the_job, [&] { *rbit_the_state = new CLASS(::rbit::Job(rbit_the_job)); });            \
  }                                                                                                \
  static int rbit_cpp_run_##NAME(void* rbit_the_state, const rbit_job* rbit_the_job) {             \
    return ::rbit::detail::verdict(                                                                \
        rbit_the_job, [&] { (*static_cast<CLASS*>(rbit_the_state))(::rbit::Job(rbit_the_job)); }); \
  }                                                                                                \
  static void rbit_cpp_close_##NAME(void* rbit_the_state) {                                        \
    delete static_cast<CLASS*>(rbit_the_state);                                                    \
  }                                                                                                \
  RBIT_RUNNER_WITH_STATE(NAME, VERSION, rbit_cpp_run_##NAME, rbit_cpp_open_##NAME,                 \
                         rbit_cpp_close_##NAME)
