#pragma once

#include <string>

#include "rbit/log/file.h"

// The files of Python's handlers, which change as they go.

namespace rbit::log {

/// Python's WatchedFileHandler: a file that somebody moves away (logrotate) is opened anew.
class WatchedFile : public LogFile {
 public:
  using LogFile::LogFile;

 private:
  void before_line(std::time_t now, std::int64_t bytes) override;
};

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

/// Python's TimedRotatingFileHandler: at each turn of the time the file becomes
/// NAME.2013-04-30 or, for shorter turns, NAME.2013-04-30_11-48-53, named after when it began; the
/// newest `backups` of them are kept, all if that is 0.
class TimedFile : public LogFile {
 public:
  /// When it turns, in local time.
  struct Turn {
    std::string when = "H";  // S M H D, W0 (Monday) to W6, MIDNIGHT
    std::int64_t interval = 1;

    std::int64_t seconds() const;
    /// The first turn after `now`.
    std::time_t after(std::time_t now) const;
    /// What is put behind the name of a file that ended at `turn`.
    std::string suffix(std::time_t turn) const;
  };

  TimedFile(std::string path, Turn turn, int backups);

 private:
  void before_line(std::time_t now, std::int64_t bytes) override;
  void remove_old() const;

  Turn turn_;
  int backups_;
  std::time_t next_;
};

}  // namespace rbit::log
