#include "rbit/base/secrets.h"

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "rbit/base/text.h"

namespace rbit::secrets {

namespace {

constexpr std::size_t least_bytes = 4;
constexpr std::size_t least_rest = 3;  // of a secret that was cut; less tells nothing
constexpr std::string_view mask = "***";
constexpr auto nowhere = std::string_view::npos;

/// One way in which a secret may be written.
struct Spelling {
  std::string bytes;
  bool is_plain = true;                            // the secret itself, else base64
  bool shares_first = false, shares_last = false;  // base64: a digit at its edge has bits of it
};

struct Hidden {
  std::mutex mutex;
  std::vector<std::string> texts;
  std::vector<Spelling> spellings;
  std::array<bool, 256> begins{};  // bytes with which one of them may begin in a text
};

Hidden& hidden() {
  static Hidden one;
  return one;
}

/// Bytes of a text, from `begin` up to `end`, that are not to be seen.
struct Span {
  std::size_t begin = 0, end = 0;
};

bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

bool is_base64_digit(char c) {
  return text::is_alnum(c) || c == '+' || c == '/' || c == '-' || c == '_';
}

/// The digits of base64 that `text` alone decides where it stands behind `before` (0 to 2) bytes of
/// a group of three. The digits at its ends hold bits of their neighbours too.
std::string base64_core(std::string_view text, std::size_t before, bool url_safe) {
  static constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const std::string digits = std::string(letters) + (url_safe ? "-_" : "+/");
  const std::string bytes = std::string(before, '\0') + std::string(text);
  std::string core;
  for (std::size_t bit = (before * 8 + 5) / 6 * 6; bit + 6 <= bytes.size() * 8; bit += 6) {
    unsigned pair = static_cast<unsigned char>(bytes[bit / 8]) * 256u;
    if (bit / 8 + 1 < bytes.size()) pair += static_cast<unsigned char>(bytes[bit / 8 + 1]);
    core += digits[(pair >> (10 - bit % 8)) & 63u];
  }
  return core;
}

/// How many bytes of `text` at `at` stand for `byte`: it itself, %2F, \x2f, \u002f, or it behind a
/// backslash. 0: none.
std::size_t stands_for(std::string_view text, std::size_t at, char byte) {
  const auto left = text.substr(at);
  if (left.front() == byte) return 1;
  const auto is_hex = [&](std::size_t from) {
    return left.size() >= from + 2 && text::lower(left.substr(from, 2)) == text::hex({&byte, 1});
  };
  if (left.front() == '%' && is_hex(1)) return 3;
  if (byte == ' ' && left.front() == '+') return 1;
  if (left.front() != '\\') return 0;
  if (left.size() > 1 && left[1] == byte) return 2;
  if (left.size() > 1 && left[1] == 'x' && is_hex(2)) return 4;
  return left.substr(1).starts_with("u00") && is_hex(4) ? 6 : 0;
}

/// Where `secret` ends that begins in `text` at `at`, line ends between its bytes passed over. With
/// `open` it may go on behind the text's end.
std::size_t end_of(std::string_view secret, std::string_view text, std::size_t at, bool open) {
  for (std::size_t i = 0; i < secret.size(); ++i) {
    while (i > 0 && at < text.size() && is_line_end(text[at])) ++at;
    if (at == text.size()) return open && i >= least_rest ? at : nowhere;
    const std::size_t length = stands_for(text, at, secret[i]);
    if (length == 0) {
      const bool is_begun = text.size() - at < 6 && (text[at] == '%' || text[at] == '\\');
      return open && i >= least_rest && is_begun ? text.size() : nowhere;
    }
    at += length;
  }
  return at;
}

/// With the digits of base64 around it that hold some of its bits, and the padding.
Span with_its_edges(const Spelling& one, std::string_view text, Span span) {
  std::size_t before = span.begin;
  while (before > 0 && is_line_end(text[before - 1])) --before;
  if (one.shares_first && before > 0 && is_base64_digit(text[before - 1])) span.begin = before - 1;
  const auto next = [&] { return std::min(text.find_first_not_of("\r\n", span.end), text.size()); };
  if (const auto at = next(); one.shares_last && at < text.size() && is_base64_digit(text[at]))
    span.end = at + 1;
  for (int i = 0; i < 2; ++i)
    if (const auto at = next(); at < text.size() && stands_for(text, at, '=') > 0)
      span.end = at + stands_for(text, at, '=');
  return span;
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

/// //USER:PASSWORD@ -> //***@
void find_user_parts(std::string_view text, Missing missing, std::vector<Span>& spans) {
  constexpr std::string_view ends = "/ \t\r\n\"'<>";
  if (missing == Missing::beginning) {
    const auto last = text.substr(0, text.find_first_of(ends)).rfind('@');
    if (last != nowhere) spans.push_back({0, last});
  }
  for (auto at = text.find("//"); at != nowhere; at = text.find("//", at + 2)) {
    const auto begin = at + 2;
    const auto end = std::min(text.find_first_of(ends, begin), text.size());
    const auto colon = text.substr(begin, end - begin).find(':');
    if (colon == nowhere) continue;
    const auto last = text.substr(begin, end - begin).rfind('@');
    if (last != nowhere && colon < last) {
      spans.push_back({begin, begin + last});
    } else if (missing == Missing::end && end == text.size()) {
      spans.push_back({begin + colon + 1, end});
    }
  }
}

void find_secrets(const Hidden& all, std::string_view text, Missing missing,
                  std::vector<Span>& spans) {
  const auto add = [&](const Spelling& one, std::size_t begin, std::size_t end) {
    const Span span{begin, end};
    spans.push_back(one.is_plain ? span : with_its_edges(one, text, span));
  };
  if (missing == Missing::beginning && !text.empty())
    for (const auto& one : all.spellings)
      for (std::size_t gone = 1; gone + least_rest <= one.bytes.size(); ++gone) {
        const auto end = end_of(std::string_view(one.bytes).substr(gone), text, 0, false);
        if (end == nowhere) continue;
        add(one, 0, end);
        break;
      }
  const bool open = missing == Missing::end;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!all.begins[static_cast<unsigned char>(text[at])]) continue;
    for (const auto& one : all.spellings) {
      const auto end = end_of(one.bytes, text, at, open);
      if (end == nowhere) continue;
      if (one.is_plain && is_part_of_the_word(text, at, one.bytes.size())) continue;
      add(one, at, end);
    }
  }
}

std::string without(std::string_view text, std::vector<Span> spans) {
  if (spans.empty()) return std::string(text);
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  std::string out;
  std::size_t done = 0;
  for (const auto& span : spans) {
    if (span.end <= done) continue;
    if (span.begin > done || done == 0) {
      out += text.substr(done, span.begin - done);
      out += mask;
    } else if (span.begin == done) {
      out += mask;  // the next one; where they overlap one mask is enough
    }
    done = span.end;
  }
  out += text.substr(done);
  return out;
}

void learn(Hidden& all, std::string_view secret) {
  if (secret.size() < least_bytes || secret == "guest") return;
  if (std::find(all.texts.begin(), all.texts.end(), secret) != all.texts.end()) return;
  all.texts.emplace_back(secret);
  std::string plain(secret);  // line ends are passed over in the text
  std::erase_if(plain, is_line_end);
  all.spellings.push_back({plain});
  for (std::size_t before = 0; before < 3; ++before)
    for (const bool url_safe : {false, true}) {
      const std::string core = base64_core(secret, before, url_safe);
      if (all.spellings.back().bytes == core) continue;
      all.spellings.push_back({core, false, before > 0, (before + secret.size()) % 3 != 0});
    }
  for (const auto& spelling : all.spellings)
    all.begins[static_cast<unsigned char>(spelling.bytes.front())] = true;
  for (const char c : {'%', '\\', '+'}) all.begins[static_cast<unsigned char>(c)] = true;
}

}  // namespace

void hide(std::string_view secret) {
  Hidden& all = hidden();
  const std::lock_guard lock(all.mutex);
  learn(all, secret);
  // Of a key of several lines each line is one.
  for (std::size_t at = 0; at < secret.size();) {
    const auto end = std::min(secret.find_first_of("\r\n", at), secret.size());
    if (end - at < secret.size()) learn(all, secret.substr(at, end - at));
    at = end + 1;
  }
}

std::string redacted(std::string_view text, Missing missing) {
  constexpr std::string_view dots = "...";  // of whoever cut it
  const bool is_dotted = missing == Missing::end && text.ends_with(dots);
  if (is_dotted) text.remove_suffix(dots.size());
  std::vector<Span> spans;
  find_user_parts(text, missing, spans);
  Hidden& all = hidden();
  {
    const std::lock_guard lock(all.mutex);
    if (!all.spellings.empty()) find_secrets(all, text, missing, spans);
  }
  return without(text, std::move(spans)) + std::string(is_dotted ? dots : "");
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
