#include "rbit/base/text_pattern.h"

#include <boost/regex.hpp>
#include <cstddef>
#include <iterator>
#include <utility>

#include "rbit/base/text.h"

namespace rbit {

namespace {

struct OutOfSteps {};

/// Walks along letters and counts each look at one. The engine looks at one at least for whatever
/// it does more than once.
class CountedLetter {
 public:
  using iterator_category = std::random_access_iterator_tag;
  using value_type = wchar_t;
  using difference_type = std::ptrdiff_t;
  using pointer = const wchar_t*;
  using reference = const wchar_t&;

  CountedLetter() = default;
  CountedLetter(const wchar_t* at, std::int64_t* steps) : at_(at), steps_(steps) {}

  reference operator*() const {
    if (--*steps_ < 0) throw OutOfSteps();
    return *at_;
  }
  pointer operator->() const { return &**this; }
  reference operator[](difference_type n) const { return *(*this + n); }
  CountedLetter& operator++() { return *this += 1; }
  CountedLetter operator++(int) { return std::exchange(*this, *this + 1); }
  CountedLetter& operator--() { return *this += -1; }
  CountedLetter operator--(int) { return std::exchange(*this, *this - 1); }
  CountedLetter& operator+=(difference_type n) {
    at_ += n;
    return *this;
  }
  CountedLetter& operator-=(difference_type n) { return *this += -n; }
  friend CountedLetter operator+(CountedLetter a, difference_type n) { return a += n; }
  friend CountedLetter operator+(difference_type n, CountedLetter a) { return a += n; }
  friend CountedLetter operator-(CountedLetter a, difference_type n) { return a -= n; }
  friend difference_type operator-(CountedLetter a, CountedLetter b) { return a.at_ - b.at_; }
  friend bool operator==(CountedLetter a, CountedLetter b) { return a.at_ == b.at_; }
  friend auto operator<=>(CountedLetter a, CountedLetter b) { return a.at_ <=> b.at_; }

 private:
  const wchar_t* at_ = nullptr;
  std::int64_t* steps_ = nullptr;
};

/// REQUIRES: `text` is UTF-8. A wchar_t has 32 bits here.
std::wstring letters_of(std::string_view text) {
  std::wstring letters;
  letters.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (text::continues_a_letter(c))
      letters.back() = static_cast<wchar_t>((letters.back() << 6) | (byte & 0x3F));
    else
      letters += static_cast<wchar_t>(byte < 0x80   ? byte
                                      : byte < 0xE0 ? byte & 0x1F
                                      : byte < 0xF0 ? byte & 0x0F
                                                    : byte & 0x07);
  }
  return letters;
}

/// The value of four hexadecimal digits at `at`; -1: there are none.
int four_digits(std::wstring_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  int value = 0;
  for (const wchar_t c : text.substr(at, 4)) {
    const int digit = c >= L'0' && c <= L'9'   ? c - L'0'
                      : c >= L'a' && c <= L'f' ? c - L'a' + 10
                      : c >= L'A' && c <= L'F' ? c - L'A' + 10
                                               : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::wstring as_code(long letter) {
  constexpr wchar_t digits[] = L"0123456789abcdef";
  std::wstring code;
  for (int shift = 20; shift >= 0; shift -= 4) code += digits[(letter >> shift) & 0xF];
  return L"\\x{" + code + L"}";
}

/// What ECMA 262 writes in another way than the engine: \uXXXX, and signs behind a backslash that
/// are words' and text's ends to the engine.
std::wstring for_engine(std::wstring_view pattern) {
  std::wstring made;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != L'\\' || i + 1 == pattern.size()) {
      made += pattern[i];
      continue;
    }
    const wchar_t next = pattern[++i];
    long letter = next == L'u' ? four_digits(pattern, i + 1) : -1;
    if (letter >= 0) {
      i += 4;
      const bool is_half =
          letter >= 0xD800 && letter < 0xDC00 && pattern.substr(i + 1, 2) == L"\\u";
      const int low = is_half ? four_digits(pattern, i + 3) : -1;
      if (low >= 0xDC00 && low < 0xE000) {
        letter = 0x10000 + ((letter - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      }
      made += as_code(letter);
    } else if (next == L'<' || next == L'>' || next == L'`' || next == L'\'') {
      made += next;
    } else {
      made += L'\\';
      made += next;
    }
  }
  return made;
}

}  // namespace

struct TextPattern::Engine {
  boost::wregex regex;
};

Result<TextPattern> TextPattern::read(std::string_view pattern) {
  constexpr auto flags = boost::regex_constants::perl | boost::regex_constants::no_mod_m |
                         boost::regex_constants::no_mod_s;
  auto engine = std::make_shared<Engine>();
  try {
    engine->regex.assign(for_engine(letters_of(pattern)), flags);
  } catch (const std::exception& error) {
    return Error{"", text::one_line(error.what(), 200), ""};
  }
  return TextPattern(std::move(engine));
}

std::optional<bool> TextPattern::is_in(std::string_view text, std::int64_t& steps) const {
  const std::wstring letters = letters_of(text);
  const CountedLetter begin(letters.data(), &steps);
  const CountedLetter end = begin + static_cast<std::ptrdiff_t>(letters.size());
  try {
    // Names of groups are of no use here; `any` ends at the first that fits.
    return boost::regex_search(begin, end, engine_->regex, boost::match_any | boost::match_nosubs);
  } catch (const OutOfSteps&) {
  } catch (const std::runtime_error&) {  // the engine's own limits: places to go back to, states
  }
  return std::nullopt;
}

}  // namespace rbit
