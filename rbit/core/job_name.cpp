#include "rbit/core/job_name.h"

#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::size_t most_plain = 64;     // longer names make paths too long for sockets
constexpr std::size_t readable = 48;       // of a text that gets a digest
constexpr std::size_t digest_digits = 32;  // 128 bits: nobody finds two texts of one digest

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

}  // namespace

std::string file_name_of(std::string_view text) {
  std::string name;
  for (const char c : text.substr(0, readable)) {
    const bool leads = name.empty() && (c == '.' || c == '-');  // hidden, or an option
    const bool capital = c >= 'A' && c <= 'Z';
    name += (is_plain(c) || capital) && !leads ? c : '_';
  }
  bool plain = !text.empty() && text.size() <= most_plain && text[0] != '.' && text[0] != '-';
  for (const char c : text) plain = plain && is_plain(c);
  if (plain) return std::string(text);
  if (name.empty()) name = "_";
  return name + "~" + text::sha256_hex(text).substr(0, digest_digits);
}

std::string job_name_of(std::string_view queue, std::string_view key) {
  return file_name_of(queue) + "+" + file_name_of(key);
}

}  // namespace rbit
