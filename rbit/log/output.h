#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "rbit/log/handler.h"
#include "rbit/log/record.h"
#include "rbit/log/writer.h"

namespace rbit::log {

/// The line that a handler makes of a record.
using Shape = std::function<std::string(const Record&)>;

/// Standard error: one writer for all that goes there, so that it comes in order.
class StandardError {
 public:
  static StandardError& get();

  /// `shape` is also that of what is said there of the log itself.
  std::shared_ptr<LogWriter> writer_for(Shape shape);
  void say(Level level, std::string_view message);
  /// A line as it stands.
  void print(std::string line);

 private:
  StandardError();
  Shape shape() const;

  mutable std::mutex mutex_;
  Shape shape_;
  std::shared_ptr<LogWriter> writer_;
};

/// One handler at work: which records, as which line, to where.
class Output {
 public:
  /// Throws spdlog::spdlog_ex if the place cannot be opened.
  explicit Output(const HandlerSettings& settings);

  bool takes(Level level) const { return level >= level_; }
  void write(const Record& record) const;
  void reopen() const;

 private:
  Level level_;
  Shape shape_;
  std::shared_ptr<LogWriter> writer_;  // none: nothing is written
};

}  // namespace rbit::log
