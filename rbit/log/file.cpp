#include "rbit/log/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string_view>
#include <utility>

namespace rbit::log {

LogFile::LogFile(std::string path, bool truncate) : path_(std::move(path)) {
  std::error_code ignored;  // opening it will tell
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  open(truncate);
}

namespace {

std::string line_of(const spdlog::details::log_msg& message) {
  return std::string(message.payload.data(), message.payload.size()) + '\n';
}

/// All of it, however long it takes. `what` is its name for people.
void write_line(int file, std::string line, const std::string& what) {
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t written = ::write(file, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // somebody made our standard error one that never waits
      pollfd room{file, POLLOUT, 0};
      ::poll(&room, 1, -1);
      continue;
    }
    if (written < 0) throw spdlog::spdlog_ex("cannot write to " + what, errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// A link in the file's place counts if it is root's or ours: in a directory that a group may write
/// to, such as /var/log, anybody else's would have us append to whatever he likes.
Fd open_no_strangers_link(const std::string& path, int flags) {
  constexpr mode_t mode = 0666;
  Fd file(::open(path.c_str(), flags | O_NOFOLLOW, mode));
  if (file || errno != ELOOP) return file;
  const Fd link(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  std::array<char, PATH_MAX> target{};
  const bool is_trusted = link && ::fstat(link.get(), &info) == 0 && S_ISLNK(info.st_mode) &&
                          (info.st_uid == 0 || info.st_uid == ::geteuid());
  const ssize_t length =
      is_trusted ? ::readlinkat(link.get(), "", target.data(), target.size()) : -1;
  if (length < 0) {
    errno = ELOOP;
    return {};
  }
  const std::string_view to(target.data(), static_cast<std::size_t>(length));
  return Fd(::open((std::filesystem::path(path).parent_path() / to).c_str(), flags, mode));
}

}  // namespace

void LogFile::open(bool truncate) {
  // Not blocking: the opening of a FIFO would wait for its reader, that of a line for its carrier.
  constexpr int appending = O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const int flags = appending | (truncate ? O_TRUNC : 0);
  Fd file = open_no_strangers_link(path_, O_WRONLY | flags);
  struct stat status {};
  const bool is_fifo = file ? ::fstat(file.get(), &status) == 0 && S_ISFIFO(status.st_mode)
                            : errno == ENXIO;  // nobody reads it
  if (is_fifo) file = open_no_strangers_link(path_, O_RDWR | flags);
  if (!file) throw spdlog::spdlog_ex("cannot open " + path_, errno);
  ::fcntl(file.get(), F_SETFL, O_APPEND);  // who writes may wait
  file_ = std::move(file);
}

std::int64_t LogFile::size() const {
  struct stat status {};
  return ::fstat(file_.get(), &status) == 0 ? status.st_size : 0;
}

void LogFile::move_to(const std::string& path) {
  if (std::rename(path_.c_str(), path.c_str()) != 0 && errno != ENOENT)
    throw spdlog::spdlog_ex("cannot rename " + path_ + " to " + path, errno);
  open();
}

void LogStream::sink_it_(const spdlog::details::log_msg& message) {
  write_line(descriptor_, line_of(message), name_of(descriptor_));
}

void LogFile::sink_it_(const spdlog::details::log_msg& message) {
  std::string line = line_of(message);
  std::string trouble;
  try {
    before_line(spdlog::log_clock::to_time_t(message.time), static_cast<std::int64_t>(line.size()));
  } catch (const spdlog::spdlog_ex& failed) {
    trouble = failed.what();  // the line goes where the last one went
  }
  write_line(file_.get(), std::move(line), path_);
  if (!trouble.empty()) throw WrittenElsewhere(trouble);
}

std::size_t room_of(int file, std::chrono::milliseconds limit) {
  struct stat status {};
  if (::fstat(file, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)))
    return std::numeric_limits<std::size_t>::max();
  pollfd one{file, POLLOUT, 0};
  const bool is_ready = ::poll(&one, 1, static_cast<int>(limit.count())) > 0;
  // What a pipe that is not full takes as a whole. One that is broken says so to who writes.
  return is_ready ? PIPE_BUF : 0;
}

}  // namespace rbit::log
