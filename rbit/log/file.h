#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>

#include "rbit/base/fd.h"

namespace rbit::log {

/// The line is written, but not to the file where it belongs.
class WrittenElsewhere : public spdlog::spdlog_ex {
 public:
  using spdlog::spdlog_ex::spdlog_ex;
};

/// A place for lines, of one writer's thread: a sink of spdlog's that holds nothing back and says
/// how much it takes. Throws spdlog::spdlog_ex.
class Place : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  /// How many bytes it takes without keeping the writer waiting; at least so much within `limit`,
  /// or 0.
  virtual std::size_t room(std::chrono::milliseconds limit) const = 0;

 private:
  void flush_() final {}
};

/// The same of a descriptor: no end of a file, a little of a pipe or a terminal that has room at
/// all. Its flags, which others share, are left as they are.
std::size_t room_of(int file, std::chrono::milliseconds limit);

/// Standard output or standard error, by its descriptor: spdlog's own sinks hold one lock of the
/// process, and the C library's of the stream, for as long as nobody reads.
class LogStream : public Place {
 public:
  explicit LogStream(int descriptor) : descriptor_(descriptor) {}

  std::size_t room(std::chrono::milliseconds limit) const override {
    return room_of(descriptor_, limit);
  }
  static std::string name_of(int descriptor) {
    return descriptor == 1 ? "standard output" : "standard error";
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) final;

  int descriptor_;
};

/// A place that appends lines to a file, like spdlog's own, but with a descriptor that no job
/// inherits, and with a door for those that change the file as they go. A FIFO needs no reader to
/// be opened, and outlives one.
class LogFile : public Place {
 public:
  /// Opens it; with `truncate` without what stood there.
  LogFile(std::string path, bool truncate);

  std::size_t room(std::chrono::milliseconds limit) const override {
    return room_of(descriptor(), limit);
  }

 protected:
  /// Before a line of `bytes` is written at `now`: the place to open another file.
  virtual void before_line(std::time_t /*now*/, std::int64_t /*bytes*/) {}

  const std::string& path() const { return path_; }
  int descriptor() const { return file_.get(); }
  std::int64_t size() const;
  void open(bool truncate = false);
  /// Moves the file away and begins a new one. If it cannot be moved it is written to as before.
  void move_to(const std::string& path);

 private:
  void sink_it_(const spdlog::details::log_msg& message) final;

  std::string path_;
  Fd file_;
};

}  // namespace rbit::log
