#pragma once

#include <sys/stat.h>

#include <chrono>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/trusted_path.h"

namespace rbit {

/// A directory that every job needs, made and looked at as `make_trusted_directory` says: for the
/// first job, once it is another one or has another owner or mode, and every second, for what is
/// above it may have changed. Otherwise a look is one system call. One thread at a time.
class KnownDirectory {
 public:
  KnownDirectory(std::string path, mode_t mode, Sharing sharing)
      : path_(std::move(path)), mode_(mode), sharing_(sharing) {}

  Result<void> look();
  const std::string& path() const { return path_; }
  /// As it was at the last look that succeeded.
  const struct stat& info() const { return info_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::string path_;
  mode_t mode_;
  Sharing sharing_;
  struct stat info_ {};
  Clock::time_point looked_{};  // at all of it; the beginning of time: never
};

}  // namespace rbit
