#pragma once

#include <string>

#include "rbit/log/file.h"

namespace rbit::log {

/// Python's RotatingFileHandler: a file that would reach `max_bytes` becomes NAME.1, that one
/// NAME.2, and so on up to `backups`. spdlog's own calls them otherwise (rbit.1.log), and what
/// collects the logs knows Python's names.
class RotatingFile : public LogFile {
 public:
  /// Never rotates if `max_bytes` or `backups` is 0.
  RotatingFile(std::string path, bool truncate, std::int64_t max_bytes, int backups);

 private:
  void before_line(std::time_t now, std::int64_t bytes) override;

  std::int64_t max_bytes_;
  int backups_;
};

}  // namespace rbit::log
