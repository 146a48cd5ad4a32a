#include "rbit/log/format.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>

#include "rbit/base/text.h"

namespace rbit::log {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::string_view fields[] = {"name",     "levelname", "levelno",  "asctime",
                                       "message",  "process",   "thread",   "threadName",
                                       "created",  "msecs",     "filename", "lineno",
                                       "funcName", "module",    "pathname", "relativeCreated"};
constexpr int widest = 1024;  // nobody needs more, and a slip may ask for gigabytes

const auto process_began = std::chrono::system_clock::now();

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

double seconds_of(std::chrono::system_clock::time_point time) {
  return static_cast<double>(duration_cast<microseconds>(time.time_since_epoch()).count()) / 1e6;
}

long thread_number() {
  return ::syscall(SYS_gettid);
}

/// Letters, not bytes: what is cut or filled keeps them whole.
std::size_t letters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), std::not_fn(text::continues_a_letter)));
}

std::string_view first_letters(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  while (end < text.size()) {
    if (!text::continues_a_letter(text[end]) && count-- == 0) break;
    ++end;
  }
  return text.substr(0, end);
}

bool is_number_field(std::string_view field) {
  for (const char* one :
       {"levelno", "process", "thread", "created", "msecs", "lineno", "relativeCreated"})
    if (field == one) return true;
  return false;
}

double number_of(std::string_view field, const Record& record) {
  if (field == "levelno") return python_number(record.level);
  if (field == "process") return static_cast<double>(::getpid());
  if (field == "thread") return static_cast<double>(thread_number());
  if (field == "lineno") return static_cast<double>(record.where.line());
  if (field == "created") return seconds_of(record.time);
  if (field == "relativeCreated")
    return (seconds_of(record.time) - seconds_of(process_began)) * 1000;
  const auto micros = duration_cast<microseconds>(record.time.time_since_epoch()).count();
  return static_cast<double>(micros % 1'000'000) / 1000;  // msecs
}

std::string text_of(std::string_view field, const Record& record) {
  const std::string_view path = record.where.file_name();
  if (field == "name") return std::string(record.logger);
  if (field == "levelname") return python_name(record.level);
  if (field == "message") return text::one_line(record.message);
  if (field == "threadName")
    return thread_number() == ::getpid() ? "MainThread"
                                         : "Thread-" + std::to_string(thread_number());
  if (field == "filename") return std::string(file_name(path));
  if (field == "module") return std::string(file_name(path).substr(0, file_name(path).rfind('.')));
  if (field == "funcName") return record.where.function_name();
  return std::string(path);  // pathname
}

}  // namespace

Format::Format(std::string_view format, std::string date_format)
    : date_format_(std::move(date_format)) {
  auto parsed = parse(format);
  if (parsed) {
    pieces_ = std::move(*parsed);
    return;
  }
  Piece whole;  // room config has refused it; somebody else's is better shown than lost
  whole.field = "message";
  pieces_.push_back(std::move(whole));
}

bool Format::is_field(std::string_view name) {
  return std::find(std::begin(fields), std::end(fields), name) != std::end(fields);
}

Result<void> Format::check(std::string_view format) {
  const auto parsed = parse(format);
  if (!parsed) return parsed.error();
  return {};
}

Result<std::vector<Format::Piece>> Format::parse(std::string_view format) {
  std::vector<Piece> pieces;
  std::string text;
  const auto flush = [&] {
    if (text.empty()) return;
    pieces.emplace_back();
    pieces.back().text = std::move(text);
    text.clear();
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text += format[i];
      continue;
    }
    const std::size_t begin = i++;
    if (i < format.size() && format[i] == '%') {
      text += '%';
      continue;
    }
    const auto end = i < format.size() && format[i] == '(' ? format.find(')', i) : format.npos;
    const auto shown = [&] { return text::one_line(format.substr(begin), 40); };
    if (end == format.npos)
      return Error{"", "'" + shown() + "' is no %(name)s", "write %% for a percent sign"};
    Piece piece;
    piece.field = format.substr(i + 1, end - i - 1);
    i = end + 1;
    while (i < format.size() && std::string_view("-0+ #").find(format[i]) != std::string_view::npos)
      piece.flags += format[i++];
    const auto number = [&](int otherwise) {
      if (i == format.size() || format[i] < '0' || format[i] > '9') return otherwise;
      int value = 0;
      while (i < format.size() && format[i] >= '0' && format[i] <= '9')
        value = std::min(widest, value * 10 + (format[i++] - '0'));
      return value;
    };
    piece.width = number(0);
    if (i < format.size() && format[i] == '.') {
      ++i;
      piece.precision = number(0);
    }
    if (i == format.size() || std::string_view("sdif").find(format[i]) == std::string_view::npos)
      return Error{"", "'" + shown() + "' has no s, d or f at its end", "write %(name)s"};
    piece.type = format[i];
    if (is_field(piece.field) && piece.type != 's' && !is_number_field(piece.field))
      return Error{"", "%(" + piece.field + ") is text", "write %(" + piece.field + ")s"};
    if (!is_field(piece.field)) {  // stays as it is written
      text += format.substr(begin, i + 1 - begin);
      continue;
    }
    flush();
    pieces.push_back(std::move(piece));
  }
  flush();
  return pieces;
}

std::string Format::date(const Record& record) const {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(record.time);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[256];
  const char* wanted = date_format_.empty() ? "%Y-%m-%d %H:%M:%S" : date_format_.c_str();
  std::string out(text, std::strftime(text, sizeof text, wanted, &parts));
  if (!date_format_.empty()) return out;
  const auto micros = duration_cast<microseconds>(record.time.time_since_epoch()).count();
  std::snprintf(text, sizeof text, ",%03d", static_cast<int>(micros % 1'000'000 / 1000));
  return out + text;
}

std::string Format::shown(const Piece& piece, const Record& record) const {
  const bool left = piece.flags.find('-') != std::string::npos;
  std::string out;
  if (is_number_field(piece.field)) {
    const double value = number_of(piece.field, record);
    char text[64];
    if (piece.type == 'f')
      std::snprintf(text, sizeof text, "%.*f",
                    std::min(piece.precision < 0 ? 6 : piece.precision, 20), value);
    else
      std::snprintf(text, sizeof text, "%lld", static_cast<long long>(value));
    out = text;
    const bool zeros = !left && piece.type != 's' && piece.flags.find('0') != std::string::npos;
    const auto width = static_cast<std::size_t>(piece.width);
    if (zeros && out.size() < width) out.insert(0, width - out.size(), '0');
  } else {
    out = piece.field == "asctime" ? date(record) : text_of(piece.field, record);
  }
  if (piece.type == 's' && piece.precision >= 0)
    out = first_letters(out, static_cast<std::size_t>(piece.precision));
  const std::size_t long_as = letters(out), width = static_cast<std::size_t>(piece.width);
  if (long_as < width)
    left ? out.append(width - long_as, ' ') : out.insert(0, width - long_as, ' ');
  return out;
}

std::string Format::line(const Record& record) const {
  std::string out;
  for (const auto& piece : pieces_) out += piece.field.empty() ? piece.text : shown(piece, record);
  return out;
}

}  // namespace rbit::log
