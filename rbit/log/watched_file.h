#pragma once

#include "rbit/log/file.h"

namespace rbit::log {

/// Python's WatchedFileHandler: a file that somebody moves away (logrotate) is opened anew.
class WatchedFile : public LogFile {
 public:
  using LogFile::LogFile;

 private:
  void before_line(std::time_t now, std::int64_t bytes) override;
};

}  // namespace rbit::log
