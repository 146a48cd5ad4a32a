#include "rbit/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "rbit/base/result.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"

namespace rbit::log {

namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::critical:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

/// Python's names, as the ancestors wrote them.
const char* python_name(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO";
    case Level::warning:
      return "WARNING";
    case Level::error:
      return "ERROR";
    case Level::critical:
      return "CRITICAL";
  }
  return "INFO";
}

/// The one log of the process. Sinks are spdlog's; the line is ours.
struct Log {
  std::shared_ptr<spdlog::logger> sink;
  Settings settings;

  Log() { open({}); }

  void open(const Settings& wanted) {
    settings = wanted;
    std::shared_ptr<spdlog::logger> next;
    if (settings.file.empty()) {
      next = std::make_shared<spdlog::logger>("rbit",
                                              std::make_shared<spdlog::sinks::stderr_sink_mt>());
    } else {
      next = std::make_shared<spdlog::logger>(
          "rbit", std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file));
    }
    next->set_pattern("%v");
    next->set_level(to_spdlog(settings.level));
    next->flush_on(spdlog::level::trace);  // a crash must not eat the line that explains it
    sink = std::move(next);
  }
};

Log& the_log() {
  static Log log;
  return log;
}

std::string stamp(const char* format, bool utc) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  utc ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, format, &parts);
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() %
      1'000'000;
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, utc ? ".%06d" : ",%03d",
                static_cast<int>(utc ? micros : micros / 1000));
  return std::string(text) + fraction;
}

/// At most as long as a text record may be, and no half letter at the end.
std::string cut(std::string text) {
  constexpr std::size_t longest = 2048;  // RELIABILITY.md 7, rule 6
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  text.resize(end);
  return text + "...";
}

std::string json_line(Level level, std::string_view logger, std::string_view message,
                      const Fields& fields, const Location& where) {
  nlohmann::ordered_json record;
  record["levelname"] = python_name(level);
  record["name"] = logger;
  record["pathname"] = where.file_name();
  record["lineno"] = where.line();
  record["message"] = cut(std::string(message));
  for (const auto& [name, value] : fields) record[name] = cut(secrets::redacted(value));
  record["timestamp"] = stamp("%Y-%m-%dT%H:%M:%S", true) + "+00:00";
  return record.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

std::string text_line(Level level, std::string_view logger, std::string_view message) {
  std::string name(python_name(level));
  name.resize(5, ' ');  // %(levelname)-5.5s
  return stamp("%Y-%m-%d %H:%M:%S", false) + " " + name + " [" + std::string(logger) + "] " +
         text::one_line(message);
}

}  // namespace

void configure(const Settings& settings) {
  try {
    the_log().open(settings);
  } catch (const spdlog::spdlog_ex& error) {
    throw Fatal(ExitCode::config,
                Error{settings.file, error.what(), "make its directory writable for rbit"});
  }
}

bool enabled(Level level) {
  return the_log().sink->should_log(to_spdlog(level));
}

void write(Level level, std::string_view logger, std::string_view message, const Fields& fields,
           const Location& where) {
  if (!enabled(level)) return;
  Log& log = the_log();
  const std::string shown = secrets::redacted(message);
  log.sink->log(to_spdlog(level), log.settings.json ? json_line(level, logger, shown, fields, where)
                                                    : text_line(level, logger, shown));
}

void flush() {
  the_log().sink->flush();
}

void reopen() {
  try {
    the_log().open(Settings(the_log().settings));
  } catch (const spdlog::spdlog_ex& failed) {
    error("the log file could not be opened again: " + std::string(failed.what()));
  }
}

}  // namespace rbit::log
