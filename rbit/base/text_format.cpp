#include "rbit/base/text_format.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/text.h"

namespace rbit {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The number that `digits` letters at `at` are; -1: they are none.
int number_at(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int number = 0;
  for (const char c : text.substr(at, digits)) {
    if (!is_digit(c)) return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

bool is_within(int number, int least, int most) {
  return number >= least && number <= most;
}

/// YYYY-MM-DD of a day that there is.
bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const int year = number_at(text, 0, 4), month = number_at(text, 5, 2),
            day = number_at(text, 8, 2);
  if (year < 0 || !is_within(month, 1, 12)) return false;
  constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return is_within(day, 1, lengths[month - 1] + (month == 2 && is_leap ? 1 : 0));
}

/// HH:MM:SS[.F](Z|+HH:MM|-HH:MM)
bool is_time(std::string_view text) {
  if (text.size() < 9 || text[2] != ':' || text[5] != ':') return false;
  if (!is_within(number_at(text, 0, 2), 0, 23) || !is_within(number_at(text, 3, 2), 0, 59) ||
      !is_within(number_at(text, 6, 2), 0, 60))
    return false;
  std::size_t at = 8;
  if (text[at] == '.') {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at + 1), text.size());
    if (end == at + 1) return false;
    at = end;
  }
  const std::string_view zone = text.substr(at);
  if (zone == "Z" || zone == "z") return true;
  return zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':' &&
         is_within(number_at(zone, 1, 2), 0, 23) && is_within(number_at(zone, 4, 2), 0, 59);
}

bool is_date_time(std::string_view text) {
  return text.size() > 11 && (text[10] == 'T' || text[10] == 't') && is_date(text.substr(0, 10)) &&
         is_time(text.substr(11));
}

bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (const std::string& label : text::split(text, '.'))
    if (label.empty() || label.size() > 63 || !text::has_only(label, "-") || label.front() == '-' ||
        label.back() == '-')
      return false;
  return true;
}

bool has_no_blank(std::string_view text) {
  return text::is_printable(text) && text.find(' ') == std::string_view::npos;
}

/// Something on both sides of one @.
bool is_email(std::string_view text) {
  const auto at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() && has_no_blank(text);
}

bool is_address(std::string_view text, int family) {
  unsigned char bytes[16];
  return text.size() < 64 && text.find('\0') == std::string_view::npos &&
         ::inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

/// A scheme, then what a URI may have.
bool is_uri(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view scheme = text.substr(0, colon);
  if (!text::has_only(scheme, "+.-") || is_digit(scheme[0]) || !text::is_alnum(scheme[0]))
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; }) &&
         text.find_first_of("\"<>\\^`{|}") == std::string_view::npos;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool is_hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (is_dash ? c != '-' : !is_hex) return false;
  }
  return true;
}

using Check = bool (*)(std::string_view);
constexpr std::pair<std::string_view, Check> formats[] = {
    {"date-time", is_date_time},
    {"date", is_date},
    {"time", is_time},
    {"email", is_email},
    {"hostname", is_hostname},
    {"ipv4", [](std::string_view text) { return is_address(text, AF_INET); }},
    {"ipv6", [](std::string_view text) { return is_address(text, AF_INET6); }},
    {"uri", is_uri},
    {"uuid", is_uuid},
};

}  // namespace

bool is_known_format(std::string_view format) {
  return std::any_of(std::begin(formats), std::end(formats),
                     [&](const auto& one) { return one.first == format; });
}

bool has_format(std::string_view text, std::string_view format) {
  for (const auto& [name, check] : formats)
    if (name == format) return check(text);
  return true;
}

}  // namespace rbit
