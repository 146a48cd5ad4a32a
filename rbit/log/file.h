#pragma once

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <cstddef>
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

/// A sink that can say how much it takes.
class HasRoom {
 public:
  virtual ~HasRoom() = default;
  /// How many bytes it takes without keeping the writer waiting; at least so much within `limit`,
  /// or 0.
  virtual std::size_t room(std::chrono::milliseconds limit) const = 0;
};

/// The same of a descriptor: no end of a file, a little of a pipe or a terminal that has room at
/// all. Its flags, which others share, are left as they are.
std::size_t room_of(int file, std::chrono::milliseconds limit);

/// All of it, however long it takes. `what` is its name for people. Throws spdlog::spdlog_ex.
void write_line(int file, std::string line, const std::string& what);

/// A sink that appends lines to a file, like spdlog's own, but with a descriptor that no job
/// inherits, and with a door for those that change the file as they go. A FIFO needs no reader to
/// be opened, and outlives one. Throws spdlog::spdlog_ex.
class LogFile : public spdlog::sinks::base_sink<std::mutex>, public HasRoom {
 public:
  /// Opens it; with `truncate` without what stood there.
  LogFile(std::string path, bool truncate);

  std::size_t room(std::chrono::milliseconds limit) const override {
    return room_of(descriptor(), limit);
  }

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
