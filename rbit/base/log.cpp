#include "rbit/base/log.h"

#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "rbit/base/log_file.h"
#include "rbit/base/log_format.h"
#include "rbit/base/log_name.h"
#include "rbit/base/log_rotating_file.h"
#include "rbit/base/log_runners.h"
#include "rbit/base/log_syslog.h"
#include "rbit/base/log_timed_file.h"
#include "rbit/base/log_watched_file.h"
#include "rbit/base/result.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"

namespace rbit::log {

namespace {

using Kind = HandlerSettings::Kind;

constexpr std::string_view our_logger = "rbit", runners_logger = "roadrunners";

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

/// "2026-11-20T23:28:54.964532+00:00"
std::string timestamp(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32], fraction[16];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count() %
      1'000'000;
  std::snprintf(fraction, sizeof fraction, ".%06d+00:00", static_cast<int>(micros));
  return std::string(text) + fraction;
}

std::string json_line(const Record& record) {
  nlohmann::ordered_json members;
  members["levelname"] = python_name(record.level);
  members["name"] = record.logger;
  members["pathname"] = record.where.file_name();
  members["lineno"] = record.where.line();
  constexpr std::size_t longest = 2048;  // bytes, as of a text record
  members["message"] = text::shortened(record.message, longest);
  for (const auto& [name, value] : record.fields) members[name] = text::shortened(value, longest);
  members["timestamp"] = timestamp(record.time);
  return members.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

spdlog::sink_ptr make_sink(const HandlerSettings& settings, bool again) {
  const bool truncate = settings.truncate && !again;
  switch (settings.kind) {
    case Kind::standard_error:
      return std::make_shared<spdlog::sinks::stderr_sink_mt>();
    case Kind::standard_output:
      return std::make_shared<spdlog::sinks::stdout_sink_mt>();
    case Kind::nothing:
      break;
    case Kind::file:
      return std::make_shared<LogFile>(settings.path, truncate);
    case Kind::watched:
      return std::make_shared<WatchedFile>(settings.path, truncate);
    case Kind::rotating:
      return std::make_shared<RotatingFile>(settings.path, truncate, settings.max_bytes,
                                            settings.backups);
    case Kind::timed:
      return std::make_shared<TimedFile>(
          settings.path, TimedFile::Turn{settings.when, settings.interval}, settings.backups);
    case Kind::syslog:
      if (!settings.path.empty())
        return std::make_shared<SyslogSocket>(settings.path, settings.facility);
      return std::make_shared<SyslogSocket>(settings.host, settings.port, settings.facility);
  }
  return std::make_shared<spdlog::sinks::null_sink_mt>();
}

/// One handler at work. The sink is spdlog's or one like it; which records and which line is ours.
class Handler {
 public:
  /// `again`: it has been opened before, and what it wrote stays.
  Handler(const HandlerSettings& settings, bool again)
      : level_(settings.level),
        json_(settings.json),
        format_(settings.format, settings.date_format) {
    out_ = std::make_shared<spdlog::logger>("rbit log", make_sink(settings, again));
    out_->set_pattern("%v");
    out_->set_level(spdlog::level::trace);
    out_->flush_on(spdlog::level::trace);  // a crash must not eat the line that explains it
  }

  bool takes(Level level) const { return level >= level_; }
  void write(const Record& record) const {
    out_->log(record.time, spdlog::source_loc{}, to_spdlog(record.level),
              json_ ? json_line(record) : format_.line(record));
  }
  void flush() const { out_->flush(); }

 private:
  Level level_;
  bool json_;
  Format format_;
  std::shared_ptr<spdlog::logger> out_;
};

/// Which records go where: never changed once made, so that threads need no lock to use it.
class Routes {
 public:
  Routes(const Settings& settings, bool again) : settings_(settings) {
    auto handlers = settings.handlers;
    if (handlers.empty()) {
      HandlerSettings one;
      one.json = settings.json;
      one.path = settings.file;
      if (!one.path.empty()) one.kind = Kind::file;
      handlers.push_back(one);
    }
    for (const auto& handler : handlers) handlers_.emplace_back(handler, again);
    for (const auto& logger : settings.loggers) loggers_[logger.name] = logger;
    if (loggers_.empty()) {
      auto& root = loggers_[""];
      for (std::size_t i = 0; i < handlers_.size(); ++i)
        root.handlers.push_back(static_cast<int>(i));
    }
    auto& root_level = loggers_[""].level;
    if (!root_level) root_level = settings.level;
  }

  const Settings& settings() const { return settings_; }

  /// Calls `visit` with each handler that such a record of that logger goes to.
  template <class Visit>
  void visit(std::string_view logger, Level level, const Visit& visit) const {
    const LoggerSettings* at = nearest(logger);
    if (level < level_of(logger)) return;
    for (;;) {
      for (const int handler : at->handlers)
        if (const auto& one = handlers_[static_cast<std::size_t>(handler)]; one.takes(level))
          visit(one);
      if (at->name.empty() || !at->propagate) return;
      at = parent(*at);
    }
  }

  void flush() const {
    for (const auto& handler : handlers_) handler.flush();
  }

  Level level_of(std::string_view logger) const {
    const LoggerSettings* at = nearest(logger);
    while (!at->level) at = parent(*at);  // root has one
    return *at->level;
  }

  bool has_logger(std::string_view name) const { return loggers_.contains(name); }

 private:
  /// The one of that name, or of the nearest parent of it that is there: "a.b" is a child of "a".
  const LoggerSettings* nearest(std::string_view name) const {
    for (;;) {
      if (const auto found = loggers_.find(name); found != loggers_.end()) return &found->second;
      const auto dot = name.rfind('.');
      name = name.substr(0, dot == std::string_view::npos ? 0 : dot);
    }
  }
  const LoggerSettings* parent(const LoggerSettings& logger) const {
    const auto dot = logger.name.rfind('.');
    return nearest(std::string_view(logger.name).substr(0, dot == std::string::npos ? 0 : dot));
  }

  Settings settings_;
  std::vector<Handler> handlers_;
  std::map<std::string, LoggerSettings, std::less<>> loggers_;
};

/// The one log of the process.
class Log {
 public:
  Log() : routes_(std::make_shared<Routes>(Settings{}, false)) {}

  std::shared_ptr<const Routes> routes() const {
    const std::lock_guard<std::mutex> guard(mutex_);
    return routes_;
  }
  std::string shown_name(std::string_view logger) const {
    const std::lock_guard<std::mutex> guard(mutex_);
    const bool ours = logger == our_logger || logger.starts_with("rbit.");
    if (shown_as_.empty() || !ours) return std::string(logger);
    return shown_as_ + std::string(logger.substr(our_logger.size()));
  }
  void show_as(std::string name) {
    const std::lock_guard<std::mutex> guard(mutex_);
    shown_as_ = std::move(name);
  }
  void use(std::shared_ptr<const Routes> routes) {
    const std::lock_guard<std::mutex> guard(mutex_);
    routes_.swap(routes);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Routes> routes_;
  std::string shown_as_;
};

Log& the_log() {
  static Log log;
  return log;
}

}  // namespace

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

int python_number(Level level) {
  return 10 * (static_cast<int>(level) + 1);
}

void configure(const Settings& settings) {
  try {
    the_log().use(std::make_shared<Routes>(settings, false));
  } catch (const spdlog::spdlog_ex& error) {
    throw Fatal(ExitCode::config,
                Error{"the log", error.what(),
                      "see [log] file and the handlers; a file's directory must be writable"});
  }
}

bool enabled(Level level) {
  bool seen = false;
  the_log().routes()->visit("rbit", level, [&](const Handler&) { seen = true; });
  return seen;
}

void show_as(std::string name) {
  the_log().show_as(std::move(name));
}

void write(Level level, std::string_view logger, std::string_view message, const Fields& fields,
           const Location& where) {
  const auto routes = the_log().routes();
  std::optional<std::string> shown;
  std::string name;
  const auto now = std::chrono::system_clock::now();
  routes->visit(logger, level, [&](const Handler& handler) {
    if (!shown) {
      shown = secrets::redacted(message);
      name = the_log().shown_name(logger);
    }
    handler.write({level, name, *shown, fields, where, now});
  });
}

std::optional<Level> runner_level() {
  const auto routes = the_log().routes();
  if (!routes->has_logger(runners_logger)) return std::nullopt;
  return routes->level_of(runners_logger);
}

void of_runner(std::string_view level, std::string_view message) {
  if (!runner_level()) return;
  const std::string word = text::upper(level);
  const Level its = word == "DEBUG"                         ? Level::debug
                    : word == "WARNING" || word == "WARN"   ? Level::warning
                    : word == "ERROR"                       ? Level::error
                    : word == "CRITICAL" || word == "FATAL" ? Level::critical
                                                            : Level::info;
  write(its, runners_logger, message, {}, BOOST_CURRENT_LOCATION);
}

void flush() {
  the_log().routes()->flush();
}

void reopen() {
  try {
    the_log().use(std::make_shared<Routes>(the_log().routes()->settings(), true));
  } catch (const spdlog::spdlog_ex& failed) {
    error("the log file could not be opened again: " + std::string(failed.what()));
  }
}

}  // namespace rbit::log
