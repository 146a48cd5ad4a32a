#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include "rbit/log/file.h"

namespace rbit::log {

/// Standard output or standard error, by its descriptor: spdlog's own sinks hold one lock of the
/// process, and the C library's of the stream, for as long as nobody reads.
class LogStream : public spdlog::sinks::base_sink<spdlog::details::null_mutex>, public HasRoom {
 public:
  explicit LogStream(int descriptor) : descriptor_(descriptor) {}

  std::size_t room(std::chrono::milliseconds limit) const override {
    return room_of(descriptor_, limit);
  }

  static std::string name_of(int descriptor) {
    return descriptor == 1 ? "standard output" : "standard error";
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) final {
    write_line(descriptor_, std::string(message.payload.data(), message.payload.size()) + "\n",
               name_of(descriptor_));
  }
  void flush_() final {}

  int descriptor_;
};

}  // namespace rbit::log
