#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rbit/log/record.h"

namespace rbit::log {

/// Python's "generic" format, the one without a configuration.
inline constexpr const char* generic_format =
    "%(asctime)s %(levelname)-5.5s [%(name)s] %(message)s";

/// A place where records go, as Python's logging sections describe one.
struct HandlerSettings {
  enum class Kind {
    standard_error,
    standard_output,
    nothing,
    file,
    watched,
    rotating,
    timed,
    syslog
  };
  Kind kind = Kind::standard_error;
  Level level = Level::debug;  // less important records are not for it
  bool json = false;           // (rbit/doc/formats.rst, json-log)
  bool with_facts = false;     // rbit's own text (rbit/doc/formats.rst, text-log); neither:
  std::string format = generic_format, date_format;

  std::string path;            // of the file kinds; of syslog its socket, empty: host and port
  bool truncate = false;       // mode 'w'
  std::int64_t max_bytes = 0;  // rotating: 0 is never
  std::string when = "H";      // timed: S M H D W0..W6 MIDNIGHT
  std::int64_t interval = 1;   // timed: of those
  int backups = 0;             // rotating: 0 is never; timed: 0 keeps all
  std::string host;            // syslog by UDP
  int port = 514;
  int facility = 1;  // syslog's number: LOG_USER
};

/// A [logger_NAME] of Python's logging sections: what it says counts for its children too.
struct LoggerSettings {
  std::string name;            // "rbit", "rbit.x"; empty: root
  std::optional<Level> level;  // none: its parent's
  std::vector<int> handlers;   // their places in Settings::handlers
  bool propagate = true;       // to the handlers of its parents
};

}  // namespace rbit::log
