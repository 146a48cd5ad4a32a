#include "rbit/config/logging_args.h"

#include <doctest/doctest.h>

using namespace rbit;
using namespace rbit::config;

namespace {

std::string shown(const std::vector<LoggingArg>& args) {
  std::string out;
  for (const auto& arg : args) {
    if (!out.empty()) out += ", ";
    if (arg.kind == LoggingArg::Kind::text)
      out += "'" + arg.text + "'";
    else if (arg.kind == LoggingArg::Kind::tuple)
      out += "(" + shown(arg.items) + ")";
    else
      out += arg.text;
  }
  return out;
}

std::string read(std::string_view text) {
  const auto args = parse_logging_args(text);
  return args ? shown(*args) : args.error().text();
}

std::string check(std::string_view handler, std::string_view text) {
  const auto args = parse_logging_args(text);
  REQUIRE(args.has_value());
  const auto fits = check_handler(handler, *args);
  return fits ? "" : fits.error().text();
}

}  // namespace

TEST_CASE("tuples of texts, numbers, constants and the known names") {
  CHECK(read("()") == "");
  CHECK(read(" ( sys.stderr , ) ") == "sys.stderr");
  CHECK(read("('/a', \"b\", 1000000, -5)") == "'/a', 'b', 1000000, -5");
  CHECK(read("(True, False, None)") == "True, False, None");
  CHECK(read("(('h', 514), handlers.SysLogHandler.LOG_LOCAL0)") ==
        "('h', 514), handlers.SysLogHandler.LOG_LOCAL0");
  CHECK(read(R"(('a\\b\'c\"d\n\t'))") == "'a\\b'c\"d\n\t'");
}

TEST_CASE("a lone (x) is one item, and so is x") {
  CHECK(read("('a')") == "'a'");
  CHECK(read("'a'") == "'a'");
}

TEST_CASE("nothing else: the old program evaluated this text") {
  CHECK(read("(os.path.join('a'),)") == "'os.path.join' is neither text, number nor a known name");
  CHECK(read("(__import__('os').system('x'),)") ==
        "'__import__' is neither text, number nor a known name");
  CHECK(read("(SysLogHandler.LOG_FOO,)") ==
        "'SysLogHandler.LOG_FOO' is neither text, number nor a known name");
  CHECK(read("('a'") == "has a '(' without its ')'");
  CHECK(read("('a") == "has a ' without its end");
  CHECK(read("('a' 'b')") == "has ''b')' where ',' or ')' should stand");
  CHECK(read("('a') + 1") == "has '+ 1' after its end");
  CHECK(read("") == "ends where a value should stand");
  CHECK(read("('a\\x41')") == "has '\\x', which is none of \\\\ \\' \\\" \\n \\t");
  CHECK(read("(,)") == "'' is neither text, number nor a known name");
  CHECK(read(std::string(100000, '(')) == "has too many '(' in each other");
}

TEST_CASE("what each class takes") {
  CHECK(check("StreamHandler", "()") == "");
  CHECK(check("StreamHandler", "(sys.stdout,)") == "");
  CHECK(check("StreamHandler", "('x',)") ==
        "StreamHandler takes () or (sys.stderr,) or (sys.stdout,)");
  CHECK(check("NullHandler", "()") == "");
  CHECK(check("FileHandler", "('/a', 'a')") == "");
  CHECK(check("FileHandler", "()") ==
        "FileHandler takes ('path'[, 'mode']) with 'a' or 'w' for mode");
  CHECK(check("FileHandler", "('/a', 'r')") != "");
  CHECK(check("FileHandler", "('/a', 'wb')") == "");
  CHECK(check("handlers.RotatingFileHandler", "('/a', 'a', -1)") != "");
  CHECK(check("handlers.TimedRotatingFileHandler", "('/a', 'S', 0)") != "");
  CHECK(check("handlers.SysLogHandler", "(('h', 0),)") != "");
  CHECK(check("handlers.RotatingFileHandler", "('/var/log/rbit.log', 'a', 1000000, 5)") == "");
  CHECK(check("handlers.TimedRotatingFileHandler", "('/a', 'midnight', 1, 7)") == "");
  CHECK(
      check("handlers.TimedRotatingFileHandler", "('/a', 'W7')") ==
      "handlers.TimedRotatingFileHandler takes ('path'[, 'when'[, interval[, backups]]]) with S M "
      "H D W0..W6 or midnight for when");
  CHECK(check("handlers.SysLogHandler", "('/dev/log', SysLogHandler.LOG_USER)") == "");
  CHECK(check("handlers.SysLogHandler", "(('h', 514),)") == "");
  CHECK(check("ColourHandler", "()") ==
        "'ColourHandler' is not known (known: StreamHandler, FileHandler, NullHandler, "
        "handlers.WatchedFileHandler, handlers.RotatingFileHandler, "
        "handlers.TimedRotatingFileHandler, handlers.SysLogHandler)");
}
