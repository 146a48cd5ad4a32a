#include "rbit/base/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace rbit::log {

LogFile::LogFile(std::string path, bool truncate) : path_(std::move(path)) {
  std::error_code ignored;  // opening it will tell
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  open(truncate);
}

void LogFile::before_line(std::time_t, std::int64_t) {}

void LogFile::open(bool truncate) {
  constexpr int appending = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY;
  Fd file(::open(path_.c_str(), appending | (truncate ? O_TRUNC : 0), 0666));
  if (!file) throw spdlog::spdlog_ex("cannot open " + path_, errno);
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

void LogFile::sink_it_(const spdlog::details::log_msg& message) {
  std::string line(message.payload.data(), message.payload.size());
  line += '\n';
  std::string trouble;
  try {
    before_line(spdlog::log_clock::to_time_t(message.time), static_cast<std::int64_t>(line.size()));
  } catch (const spdlog::spdlog_ex& failed) {
    trouble = failed.what();  // the line goes where the last one went
  }
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw spdlog::spdlog_ex("cannot write to " + path_, errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (!trouble.empty()) throw spdlog::spdlog_ex(trouble);
}

}  // namespace rbit::log
