#include <algorithm>
#include <map>

#include "rbit/base/text.h"
#include "rbit/config/logging_args.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"
#include "rbit/log/format.h"

namespace rbit::config {

namespace {

constexpr std::string_view plain_format = "%(message)s";  // Python's, where nothing else is said
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
  Part(const Ini& section, Loaded& loaded)
      : section_(section), teller_(&section, "", section.data().spelled, loaded) {}

  const IniValue* entry(std::string_view key) const { return find_value(section_, key); }

  /// The value with its %(key)s replaced, as ConfigParser did; empty if there is none.
  std::string value(std::string_view key) {
    const IniValue* entry = this->entry(key);
    if (!entry) return "";
    std::string text = entry->text;
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

  void error(std::string_view key, const std::string& text) { teller_.error(key, text); }
  void warning(std::string_view key, const std::string& text) { teller_.warning(key, text); }

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
        const IniValue* named = end == std::string::npos ? nullptr : entry(name);
        if (!named) {
          error(key, "%(" + text::one_line(name, 80) + ")s names no key of this section");
          return std::nullopt;
        }
        out += named->text;
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

  const Ini& section_;
  SectionReader teller_;
};

class Reader {
 public:
  Reader(const Ini& ini, Loaded& loaded) : ini_(ini), loaded_(loaded) {}

  PythonLogging read() {
    constexpr const char* lists[] = {"loggers", "handlers", "formatters"};
    const Ini* first = nullptr;
    for (const char* list : lists)
      if (!first) first = find_child(ini_, list);
    if (!first) return {};
    result_.said = true;
    const auto loggers = names("loggers", *first);
    handlers_ = names("handlers", *first);
    formatters_ = names("formatters", *first);
    if (const auto* section = find_child(ini_, "loggers"); section && !contains(loggers, "root"))
      part(*section).error("keys", "'root' must be among them");
    for (const auto& name : formatters_) read_formatter(name);
    for (const auto& name : handlers_) read_handler(name);
    for (const auto& name : loggers) read_logger(name);
    return result_;
  }

 private:
  Part part(const Ini& section) { return {section, loaded_}; }

  /// The `keys` of one of the three lists. Once one is there the others must be.
  std::vector<std::string> names(const std::string& list, const Ini& first) {
    const Ini* section = find_child(ini_, list);
    if (!section) {
      part(first).error("", "needs [" + list + "] beside it (keys = ... may be empty there)");
      return {};
    }
    Part keys = part(*section);
    return keys.require("keys") ? comma_list(keys.value("keys")) : std::vector<std::string>{};
  }

  const Ini* named(const std::string& list, const std::string& prefix, const std::string& name) {
    const Ini* section = find_child(ini_, prefix + name);
    if (!section)
      part(*find_child(ini_, list)).error("keys", "no [" + prefix + text::one_line(name, 80) + "]");
    return section;
  }

  /// None if it is not said; NOTSET lets all through.
  std::optional<log::Level> level(Part& part) {
    const IniValue* entry = part.entry("level");
    if (!entry) return std::nullopt;
    const std::string value = text::upper(part.value("level"));
    if (value == "WARN") return log::Level::warning;
    if (value == "NOTSET") return log::Level::debug;
    if (const auto known = value_in(log::level_names, value)) return known;
    part.error("level", "'" + text::one_line(entry->text, 80) +
                            "' is not known (known: CRITICAL, ERROR, WARN, WARNING, INFO, DEBUG, "
                            "NOTSET)");
    return std::nullopt;
  }

  void read_formatter(const std::string& name) {
    const Ini* section = named("formatters", "formatter_", name);
    if (!section) return;
    Part formatter = part(*section);
    if (const auto type = formatter.value("class");
        !type.empty() && type != "logging.Formatter" && type != "Formatter")
      formatter.error("class",
                      "'" + text::one_line(type, 80) + "' is not known (known: logging.Formatter)");
    log::HandlerSettings made;  // of which only the format counts
    made.format = plain_format;
    // Both raw: their %(name)s and %H are their own.
    if (const IniValue* date = formatter.entry("datefmt")) made.date_format = date->text;
    if (const IniValue* format = formatter.entry("format"); format && !format->text.empty()) {
      made.format = format->text;
      check_format(formatter, made.format);
    }
    formats_[name] = made;
    note(*section, {"format", "datefmt", "class"});
  }

  static void check_format(Part& formatter, const std::string& format) {
    if (const auto good = log::Format::check(format); !good) {
      formatter.error("format", good.error().text());
      return;
    }
    for (std::size_t i = 0; (i = format.find("%(", i)) != std::string::npos; ++i) {
      if (i > 0 && format[i - 1] == '%') continue;
      const auto field = format.substr(i + 2, format.find(')', i) - i - 2);
      if (!log::Format::is_field(field))
        formatter.warning("format", "%(" + text::one_line(field, 80) + ") is not known");
    }
  }

  void read_handler(const std::string& name) {
    const Ini* section = named("handlers", "handler_", name);
    if (!section) return;
    Part handler = part(*section);
    const auto its_level = level(handler);
    const auto formatter = handler.value("formatter");
    if (!formatter.empty() && !contains(formatters_, formatter))
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
      else
        add_handler(name, make_handler(type, *args, loaded_.settings.directory), its_level,
                    formatter);
    }
    note(*section, {"class", "args", "level", "formatter"});
  }

  void add_handler(const std::string& name, log::HandlerSettings handler,
                   std::optional<log::Level> level, const std::string& formatter) {
    if (level) handler.level = *level;
    handler.format = plain_format;
    if (const auto format = formats_.find(formatter); format != formats_.end()) {
      handler.format = format->second.format;
      handler.date_format = format->second.date_format;
    }
    places_[name] = static_cast<int>(result_.handlers.size());
    result_.handlers.push_back(std::move(handler));
  }

  void read_logger(const std::string& name) {
    const Ini* section = named("loggers", "logger_", name);
    if (!section) return;
    Part logger = part(*section);
    std::string qualified = "root";
    if (name != "root" && logger.require("qualname")) qualified = logger.value("qualname");
    const std::string propagate = logger.value("propagate");
    if (logger.entry("propagate") && propagate != "0" && propagate != "1")
      logger.error("propagate", "'" + text::one_line(propagate, 80) + "' is not 0 or 1");
    const auto its_level = level(logger);
    std::vector<std::string> its_handlers;
    if (logger.require("handlers")) its_handlers = comma_list(logger.value("handlers"));
    for (const auto& handler : its_handlers)
      if (!contains(handlers_, handler))
        logger.error("handlers", "'" + text::one_line(handler, 80) + "' is not in [handlers] keys");

    note(*section, {"level", "handlers", "qualname", "propagate"});
    log::LoggerSettings made;
    made.name = our_name(name == "root" ? "" : qualified);
    made.level = its_level;
    // NOTSET means: as the parent. Root has none.
    const IniValue* said = logger.entry("level");
    if (said && name != "root" && text::upper(logger.value("level")) == "NOTSET")
      made.level.reset();
    for (const auto& handler : its_handlers)
      if (const auto place = places_.find(handler); place != places_.end())
        made.handlers.push_back(place->second);
    made.propagate = propagate != "0";
    result_.loggers.push_back(std::move(made));
  }

  /// coyote was rbit's name for a while.
  static std::string our_name(const std::string& qualified) {
    constexpr std::string_view old = "coyote";
    if (qualified == old || qualified.starts_with("coyote."))
      return "rbit" + qualified.substr(old.size());
    return qualified;
  }

  void note(const Ini& section, std::initializer_list<std::string_view> keys) {
    for (const auto key : keys)
      if (const IniValue* entry = find_value(section, key))
        result_.values.push_back(
            {section.data().spelled, std::string(key), entry->text, entry->place});
  }

  const Ini& ini_;
  Loaded& loaded_;
  std::vector<std::string> handlers_, formatters_;
  std::map<std::string, log::HandlerSettings> formats_;  // by NAME of [formatter_NAME]
  std::map<std::string, int> places_;                    // of [handler_NAME] in the result
  PythonLogging result_;
};

}  // namespace

PythonLogging read_python_logging(const Ini& ini, Loaded& loaded) {
  return Reader(ini, loaded).read();
}

}  // namespace rbit::config
