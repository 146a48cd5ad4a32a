#include "rbit/log/log.h"

#include <spdlog/common.h>

#include <map>
#include <memory>
#include <mutex>

#include "rbit/base/complaint.h"
#include "rbit/base/result.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/log/name.h"
#include "rbit/log/output.h"

namespace rbit::log {

namespace {

using Kind = HandlerSettings::Kind;

constexpr std::string_view our_logger = "rbit";

/// Which records go where: never changed once made, so that threads need no lock to use it.
class Routes {
 public:
  explicit Routes(const Settings& settings) {
    auto handlers = settings.handlers;
    if (handlers.empty()) {
      HandlerSettings one;
      one.json = settings.json;
      one.with_facts = settings.with_facts;
      one.path = settings.file;
      if (!one.path.empty()) one.kind = Kind::file;
      handlers.push_back(one);
    }
    for (const auto& handler : handlers) outputs_.emplace_back(handler);
    for (const auto& logger : settings.loggers) loggers_[logger.name] = logger;
    if (loggers_.empty()) {
      auto& root = loggers_[""];
      for (std::size_t i = 0; i < outputs_.size(); ++i)
        root.handlers.push_back(static_cast<int>(i));
    }
    auto& root_level = loggers_[""].level;
    if (!root_level) root_level = settings.level;
  }

  /// Calls `visit` with each output that such a record of that logger goes to.
  template <class Visit>
  void visit(std::string_view logger, Level level, const Visit& visit) const {
    const LoggerSettings* at = nearest(logger);
    if (level < level_of(logger)) return;
    for (;;) {
      for (const int handler : at->handlers)
        if (const auto& one = outputs_[static_cast<std::size_t>(handler)]; one.takes(level))
          visit(one);
      if (at->name.empty() || !at->propagate) return;
      at = nearest(parent_of(at->name));
    }
  }

  void reopen() const {
    for (const auto& output : outputs_) output.reopen();
  }

  Level level_of(std::string_view logger) const {
    const LoggerSettings* at = nearest(logger);
    while (!at->level) at = nearest(parent_of(at->name));  // root has one
    return *at->level;
  }

  bool has_logger(std::string_view name) const { return loggers_.contains(name); }

 private:
  /// "a" of "a.b", else root.
  static std::string_view parent_of(std::string_view name) {
    const auto dot = name.rfind('.');
    return name.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
  /// The one of that name, or of the nearest parent of it that is there.
  const LoggerSettings* nearest(std::string_view name) const {
    auto found = loggers_.find(name);
    for (; found == loggers_.end(); found = loggers_.find(name)) name = parent_of(name);
    return &found->second;
  }

  std::vector<Output> outputs_;
  std::map<std::string, LoggerSettings, std::less<>> loggers_;
};

/// The one log of the process.
struct Log {
  std::mutex mutex;
  std::shared_ptr<const Routes> routes = std::make_shared<Routes>(Settings{});
  std::string shown_as;
};

/// Never destroyed: a writer's thread may have something to tell until the very end.
Log& the_log() {
  static Log& log = *new Log;
  return log;
}

std::shared_ptr<const Routes> routes_now() {
  const std::lock_guard<std::mutex> guard(the_log().mutex);
  return the_log().routes;
}

constexpr auto flush_limit = std::chrono::seconds(1);

void hear(const std::string& line, Complaint kind) {
  const bool is_last = kind == Complaint::is_last;
  is_last ? critical(line) : error(line);
  if (is_last) flush();
}

}  // namespace

void configure(const Settings& settings) {
  listen_to_complaints(hear);
  try {
    std::shared_ptr<const Routes> routes = std::make_shared<Routes>(settings);
    const std::lock_guard<std::mutex> guard(the_log().mutex);
    the_log().routes.swap(routes);  // the old ones go without the lock
  } catch (const spdlog::spdlog_ex& error) {
    throw Fatal(ExitCode::config,
                Error{"the log", error.what(),
                      "see [log] file and the handlers; a file's directory must be writable"});
  }
}

bool enabled(Level level) {
  bool seen = false;
  routes_now()->visit(our_logger, level, [&](const Output&) { seen = true; });
  return seen;
}

std::string shown_name(std::string_view logger) {
  const std::lock_guard<std::mutex> guard(the_log().mutex);
  const std::string& shown = the_log().shown_as;
  const bool ours = logger == our_logger || logger.starts_with("rbit.");
  if (shown.empty() || !ours) return std::string(logger);
  return shown + std::string(logger.substr(our_logger.size()));
}

void show_as(std::string name) {
  const std::lock_guard<std::mutex> guard(the_log().mutex);
  the_log().shown_as = std::move(name);
}

void write(Level level, std::string_view logger, std::string_view message, const Fields& fields,
           const Location& where) {
  const auto routes = routes_now();
  std::optional<std::string> shown;
  std::string name;
  const auto now = std::chrono::system_clock::now();
  routes->visit(logger, level, [&](const Output& output) {
    if (!shown) {
      shown = secrets::redacted(message);
      name = shown_name(logger);
    }
    output.write({level, name, *shown, fields, where, now});
  });
}

std::optional<Level> level_of(const std::string& logger) {
  const auto routes = routes_now();
  return routes->has_logger(logger) ? std::optional(routes->level_of(logger)) : std::nullopt;
}

void hand_on(const std::string& logger, std::string_view level, std::string_view message) {
  if (!level_of(logger)) return;
  const std::string word = text::upper(level);
  const Level its = word == "WARN"    ? Level::warning
                    : word == "FATAL" ? Level::critical
                                      : value_in(level_names, word).value_or(Level::info);
  write(its, logger, message, {}, BOOST_CURRENT_LOCATION);
}

void flush() {
  LogWriter::flush_all(flush_limit);
}

void print(std::string line) {
  StandardError::get().print(std::move(line));
}

void reopen() {
  routes_now()->reopen();
}

}  // namespace rbit::log
