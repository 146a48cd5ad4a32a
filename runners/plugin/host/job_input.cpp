#include "runners/plugin/host/job_input.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "runners/plugin/host/cancel_flag.h"

namespace rbit::plugin_host {

JobInput::JobInput() : fd_(::fcntl(0, F_DUPFD_CLOEXEC, 10)) {
  const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ::dup2(nothing.get(), 0);
}

std::optional<std::string> JobInput::next_line() {
  const cancel_flag::Blocked blocked;
  cancel_flag::lower();
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    searched = buffer_.size();
    pollfd waiting{fd_.get(), POLLIN, 0};
    // Signals get in here and nowhere else.
    const bool interrupted = ::ppoll(&waiting, 1, nullptr, &blocked.outer()) < 0 && errno == EINTR;
    if (buffer_.empty()) cancel_flag::lower();
    if (interrupted) continue;
    if (!fill()) return std::nullopt;
  }
}

bool JobInput::wait_for_line() {
  for (;;) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      buffer_.erase(0, end + 1);
      return true;
    }
    if (!fill()) return false;
  }
}

std::string JobInput::rest() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

bool JobInput::fill() {
  std::array<char, 65536> chunk;
  ssize_t count = 0;
  do {
    count = ::read(fd_.get(), chunk.data(), chunk.size());
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  buffer_.append(chunk.data(), static_cast<std::size_t>(count));
  return true;
}

}  // namespace rbit::plugin_host
