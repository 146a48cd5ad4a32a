#include "rbit/log/rotating_file.h"

#include <cstdio>
#include <utility>

namespace rbit::log {

RotatingFile::RotatingFile(std::string path, bool truncate, std::int64_t max_bytes, int backups)
    // With a limit Python appends whatever the mode is: the backups would have no meaning.
    : LogFile(std::move(path), truncate && max_bytes == 0),
      max_bytes_(max_bytes),
      backups_(backups) {}

void RotatingFile::before_line(std::time_t, std::int64_t bytes) {
  if (max_bytes_ == 0 || backups_ == 0) return;
  const std::int64_t now = size();
  if (now == 0 || now + bytes < max_bytes_) return;
  const auto numbered = [&](int number) { return path() + "." + std::to_string(number); };
  for (int i = backups_ - 1; i > 0; --i)  // one that is not there leaves a gap, as Python's do
    std::rename(numbered(i).c_str(), numbered(i + 1).c_str());
  move_to(numbered(1));
}

}  // namespace rbit::log
