#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/log/handler.h"

namespace rbit::config {

/// One item of the `args` of a logging handler. The old programs evaluated that text as Python;
/// this is a closed grammar (rbit/doc/formats.rst, logging-sections).
struct LoggingArg {
  enum class Kind { text, number, constant, name, tuple };
  Kind kind = Kind::text;
  std::string text;  // of a string its value; else as written: "1000", "None", "sys.stderr"
  std::vector<LoggingArg> items;  // of a tuple
};

/// The items of "('path', 'a', 1000)". The Error has only a `reason`.
Result<std::vector<LoggingArg>> parse_logging_args(std::string_view text);

/// Whether handlers of that class (without "logging.") take these args, or what they take. For a
/// class that is not known the Error names the known ones.
Result<void> check_handler(std::string_view handler_class, const std::vector<LoggingArg>& args);
Result<void> check_handler_class(std::string_view handler_class);

/// The handler that such args make. REQUIRES that `check_handler` finds them good. A relative path
/// starts at `directory`.
log::HandlerSettings make_handler(std::string_view handler_class,
                                  const std::vector<LoggingArg>& args,
                                  const std::string& directory);

}  // namespace rbit::config
