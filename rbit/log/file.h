#pragma once

#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <ctime>
#include <mutex>
#include <string>

#include "rbit/base/fd.h"

namespace rbit::log {

/// The line is written, but not to the file where it belongs.
class WrittenElsewhere : public spdlog::spdlog_ex {
 public:
  using spdlog::spdlog_ex::spdlog_ex;
};

/// All of it, however long it takes. `what` is its name for people. Throws spdlog::spdlog_ex.
void write_line(int file, std::string line, const std::string& what);

/// A sink that appends lines to a file, like spdlog's own, but with a descriptor that no job
/// inherits, and with a door for those that change the file as they go. A FIFO needs no reader to
/// be opened, and outlives one. Throws spdlog::spdlog_ex.
class LogFile : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// Opens it; with `truncate` without what stood there.
  LogFile(std::string path, bool truncate);

 protected:
  /// Before a line of `bytes` is written at `now`: the place to open another file.
  virtual void before_line(std::time_t now, std::int64_t bytes);

  const std::string& path() const { return path_; }
  int descriptor() const { return file_.get(); }
  std::int64_t size() const;
  void open(bool truncate = false);
  /// Moves the file away and begins a new one. If it cannot be moved it is written to as before.
  void move_to(const std::string& path);

 private:
  void sink_it_(const spdlog::details::log_msg& message) final;
  void flush_() final {}  // nothing is held back

  std::string path_;
  Fd file_;
};

}  // namespace rbit::log
