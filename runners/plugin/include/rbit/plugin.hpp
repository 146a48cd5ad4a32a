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
#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>
#include <locale>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

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

/// The value of a header: a text, a number or a truth.
class HeaderValue {
 public:
  HeaderValue(std::string text) : value_(std::move(text)) {}
  HeaderValue(std::string_view text) : value_(text) {}
  HeaderValue(const char* text) : value_(text) {}
  template <class Number, class = std::enable_if_t<std::is_arithmetic_v<Number>>>
  HeaderValue(Number number) : value_(json(number)), is_json_(true) {}

  const std::string& value() const { return value_; }
  bool is_json() const { return is_json_; }

 private:
  template <class Number>
  static std::string json(Number number) {
    if constexpr (std::is_same_v<Number, bool>) return number ? "true" : "false";
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out.precision(std::numeric_limits<Number>::max_digits10);
    out << +number;  // one of `char` too is a number here
    return out.str();
  }

  std::string value_;
  bool is_json_ = false;
};

/// How a message is published.
struct PublishOptions {
  std::map<std::string, HeaderValue> headers{};
  std::string content_type{}, correlation_id{}, reply_to{}, type{};
  std::string delay{};  // "30s"
  std::string file{};   // the body is what is in it; the one that is given is empty then
  unsigned priority = 0;
  bool now = false;  // at once, whatever becomes of the job; else once the job is done
};

/// What becomes of a metric: it grows, or it is what is said. Once the job is done, or at once.
enum class Change {
  add = RBIT_ADD,
  set = RBIT_SET,
  add_now = RBIT_ADD_NOW,
  set_now = RBIT_SET_NOW
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
  /// "package", "version", "arch", ..., "key", "routing_key", "reply_to", ...; "/order/id" in a
  /// message that is JSON. Empty if the message has none.
  std::string field(const std::string& name) const {
    const char* value = rbit_field(job_, name.c_str());
    return value == nullptr ? std::string() : std::string(value);
  }
  /// A header of the message: a text as it is, anything else as JSON.
  std::string header(const std::string& name, const std::string& otherwise = {}) const {
    const char* value = rbit_header(job_, name.c_str());
    return value == nullptr ? otherwise : std::string(value);
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

  // What follows throws std::invalid_argument if something is wrong with what is said.

  /// Sends a message, to the queue `key` if `exchange` is "". It leaves with the verdict, and only
  /// if the job is done.
  void publish(const std::string& exchange, const std::string& key, std::string_view body,
               const PublishOptions& options = {}) const {
    std::vector<rbit_header_value> headers;
    for (const auto& [name, value] : options.headers)
      headers.push_back({whole(name), whole(value.value()), value.is_json() ? 1 : 0});
    const auto or_null = [](const std::string& text) {
      return text.empty() ? nullptr : whole(text);
    };
    const rbit_publish_options how = {sizeof(rbit_publish_options),
                                      options.now ? 1 : 0,
                                      or_null(options.file),
                                      or_null(options.delay),
                                      or_null(options.content_type),
                                      or_null(options.correlation_id),
                                      or_null(options.reply_to),
                                      or_null(options.type),
                                      headers.data(),
                                      headers.size(),
                                      options.priority};
    must(rbit_publish(job_, whole(exchange), whole(key), body.data(), body.size(), &how));
  }
  /// The job's result, as JSON; the last one counts.
  void result(const std::string& json) const { must(rbit_result(job_, whole(json))); }
  /// How far the job is: 3 of 9. A total of 0: nobody knows.
  void progress(double done, double total = 0, const std::string& text = {}) const {
    must(rbit_progress(job_, done, total, text.c_str()));
  }
  /// Changes a metric that `metrics` of the runner's section declares.
  void metric(const std::string& name, Change change, double value,
              const std::map<std::string, std::string>& labels = {}) const {
    std::vector<rbit_label> all;
    for (const auto& [label, text] : labels) all.push_back({whole(label), whole(text)});
    must(rbit_metric(job_, whole(name), static_cast<int>(change), value, all.data(), all.size()));
  }

  bool is_cancelled() const { return rbit_is_cancelled(job_) != 0; }
  /// Throws Cancelled once rbit asks for it.
  void checkpoint() const {
    if (is_cancelled()) throw Cancelled();
  }

  /// For what this header does not wrap.
  const rbit_job* get() const { return job_; }

 private:
  void must(int code) const {
    if (code != 0) throw std::invalid_argument(rbit_mistake(job_));
  }

  /// A NUL would end the text.
  static const char* whole(const std::string& text) {
    if (text.find('\0') != std::string::npos)
      throw std::invalid_argument("a text with a NUL in it cannot be sent");
    return text.c_str();
  }

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
