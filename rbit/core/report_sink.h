#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "rbit/base/task.h"
#include "rbit/core/report.h"

namespace rbit {

/// What came of sending a report.
struct SinkAnswer {
  enum class Kind {
    sent,
    dropped,  // the target will never take it: forget it, with `reason`
    retry,    // later, after a growing pause or `after`
    paused,   // the target refuses us as such (401): keep all rows, again in 5 minutes or `after`
    later,    // this row alone, after a growing pause: the target is well
  };
  Kind kind = Kind::sent;
  std::string reason;
  std::chrono::milliseconds after{0};  // the wished pause (Retry-After); 0: none
  bool is_said = false;                // dropped: the log has it, for all that come

  static SinkAnswer dropped(std::string reason) { return {Kind::dropped, std::move(reason)}; }
  static SinkAnswer retry(std::string reason, std::chrono::milliseconds after = {}) {
    return {Kind::retry, std::move(reason), after};
  }
  static SinkAnswer later(std::string reason) { return {Kind::later, std::move(reason)}; }
  static SinkAnswer paused(std::string reason, std::chrono::milliseconds after = {}) {
    return {Kind::paused, std::move(reason), after};
  }
};

/// What the journal must know of a sink to make rows for it.
struct ReportTarget {
  ReportTarget(std::string its_name) : name(std::move(its_name)) {}
  ReportTarget(const char* its_name) : name(its_name) {}

  std::string name;
  /// Whether it is told of this one at all.
  std::function<bool(const Report&)> wants = [](const Report&) { return true; };
  /// Its rows carry the message that asked for the job, which may be gone when they are sent.
  bool carries_message = false;
  /// A status that may not have been heard is told it once more. Else once is enough.
  bool hears_again = true;
};

/// One place that reports go to. On the loop's thread; jobs never wait for it.
class ReportSink {
 public:
  virtual ~ReportSink() = default;
  virtual std::string_view target() const = 0;  // "log", "pybit", "amqp"
  /// As the journal shall know it. This outlives what it gives.
  virtual ReportTarget as_target() { return ReportTarget(std::string(target())); }
  virtual Task<SinkAnswer> send(const Report& report) = 0;
  /// Whether its rows are wanted however old they are, and may be there to wait for long.
  virtual bool is_patient() const { return false; }
  /// What its rows are, and one of them, for people.
  virtual std::string rows() const { return "reports to " + std::string(target()); }
  virtual std::string row(const Report& report) const {
    return "report '" + std::string(to_string(report.status)) + "' of job " + report.name();
  }
};

}  // namespace rbit
