#include "rbit/run/pipe_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <chrono>

#include "rbit/base/notice.h"

namespace rbit {

struct PipeReader::State : std::enable_shared_from_this<PipeReader::State> {
  State(const asio::any_io_executor& executor, int fd, Sink to)
      : pipe(executor, fd), sink(std::move(to)), came(executor) {}

  asio::posix::stream_descriptor pipe;
  Sink sink;
  Notice came;
  bool at_end = false;

  void watch() {
    pipe.async_wait(asio::posix::stream_descriptor::wait_read,
                    [weak = weak_from_this()](boost::system::error_code error) {
                      const auto self = weak.lock();
                      if (!self || error || self->at_end) return;
                      // What one job writes must not keep the others waiting: 256 KiB a turn.
                      self->read(4);
                      if (!self->at_end) self->watch();
                    });
  }
  /// At most `pieces` of 64 KiB; false: nothing was there.
  bool read(int pieces) {
    const auto keep = shared_from_this();  // the sink may drop the reader
    std::array<char, 65536> piece;
    bool any = false;
    for (; pieces > 0 && !at_end; --pieces) {
      const ssize_t count = ::read(pipe.native_handle(), piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) break;
      any = true;
      if (count <= 0)
        at_end = true;
      else if (sink)
        sink(std::string_view(piece.data(), static_cast<std::size_t>(count)));
    }
    if (any) came.notify();
    return any;
  }
};

PipeReader::PipeReader(const asio::any_io_executor& loop, Fd read_end, Sink sink)
    : state_(std::make_shared<State>(loop, read_end.release(), std::move(sink))) {
  state_->watch();
}

PipeReader::~PipeReader() {
  state_->sink = nullptr;
  state_->at_end = true;
  boost::system::error_code ignored;
  state_->pipe.close(ignored);
}

void PipeReader::read_now() {
  while (!state_->at_end && state_->read(64)) {
  }
}

Task<void> PipeReader::drain() {
  const auto state = state_;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (;;) {
    const bool any = state->read(64);
    if (state->at_end || std::chrono::steady_clock::now() >= end) co_return;
    if (any) continue;
    const bool more = co_await state->came.wait_for(std::chrono::milliseconds(300));
    if (!more) co_return;
  }
}

Result<std::pair<Fd, Fd>> make_pipe(const Account* owner) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::of_system("pipe", errno);
  std::pair<Fd, Fd> pipe{Fd(ends[0]), Fd(ends[1])};
  if (owner && ::fchown(ends[1], owner->uid, owner->gid) != 0)
    return Error::of_system("pipe", errno);
  return pipe;
}

}  // namespace rbit
