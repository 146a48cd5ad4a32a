#include "rbit/log/python_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "rbit/base/time_text.h"

namespace rbit::log {

void WatchedFile::before_line(std::time_t, std::int64_t) {
  struct stat there {
  }, ours{};
  const bool same = ::stat(path().c_str(), &there) == 0 && ::fstat(descriptor(), &ours) == 0 &&
                    there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
  if (!same) open();
}

RotatingFile::RotatingFile(std::string path, bool truncate, std::int64_t max_bytes, int backups)
    // With a limit Python appends whatever the mode is: the backups would have no meaning.
    : LogFile(std::move(path), truncate && max_bytes == 0),
      max_bytes_(max_bytes),
      backups_(backups) {}

void RotatingFile::before_line(std::time_t, std::int64_t bytes) {
  if (max_bytes_ == 0 || backups_ == 0) return;
  const std::int64_t now = size();
  if (now == 0 || now + bytes < max_bytes_) return;
  const auto numbered = [&](int number) { return path() + "." + std::to_string(number); };
  for (int i = backups_ - 1; i > 0; --i)  // one that is not there leaves a gap, as Python's do
    std::rename(numbered(i).c_str(), numbered(i + 1).c_str());
  move_to(numbered(1));
}

namespace {

constexpr std::int64_t minute = 60, hour = 60 * minute, day = 24 * hour, week = 7 * day;

std::tm local(std::time_t time) {
  std::tm parts{};
  ::localtime_r(&time, &parts);
  return parts;
}

/// How long the file of one turn is written, and what its name gets then.
struct Span {
  std::int64_t seconds;
  const char* suffix;
};
Span span_of(const std::string& when) {
  if (when == "S") return {1, "%Y-%m-%d_%H-%M-%S"};
  if (when == "M") return {minute, "%Y-%m-%d_%H-%M"};
  if (when == "H") return {hour, "%Y-%m-%d_%H"};
  return {when[0] == 'W' ? week : day, "%Y-%m-%d"};
}

/// "2013-04-30_11-48" against "%Y-%m-%d_%H-%M": digits where there are some, the same signs.
bool has_shape(const std::string& text, const std::string& model) {
  return text.size() == model.size() &&
         std::equal(text.begin(), text.end(), model.begin(), [](char a, char b) {
           const bool digits = a >= '0' && a <= '9' && b >= '0' && b <= '9';
           return digits || a == b;
         });
}

/// When a file that is there already was last written to: from then its turn is counted.
std::time_t begin_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && status.st_size > 0 ? status.st_mtime
                                                                  : std::time(nullptr);
}

}  // namespace

std::int64_t TimedFile::Turn::seconds() const {
  return span_of(when).seconds * interval;
}

std::time_t TimedFile::Turn::after(std::time_t now) const {
  const bool by_day = when == "MIDNIGHT" || when[0] == 'W';  // whatever the clocks are changed to
  if (!by_day) return now + seconds();
  std::tm parts = local(now);
  parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
  int days = 1;
  if (when[0] == 'W') {  // at the end of that day
    const int today = (parts.tm_wday + 6) % 7, wanted = when[1] - '0';
    days += (wanted - today + 7) % 7;
  }
  parts.tm_mday += days;
  parts.tm_isdst = -1;
  return std::mktime(&parts);
}

std::string TimedFile::Turn::suffix(std::time_t turn) const {
  std::time_t began = turn - seconds();
  // An hour more or less where the clocks were changed meanwhile.
  const int summer = local(turn).tm_isdst;
  if (local(began).tm_isdst != summer) began += summer > 0 ? hour : -hour;
  return time_text(began, span_of(when).suffix, Zone::local);
}

TimedFile::TimedFile(std::string path, Turn turn, int backups)
    // Python appends here whatever its mode; the mode has no place in the args.
    : LogFile(path, false),
      turn_(std::move(turn)),
      backups_(backups),
      next_(turn_.after(begin_of(path))) {}

void TimedFile::before_line(std::time_t now, std::int64_t) {
  if (now < next_) return;
  const std::string old = path() + "." + turn_.suffix(next_);
  next_ = turn_.after(now);
  move_to(old);
  if (backups_ > 0) remove_old();
}

void TimedFile::remove_old() const {
  const std::filesystem::path whole(path());
  const std::string prefix = whole.filename().string() + ".", model = turn_.suffix(next_);
  std::vector<std::filesystem::path> old;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(whole.parent_path(), failed)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && has_shape(name.substr(prefix.size()), model))
      old.push_back(entry.path());
  }
  std::sort(old.begin(), old.end());
  for (std::size_t i = 0; i + static_cast<std::size_t>(backups_) < old.size(); ++i)
    std::filesystem::remove(old[i], failed);
}

}  // namespace rbit::log
