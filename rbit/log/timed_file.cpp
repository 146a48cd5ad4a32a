#include "rbit/log/timed_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

namespace rbit::log {

namespace {

constexpr std::int64_t minute = 60, hour = 60 * minute, day = 24 * hour, week = 7 * day;

std::tm local(std::time_t time) {
  std::tm parts{};
  ::localtime_r(&time, &parts);
  return parts;
}

const char* suffix_format(const std::string& when) {
  if (when == "S") return "%Y-%m-%d_%H-%M-%S";
  if (when == "M") return "%Y-%m-%d_%H-%M";
  if (when == "H") return "%Y-%m-%d_%H";
  return "%Y-%m-%d";
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
  const std::int64_t one = when == "S"      ? 1
                           : when == "M"    ? minute
                           : when == "H"    ? hour
                           : when[0] == 'W' ? week
                                            : day;
  return one * interval;
}

bool TimedFile::Turn::by_day() const {
  return when == "MIDNIGHT" || when[0] == 'W';
}

std::time_t TimedFile::Turn::after(std::time_t now) const {
  if (!by_day()) return now + seconds();
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
  std::tm began = local(turn - seconds());
  // An hour more or less where the clocks were changed meanwhile.
  const std::tm ended = local(turn);
  if (began.tm_isdst != ended.tm_isdst)
    began = local(turn - seconds() + (ended.tm_isdst > 0 ? hour : -hour));
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, suffix_format(when), &began));
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
  std::time_t next = turn_.after(now);
  next_ = next;
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
