#include <algorithm>
#include <filesystem>

#include "rbit/base/text.h"
#include "rbit/config/logging_args.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

constexpr std::string_view levels[] = {"CRITICAL", "ERROR", "WARNING", "WARN",
                                       "INFO",     "DEBUG", "NOTSET"};
/// What a format may name (INTEROP.md 1.4).
constexpr std::string_view fields[] = {"name",     "levelname", "levelno",  "asctime",
                                       "message",  "process",   "thread",   "threadName",
                                       "created",  "msecs",     "filename", "lineno",
                                       "funcName", "module",    "pathname", "relativeCreated"};

template <class Range>
bool contains(const Range& range, std::string_view one) {
  return std::find(std::begin(range), std::end(range), one) != std::end(range);
}

std::vector<std::string> comma_list(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& part : text::split(text, ','))
    if (const auto name = text::trim(part); !name.empty()) out.emplace_back(name);
  return out;
}

/// One of the logging sections, with its findings.
class Part {
 public:
  Part(const IniSection& section, std::vector<Finding>& findings)
      : section_(section), findings_(findings) {}

  const IniEntry* entry(std::string_view key) const { return section_.find(key); }

  /// The value with its %(key)s replaced, as ConfigParser did; empty if there is none.
  std::string value(std::string_view key) {
    const IniEntry* entry = section_.find(key);
    if (!entry) return "";
    std::string text = entry->value;
    for (int depth = 0; text.find("%(") != std::string::npos; ++depth) {
      if (depth == 10) {
        error(key, "its %(key)s lead back to themselves");
        return "";
      }
      auto replaced = interpolated(key, text);
      if (!replaced) return "";
      text = std::move(*replaced);
    }
    return text;
  }

  /// False and an error if the key is not there.
  bool require(std::string_view key) {
    if (entry(key)) return true;
    error("", "'" + std::string(key) + "' is missing");
    return false;
  }

  void error(std::string_view key, const std::string& text) {
    add(Finding::Severity::error, key, text);
  }
  void warning(std::string_view key, const std::string& text) {
    add(Finding::Severity::warning, key, text);
  }

 private:
  std::optional<std::string> interpolated(std::string_view key, const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 1 < text.size() && text[i + 1] == '%') {
        out += '%';
        ++i;
      } else if (text[i] == '%' && i + 1 < text.size() && text[i + 1] == '(') {
        const auto end = text.find(")s", i);
        const std::string name =
            text::lower(text.substr(i + 2, end == std::string::npos ? end : end - i - 2));
        const IniEntry* named = end == std::string::npos ? nullptr : section_.find(name);
        if (!named) {
          error(key, "%(" + text::one_line(name, 80) + ")s names no key of this section");
          return std::nullopt;
        }
        out += named->value;
        i = end + 1;
        if (out.size() > 65536) {  // a value may name itself twice, ten times over
          error(key, "its %(key)s make it too long");
          return std::nullopt;
        }
      } else {
        out += text[i];
      }
    }
    return out;
  }

  void add(Finding::Severity severity, std::string_view key, const std::string& text) {
    const IniEntry* at = section_.find(key);
    findings_.push_back(
        {severity, at ? at->place : section_.place,
         "[" + section_.name + "] " + (key.empty() ? "" : std::string(key) + ": ") + text});
  }

  const IniSection& section_;
  std::vector<Finding>& findings_;
};

class Reader {
 public:
  Reader(const Ini& ini, Loaded& loaded) : ini_(ini), loaded_(loaded) {}

  PythonLogging read() {
    constexpr const char* lists[] = {"loggers", "handlers", "formatters"};
    const IniSection* first = nullptr;
    for (const char* list : lists)
      if (!first) first = ini_.find(list);
    if (!first) return {};
    const auto loggers = names("loggers", *first);
    handlers_ = names("handlers", *first);
    formatters_ = names("formatters", *first);
    if (const auto* section = ini_.find("loggers"); section && !contains(loggers, "root"))
      part(*section).error("keys", "'root' must be among them");
    for (const auto& name : formatters_) read_formatter(name);
    for (const auto& name : handlers_) read_handler(name);
    for (const auto& name : loggers) read_logger(name);
    return result_;
  }

 private:
  Part part(const IniSection& section) { return {section, loaded_.findings}; }

  /// The `keys` of one of the three lists. Once one is there the others must be.
  std::vector<std::string> names(const std::string& list, const IniSection& first) {
    const IniSection* section = ini_.find(list);
    if (!section) {
      part(first).error("", "needs [" + list + "] beside it (keys = ... may be empty there)");
      return {};
    }
    Part keys = part(*section);
    return keys.require("keys") ? comma_list(keys.value("keys")) : std::vector<std::string>{};
  }

  const IniSection* named(const std::string& list, const std::string& prefix,
                          const std::string& name) {
    const IniSection* section = ini_.find(prefix + name);
    if (!section)
      part(*ini_.find(list)).error("keys", "no [" + prefix + text::one_line(name, 80) + "]");
    return section;
  }

  /// As [log] level spells it; empty for none and for NOTSET.
  std::string level(Part& part) {
    const IniEntry* entry = part.entry("level");
    if (!entry) return "";
    const std::string value = text::upper(part.value("level"));
    if (!contains(levels, value)) {
      part.error("level", "'" + text::one_line(entry->value, 80) +
                              "' is not known (known: CRITICAL, ERROR, WARN, WARNING, INFO, DEBUG, "
                              "NOTSET)");
      return "";
    }
    if (value == "NOTSET") return "";
    return value == "WARN" ? "WARNING" : value;
  }

  void read_formatter(const std::string& name) {
    const IniSection* section = named("formatters", "formatter_", name);
    if (!section) return;
    Part formatter = part(*section);
    if (const auto type = formatter.value("class");
        !type.empty() && type != "logging.Formatter" && type != "Formatter")
      formatter.error("class",
                      "'" + text::one_line(type, 80) + "' is not known (known: logging.Formatter)");
    const IniEntry* format = formatter.entry("format");  // raw: its %(name)s are its own
    for (std::size_t i = 0; format && (i = format->value.find("%(", i)) != std::string::npos; ++i) {
      const auto end = format->value.find(')', i);
      const auto field = format->value.substr(i + 2, end == std::string::npos ? end : end - i - 2);
      if (!contains(fields, field))
        formatter.warning("format", "%(" + text::one_line(field, 80) + ") is not known");
    }
  }

  void read_handler(const std::string& name) {
    const IniSection* section = named("handlers", "handler_", name);
    if (!section) return;
    Part handler = part(*section);
    level(handler);
    if (const auto formatter = handler.value("formatter");
        !formatter.empty() && !contains(formatters_, formatter))
      handler.error("formatter",
                    "'" + text::one_line(formatter, 80) + "' is not in [formatters] keys");
    const bool has_class = handler.require("class"), has_args = handler.require("args");
    if (!has_class) return;
    std::string type = handler.value("class");
    if (type.starts_with("logging.")) type.erase(0, 8);
    const auto known = check_handler_class(type);
    if (!known) handler.error("class", known.error().text());
    if (!has_args) return;
    const auto args = parse_logging_args(handler.value("args"));
    if (!args) {
      handler.error("args", args.error().text());
    } else if (known) {
      if (const auto fits = check_handler(type, *args); !fits)
        handler.error("args", fits.error().text());
      else if (type == "FileHandler" || type == "handlers.WatchedFileHandler")
        files_.push_back({name, args->front().text, handler.entry("args")->place});
    }
  }

  void read_logger(const std::string& name) {
    const IniSection* section = named("loggers", "logger_", name);
    if (!section) return;
    Part logger = part(*section);
    std::string qualified = "root";
    if (name != "root" && logger.require("qualname")) qualified = logger.value("qualname");
    if (const IniEntry* propagate = logger.entry("propagate");
        propagate && propagate->value != "0" && propagate->value != "1")
      logger.error("propagate", "'" + text::one_line(propagate->value, 80) + "' is not 0 or 1");
    const auto its_level = level(logger);
    std::vector<std::string> its_handlers;
    if (logger.require("handlers")) its_handlers = comma_list(logger.value("handlers"));
    for (const auto& handler : its_handlers)
      if (!contains(handlers_, handler))
        logger.error("handlers", "'" + text::one_line(handler, 80) + "' is not in [handlers] keys");

    const bool ours = qualified == "rbit" || qualified == "coyote";
    if (!ours && qualified != "root") return;
    // Our own logger's word counts before root's, whichever stands first.
    if (!its_level.empty() && (ours || result_.level.empty())) {
      result_.level = its_level;
      result_.level_place = logger.entry("level")->place;
    }
    if (its_handlers.size() != 1) return;
    for (const auto& file : files_) {
      if (file.handler != its_handlers.front() || (!ours && !result_.file.empty())) continue;
      result_.file = (std::filesystem::path(loaded_.settings.directory) / file.path)
                         .lexically_normal()
                         .string();
      result_.file_place = file.place;
    }
  }

  struct File {
    std::string handler, path;
    Place place;
  };

  const Ini& ini_;
  Loaded& loaded_;
  std::vector<std::string> handlers_, formatters_;
  std::vector<File> files_;  // of the handlers that write one plain file
  PythonLogging result_;
};

}  // namespace

PythonLogging read_python_logging(const Ini& ini, Loaded& loaded) {
  return Reader(ini, loaded).read();
}

}  // namespace rbit::config
