#include "rbit/log/output.h"

#include <cstdio>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/base/time_text.h"
#include "rbit/log/file.h"
#include "rbit/log/format.h"
#include "rbit/log/name.h"
#include "rbit/log/python_files.h"
#include "rbit/log/syslog.h"

namespace rbit::log {

namespace {

using Kind = HandlerSettings::Kind;

/// "2026-11-20T23:28:54.964532+00:00"
std::string timestamp(std::chrono::system_clock::time_point time) {
  char fraction[16];
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count() %
      1'000'000;
  std::snprintf(fraction, sizeof fraction, ".%06d+00:00", static_cast<int>(micros));
  return time_text(std::chrono::system_clock::to_time_t(time), "%Y-%m-%dT%H:%M:%S", Zone::utc) +
         fraction;
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

/// name=value, as logfmt has it.
std::string fact_text(const std::string& name, std::string_view value) {
  std::string text = text::one_line(value, 300);
  if (text.empty() || text.find_first_of(" =\"()") != std::string::npos)
    text = '"' + text::replaced(text, {{'"', "\\\""}}) + '"';
  return name + "=" + text;
}

/// With levels written whole, and the facts behind the message.
std::string own_text_line(const Format& format, const Record& record) {
  std::string line = format.line(record);
  char before = '(';
  for (const auto& [name, value] : record.fields) {
    line += before == '(' ? " (" : " ";
    line += fact_text(name, value);
    before = ' ';
  }
  if (before == ' ') line += ')';
  return line;
}

Shape shape_of(const HandlerSettings& settings) {
  if (settings.json) return json_line;
  if (settings.with_facts)
    return [format = Format("%(asctime)s %(levelname)-8s [%(name)s] %(message)s", "")](
               const Record& record) { return own_text_line(format, record); };
  return [format = Format(settings.format, settings.date_format)](const Record& record) {
    return format.line(record);
  };
}

/// REQUIRES: its kind is not `nothing`.
std::shared_ptr<Place> open_place(const HandlerSettings& settings, bool again) {
  const bool truncate = settings.truncate && !again;
  switch (settings.kind) {
    case Kind::standard_output:
      return std::make_shared<LogStream>(1);
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
    case Kind::nothing:
    case Kind::standard_error:
      break;
  }
  return std::make_shared<LogStream>(2);
}

/// Why lines were lost.
std::string reason_of_loss(const HandlerSettings& settings) {
  switch (settings.kind) {
    case Kind::standard_error:
      return "nobody reads " + LogStream::name_of(2);
    case Kind::standard_output:
      return "nobody reads " + LogStream::name_of(1);
    case Kind::syslog:
      return "syslog took no more";
    default:
      return settings.path + " took no more";
  }
}

/// A line of our own about the log itself.
LogWriter::Line own_line(const Shape& shape, Level level, std::string_view message) {
  const auto now = std::chrono::system_clock::now();
  const std::string name = shown_name("rbit");
  return {now, level, shape({level, name, message, {}, BOOST_CURRENT_LOCATION, now})};
}

/// `shape` gives that of now.
LogWriter::Means means_of(const HandlerSettings& settings, const std::function<Shape()>& shape) {
  LogWriter::Means means;
  means.open = [settings](bool again) { return open_place(settings, again); };
  means.loss = [shape, why = reason_of_loss(settings)](std::size_t count) {
    return own_line(shape(), Level::warning,
                    count == 1 ? "1 line of the log was lost: " + why
                               : std::to_string(count) + " lines of the log were lost: " + why);
  };
  means.tell = [](const std::string& trouble) { StandardError::get().say(Level::error, trouble); };
  means.remark = [shape](const std::string& trouble) {
    return own_line(shape(), Level::error, trouble);
  };
  return means;
}

}  // namespace

StandardError& StandardError::get() {
  static StandardError& one = *new StandardError;
  return one;
}

StandardError::StandardError() : shape_(shape_of({})) {
  LogWriter::Means means = means_of(HandlerSettings{}, [this] { return shape(); });
  means.tell = [](const std::string&) {};  // where, then?
  writer_ = std::make_shared<LogWriter>(std::move(means));
}

std::shared_ptr<LogWriter> StandardError::writer_for(Shape shape) {
  const std::lock_guard<std::mutex> guard(mutex_);
  shape_ = std::move(shape);
  return writer_;
}

Shape StandardError::shape() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return shape_;
}

void StandardError::say(Level level, std::string_view message) {
  writer_->write(own_line(shape(), level, message));
}

void StandardError::print(std::string line) {
  writer_->write({std::chrono::system_clock::now(), Level::error, std::move(line)});
}

Output::Output(const HandlerSettings& settings)
    : level_(settings.level), shape_(shape_of(settings)) {
  if (settings.kind == Kind::standard_error)
    writer_ = StandardError::get().writer_for(shape_);
  else if (settings.kind != Kind::nothing)
    writer_ = std::make_shared<LogWriter>(means_of(settings, [shape = shape_] { return shape; }));
}

void Output::write(const Record& record) const {
  if (writer_) writer_->write({record.time, record.level, shape_(record)});
}

void Output::reopen() const {
  if (writer_) writer_->reopen();
}

}  // namespace rbit::log
