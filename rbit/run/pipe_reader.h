#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/run/account.h"

namespace rbit {

/// Reads a pipe as long as it exists and hands on what comes. Its end of file means nothing, for a
/// daemon may hold it: the job is over when its process is. On the loop's thread.
class PipeReader {
 public:
  using Sink = std::function<void(std::string_view)>;

  /// Begins to read at once, without blocking. `sink` is not called any more once this is gone.
  PipeReader(const asio::any_io_executor& loop, Fd read_end, Sink sink);
  ~PipeReader();
  PipeReader(const PipeReader&) = delete;
  PipeReader& operator=(const PipeReader&) = delete;

  /// Hands on what is in the pipe now.
  void read_now();
  /// Reads on after the writers have ended, until end of file, 300 ms of silence, or 5 s have
  /// passed.
  Task<void> drain();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// A pipe, both ends with CLOEXEC: {read, write}. Its `owner`, if it is not us, may open it by a
/// name too: /dev/stdout, /dev/fd/3.
Result<std::pair<Fd, Fd>> make_pipe(const Account* owner = nullptr);

}  // namespace rbit
