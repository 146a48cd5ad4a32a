#include "rbit/config/logging_args.h"

#include <filesystem>

#include "rbit/base/names.h"
#include "rbit/base/text.h"

namespace rbit::config {

namespace {

using Kind = LoggingArg::Kind;

constexpr int deepest = 8;  // two would do for every class there is

constexpr Named<int> facilities[] = {
    {0, "KERN"},      {1, "USER"},    {2, "MAIL"},    {3, "DAEMON"},  {4, "AUTH"},
    {5, "SYSLOG"},    {6, "LPR"},     {7, "NEWS"},    {8, "UUCP"},    {9, "CRON"},
    {10, "AUTHPRIV"}, {11, "FTP"},    {16, "LOCAL0"}, {17, "LOCAL1"}, {18, "LOCAL2"},
    {19, "LOCAL3"},   {20, "LOCAL4"}, {21, "LOCAL5"}, {22, "LOCAL6"}, {23, "LOCAL7"}};

/// syslog's number, or -1.
int facility_of(std::string_view name) {
  if (name.starts_with("logging.")) name.remove_prefix(8);
  if (name.starts_with("handlers.")) name.remove_prefix(9);
  constexpr std::string_view prefix = "SysLogHandler.LOG_";
  if (!name.starts_with(prefix)) return -1;
  return value_in(facilities, name.substr(prefix.size())).value_or(-1);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<LoggingArg>> parse() {
    LoggingArg whole;
    skip();
    if (!item(whole, 0)) return failure_;
    skip();
    if (!text_.empty()) return Error{"", "has '" + shown(text_) + "' after its end", ""};
    if (whole.kind != Kind::tuple) return std::vector<LoggingArg>{whole};
    return whole.items;
  }

 private:
  static std::string shown(std::string_view text) { return text::one_line(text, 60); }

  bool fail(std::string reason) {
    failure_.reason = std::move(reason);
    return false;
  }
  void skip() {
    while (!text_.empty() && std::string_view(" \t\r\n").find(text_.front()) != text_.npos)
      text_.remove_prefix(1);
  }

  bool item(LoggingArg& out, int depth) {
    if (text_.empty()) return fail("ends where a value should stand");
    if (text_.front() == '(') return tuple(out, depth);
    if (text_.front() == '\'' || text_.front() == '"') return string(out);
    const auto end = text_.find_first_of(",() \t\r\n'\"");
    const auto word = text_.substr(0, end);
    text_.remove_prefix(word.size());
    out.text = word;
    long long number = 0;
    if (text::parse_number(word, -(1LL << 40), 1LL << 40, number)) {
      out.kind = Kind::number;
    } else if (word == "True" || word == "False" || word == "None") {
      out.kind = Kind::constant;
    } else if (word == "sys.stderr" || word == "sys.stdout" || facility_of(word) >= 0) {
      out.kind = Kind::name;
    } else {
      return fail("'" + shown(word) + "' is neither text, number nor a known name");
    }
    return true;
  }

  bool tuple(LoggingArg& out, int depth) {
    if (depth == deepest) return fail("has too many '(' in each other");
    out.kind = Kind::tuple;
    text_.remove_prefix(1);
    for (skip(); text_.empty() || text_.front() != ')'; skip()) {
      LoggingArg one;
      if (!item(one, depth + 1)) return false;
      out.items.push_back(std::move(one));
      skip();
      if (text_.empty()) return fail("has a '(' without its ')'");
      if (text_.front() == ',')
        text_.remove_prefix(1);
      else if (text_.front() != ')')
        return fail("has '" + shown(text_) + "' where ',' or ')' should stand");
    }
    text_.remove_prefix(1);
    return true;
  }

  bool string(LoggingArg& out) {
    const char quote = text_.front();
    text_.remove_prefix(1);
    out.kind = Kind::text;
    while (!text_.empty() && text_.front() != quote) {
      char c = text_.front();
      text_.remove_prefix(1);
      if (c == '\\' && !text_.empty()) {
        c = text_.front();
        text_.remove_prefix(1);
        if (c == 'n')
          c = '\n';
        else if (c == 't')
          c = '\t';
        else if (c != '\\' && c != '\'' && c != '"')
          return fail(std::string("has '\\") + shown({&c, 1}) +
                      "', which is none of \\\\ \\' \\\" \\n \\t");
      }
      out.text += c;
    }
    if (text_.empty()) return fail(std::string("has a ") + quote + " without its end");
    text_.remove_prefix(1);
    return true;
  }

  std::string_view text_;
  Error failure_;
};

bool is_text(const LoggingArg& arg) {
  return arg.kind == Kind::text;
}
long long number_of(const LoggingArg& arg) {
  long long number = -1;
  return arg.kind == Kind::number && text::parse_number(arg.text, 0, 1LL << 40, number) ? number
                                                                                        : -1;
}
template <long long least, long long most>
bool is_number(const LoggingArg& arg) {
  return number_of(arg) >= least && number_of(arg) <= most;
}
constexpr auto is_backups = is_number<0, 10'000>;
/// Python's: to append or to begin anew; what else can stand there says nothing to us.
bool is_mode(const LoggingArg& arg) {
  return is_text(arg) && !arg.text.empty() && (arg.text[0] == 'a' || arg.text[0] == 'w') &&
         arg.text.find_first_not_of("bt+", 1) == std::string::npos;
}
bool is_stream(const LoggingArg& arg) {
  return arg.kind == Kind::name && arg.text.starts_with("sys.");
}
bool is_when(const LoggingArg& arg) {
  const std::string when = text::upper(arg.text);
  return is_text(arg) && text::is_one_of(when, {"S", "M", "H", "D", "MIDNIGHT", "W0", "W1", "W2",
                                                "W3", "W4", "W5", "W6"});
}
bool is_path(const LoggingArg& arg) {
  return is_text(arg) && !arg.text.empty();
}
bool is_address(const LoggingArg& arg) {
  return is_path(arg) || (arg.kind == Kind::tuple && arg.items.size() == 2 &&
                          is_path(arg.items[0]) && is_number<1, 65535>(arg.items[1]));
}
bool is_facility_arg(const LoggingArg& arg) {
  return arg.kind == Kind::name && !is_stream(arg);
}

/// What a class takes: at least `least` args, each passing the test at its place.
struct HandlerClass {
  std::string_view name;
  std::size_t least;
  std::vector<bool (*)(const LoggingArg&)> tests;
  std::string_view shape;
};

const std::vector<HandlerClass>& handler_classes() {
  static const std::vector<HandlerClass> classes{
      {"StreamHandler", 0, {is_stream}, "() or (sys.stderr,) or (sys.stdout,)"},
      {"FileHandler", 1, {is_path, is_mode}, "('path'[, 'mode']) with 'a' or 'w' for mode"},
      {"NullHandler", 0, {}, "()"},
      {"handlers.WatchedFileHandler",
       1,
       {is_path, is_mode},
       "('path'[, 'mode']) with 'a' or 'w' for mode"},
      {"handlers.RotatingFileHandler",
       1,
       {is_path, is_mode, is_number<0, 1LL << 40>, is_backups},
       "('path'[, 'mode'[, max-bytes[, backups]]]) with 'a' or 'w' for mode"},
      {"handlers.TimedRotatingFileHandler",
       1,
       {is_path, is_when, is_number<1, 1'000'000>, is_backups},
       "('path'[, 'when'[, interval[, backups]]]) with S M H D W0..W6 or midnight for when"},
      {"handlers.SysLogHandler",
       1,
       {is_address, is_facility_arg},
       "('/dev/log'[, facility]) or (('host', port)[, facility])"},
  };
  return classes;
}

const HandlerClass* find_class(std::string_view name) {
  for (const auto& known : handler_classes())
    if (known.name == name) return &known;
  return nullptr;
}

}  // namespace

Result<std::vector<LoggingArg>> parse_logging_args(std::string_view text) {
  return Parser(text).parse();
}

Result<void> check_handler_class(std::string_view handler_class) {
  if (find_class(handler_class)) return {};
  std::vector<std::string> known;
  for (const auto& one : handler_classes()) known.emplace_back(one.name);
  return Error{"", "'" + text::one_line(handler_class, 80) + "' is not known",
               "known: " + text::join(known, ", ")};
}

Result<void> check_handler(std::string_view handler_class, const std::vector<LoggingArg>& args) {
  const HandlerClass* known = find_class(handler_class);
  if (!known) return check_handler_class(handler_class);
  bool fits = args.size() >= known->least && args.size() <= known->tests.size();
  for (std::size_t i = 0; fits && i < args.size(); ++i) fits = known->tests[i](args[i]);
  if (fits) return {};
  return Error{"", std::string(handler_class) + " takes " + std::string(known->shape), ""};
}

log::HandlerSettings make_handler(std::string_view handler_class,
                                  const std::vector<LoggingArg>& args,
                                  const std::string& directory) {
  using Kind = log::HandlerSettings::Kind;
  log::HandlerSettings handler;
  const auto text = [&](std::size_t i) { return i < args.size() ? args[i].text : std::string(); };
  const auto number = [&](std::size_t i, long long otherwise) {
    return i < args.size() ? number_of(args[i]) : otherwise;
  };
  if (handler_class == "NullHandler") {
    handler.kind = Kind::nothing;
  } else if (handler_class == "StreamHandler") {
    if (text(0) == "sys.stdout") handler.kind = Kind::standard_output;
  } else if (handler_class == "handlers.SysLogHandler") {
    handler.kind = Kind::syslog;
    if (args[0].kind == LoggingArg::Kind::tuple) {
      handler.host = args[0].items[0].text;
      handler.port = static_cast<int>(number_of(args[0].items[1]));
    } else {
      handler.path = text(0);
    }
    if (args.size() > 1) handler.facility = facility_of(text(1));
  } else {
    handler.path = (std::filesystem::path(directory) / text(0)).lexically_normal().string();
    handler.truncate = text(1).starts_with('w');
    handler.kind = handler_class == "FileHandler" ? Kind::file : Kind::watched;
    if (handler_class == "handlers.RotatingFileHandler") {
      handler.kind = Kind::rotating;
      handler.max_bytes = number(2, 0);
      handler.backups = static_cast<int>(number(3, 0));
    } else if (handler_class == "handlers.TimedRotatingFileHandler") {
      handler.kind = Kind::timed;
      handler.truncate = false;
      if (args.size() > 1) handler.when = text::upper(text(1));
      handler.interval = number(2, 1);
      handler.backups = static_cast<int>(number(3, 0));
    }
  }
  return handler;
}

}  // namespace rbit::config
