#include "rbit/app/moment.h"

#include <ctime>

#include "rbit/base/quantity.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::int64_t second = 1'000'000;

/// The whole of `text` as that format of strptime has it.
bool reads(const std::string& text, const char* format, std::tm& parts) {
  const char* end = ::strptime(text.c_str(), format, &parts);
  return end != nullptr && *end == '\0';
}

/// strptime takes the 31st of February; so the parts must come back as they were.
std::optional<std::int64_t> moment_of(std::tm parts, Zone zone) {
  parts.tm_isdst = -1;
  const int day = parts.tm_mday;
  const std::time_t seconds = zone == Zone::utc ? ::timegm(&parts) : ::mktime(&parts);
  if (parts.tm_mday != day || seconds < 0) return std::nullopt;
  return std::int64_t{seconds} * second;
}

}  // namespace

std::optional<std::int64_t> parse_moment(const std::string& text, std::int64_t now, Zone zone) {
  const std::string said(text::trim(text));
  // A number alone might be seconds, or a year.
  const bool has_unit = !said.empty() && text::is_alnum(said.back()) && said.back() > '9';
  if (has_unit)
    if (const auto ago = parse_duration(said)) return now - ago->count() * 1000;
  for (const char* format :
       {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    if (reads(said, format, parts)) return moment_of(parts, zone);
  }
  for (const char* format : {"%H:%M:%S", "%H:%M"}) {
    const std::time_t today = now / second;
    std::tm parts{};
    zone == Zone::utc ? ::gmtime_r(&today, &parts) : ::localtime_r(&today, &parts);
    parts.tm_sec = 0;
    if (reads(said, format, parts)) return moment_of(parts, zone);
  }
  return std::nullopt;
}

}  // namespace rbit
