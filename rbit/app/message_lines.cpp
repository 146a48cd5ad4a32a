#include "rbit/app/message_lines.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "rbit/amqp/protocol.h"
#include "rbit/base/text.h"

namespace rbit {

MessageLines::MessageLines(const std::string& path, Make make)
    : name_(path == "-" ? "standard input" : path), make_(std::move(make)) {
  file_ = Fd(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                         : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file_)
    throw Fatal(ExitCode::failed,
                Error::while_doing("cannot be opened", name_, errno, "name a file with messages"));
}

bool MessageLines::is_ready() {
  if (is_at_end_ || failure_ || read_.find('\n', at_) != std::string::npos) return true;
  pollfd input{file_.get(), POLLIN, 0};
  return ::poll(&input, 1, 0) != 0;
}

std::optional<Message> MessageLines::next() {
  while (!failure_) {
    std::optional<std::string> line = next_line();
    if (!line) break;
    if (!line->empty() && line->back() == '\r') line->pop_back();
    if (line->empty()) continue;
    Result<Message> message = make_(std::move(*line));
    if (message) return std::move(*message);
    failure_ = message.error();
    failure_->thing = name_ + ", line " + std::to_string(number_);
  }
  return std::nullopt;
}

/// None: the end, or a failure.
std::optional<std::string> MessageLines::next_line() {
  for (std::size_t looked = at_;;) {
    std::size_t end = read_.find('\n', looked);
    if (end == std::string::npos && is_at_end_ && at_ < read_.size()) end = read_.size();
    if (end != std::string::npos) {
      ++number_;
      std::string line = read_.substr(at_, end - at_);
      at_ = std::min(end + 1, read_.size());
      return line;
    }
    if (is_at_end_ || failure_) return std::nullopt;
    read_.erase(0, std::exchange(at_, 0));
    looked = read_.size();
    if (read_.size() > amqp::max_body) {
      failure_ = Error{name_ + ", line " + std::to_string(number_ + 1),
                       "is longer than a message may be (4 MiB)"};
      return std::nullopt;
    }
    is_at_end_ = !read_more();
  }
}

/// False: there is nothing more.
bool MessageLines::read_more() {
  char buffer[65536];
  ssize_t count = 0;
  do count = ::read(file_.get(), buffer, sizeof buffer);
  while (count < 0 && errno == EINTR);
  if (count < 0) failure_ = Error::of_system(name_, errno);
  if (count <= 0) return false;
  read_.append(buffer, static_cast<std::size_t>(count));
  return true;
}

}  // namespace rbit
