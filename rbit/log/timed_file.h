#pragma once

#include <string>

#include "rbit/log/file.h"

namespace rbit::log {

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

   private:
    bool by_day() const;  // at midnight, whatever the clocks were changed to
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
