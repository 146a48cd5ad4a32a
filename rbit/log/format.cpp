#include "rbit/log/format.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iterator>

#include "rbit/base/text.h"
#include "rbit/base/time_text.h"

namespace rbit::log {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr int widest = 1024;  // nobody needs more, and a slip may ask for gigabytes

const auto process_began = std::chrono::system_clock::now();

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
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

std::int64_t micros_of(std::chrono::system_clock::time_point time) {
  return duration_cast<microseconds>(time.time_since_epoch()).count();
}

double seconds_of(std::chrono::system_clock::time_point time) {
  return static_cast<double>(micros_of(time)) / 1e6;
}

}  // namespace

/// What a record says by one name: a number or a text; `asctime` has neither, for its format is the
/// handler's.
struct Field {
  std::string_view name;
  double (*number)(const Record&) = nullptr;
  std::string (*text)(const Record&) = nullptr;
};

namespace {

const Field fields[] = {
    {"asctime"},
    {"levelno", [](const Record& record) { return 1.0 * python_number(record.level); }},
    {"process", [](const Record&) { return static_cast<double>(::getpid()); }},
    {"thread", [](const Record&) { return static_cast<double>(thread_number()); }},
    {"lineno", [](const Record& record) { return static_cast<double>(record.where.line()); }},
    {"created", [](const Record& record) { return seconds_of(record.time); }},
    {"relativeCreated",
     [](const Record& record) {
       return (seconds_of(record.time) - seconds_of(process_began)) * 1000;
     }},
    {"msecs",
     [](const Record& record) {
       return static_cast<double>(micros_of(record.time) % 1'000'000) / 1000;
     }},
    {"name", nullptr, [](const Record& record) { return std::string(record.logger); }},
    {"levelname", nullptr,
     [](const Record& record) { return std::string(python_name(record.level)); }},
    {"message", nullptr, [](const Record& record) { return text::one_line(record.message); }},
    {"threadName", nullptr,
     [](const Record&) {
       const long number = thread_number();
       return number == ::getpid() ? "MainThread" : "Thread-" + std::to_string(number);
     }},
    {"pathname", nullptr,
     [](const Record& record) -> std::string { return record.where.file_name(); }},
    {"filename", nullptr,
     [](const Record& record) { return std::string(file_name(record.where.file_name())); }},
    {"module", nullptr,
     [](const Record& record) {
       const std::string_view name = file_name(record.where.file_name());
       return std::string(name.substr(0, name.rfind('.')));
     }},
    {"funcName", nullptr,
     [](const Record& record) -> std::string { return record.where.function_name(); }},
};

const Field* find_field(std::string_view name) {
  const auto found = std::find_if(std::begin(fields), std::end(fields),
                                  [name](const Field& field) { return field.name == name; });
  return found == std::end(fields) ? nullptr : found;
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
  whole.field = find_field("message");
  pieces_.push_back(std::move(whole));
}

bool Format::is_field(std::string_view name) {
  return find_field(name) != nullptr;
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
    const std::string name(format.substr(i + 1, end - i - 1));
    piece.field = find_field(name);
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
    if (piece.field && piece.type != 's' && !piece.field->number)
      return Error{"", "%(" + name + ") is text", "write %(" + name + ")s"};
    if (!piece.field) {  // stays as it is written
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
  if (!date_format_.empty()) return time_text(seconds, date_format_.c_str(), Zone::local);
  char text[8];
  std::snprintf(text, sizeof text, ",%03d",
                static_cast<int>(micros_of(record.time) % 1'000'000 / 1000));
  return time_text(seconds, "%Y-%m-%d %H:%M:%S", Zone::local) + text;
}

std::string Format::shown(const Piece& piece, const Record& record) const {
  const bool left = piece.flags.find('-') != std::string::npos;
  std::string out;
  if (piece.field->number) {
    const double value = piece.field->number(record);
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
    out = piece.field->text ? piece.field->text(record) : date(record);
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
  for (const auto& piece : pieces_) out += piece.field ? shown(piece, record) : piece.text;
  return out;
}

}  // namespace rbit::log
