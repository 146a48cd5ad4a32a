#include "rbit/base/secrets.h"

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace rbit::secrets {

namespace {

constexpr std::size_t least_bytes = 4;
constexpr std::string_view mask = "***";

struct Hidden {
  std::mutex mutex;
  std::vector<std::string> texts;  // longest first: one may be a part of another
};

Hidden& hidden() {
  static Hidden one;
  return one;
}

/// Whether a text of `size` bytes at `at` is a part of the word "password". PyBit's old default,
/// pass, would make "***word" of it, and no cure could be read.
bool is_part_of_the_word(std::string_view text, std::size_t at, std::size_t size) {
  constexpr std::string_view word = "password";
  if (size >= word.size()) return false;
  const std::size_t most = word.size() - size;  // bytes of the word before it
  for (std::size_t before = 0; before <= std::min(most, at); ++before)
    if (text.substr(at - before, word.size()) == word) return true;
  return false;
}

void replace_all(std::string& text, std::string_view from) {
  for (auto at = text.find(from); at != std::string::npos;) {
    const bool ours = is_part_of_the_word(text, at, from.size());
    if (!ours) text.replace(at, from.size(), mask);
    at = text.find(from, at + (ours ? from.size() : mask.size()));
  }
}

/// //USER:PASSWORD@ -> //***@
void mask_user_parts(std::string& text) {
  for (auto at = text.find("//"); at != std::string::npos; at = text.find("//", at + 2)) {
    const auto begin = at + 2;
    const auto end = std::min(text.find_first_of("/ \t\r\n\"'<>", begin), text.size());
    const auto last = text.substr(begin, end - begin).rfind('@');
    if (last == std::string::npos) continue;
    const auto colon = text.find(':', begin);
    if (colon < begin + last) text.replace(begin, last, mask);
  }
}

}  // namespace

void hide(std::string_view secret) {
  if (secret.size() < least_bytes || secret == "guest") return;
  Hidden& all = hidden();
  const std::lock_guard lock(all.mutex);
  if (std::find(all.texts.begin(), all.texts.end(), secret) != all.texts.end()) return;
  all.texts.emplace_back(secret);
  std::stable_sort(all.texts.begin(), all.texts.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string redacted(std::string_view text) {
  std::string out(text);
  mask_user_parts(out);
  Hidden& all = hidden();
  const std::lock_guard lock(all.mutex);
  for (const auto& secret : all.texts) replace_all(out, secret);
  return out;
}

void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

std::string take_variable(const char* name) {
  char* value = std::getenv(name);
  if (value == nullptr) return "";
  std::string taken = value;
  ::explicit_bzero(value, taken.size());
  ::unsetenv(name);
  return taken;
}

}  // namespace rbit::secrets
