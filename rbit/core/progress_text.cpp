#include "rbit/core/progress_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::size_t longest_text = 100;  // bytes; it stands in lists

double cleaned(double number) {
  return std::isfinite(number) && number > 0 ? number : 0;
}

/// As people write it, as far as they do.
std::string number(double value) {
  constexpr double most_digits = 1e15;
  std::array<char, 40> buffer{};
  const auto format =
      value < most_digits && value >= 1e-6 ? std::chars_format::fixed : std::chars_format::general;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  return {buffer.data(), end};
}

}  // namespace

Progress cleaned(const Progress& progress) {
  return {cleaned(progress.done), cleaned(progress.total),
          text::one_line(progress.text, longest_text)};
}

std::string to_text(const Progress& progress) {
  std::string text;
  if (progress.total > 0)
    text = number(progress.done) + "/" + number(progress.total);
  else if (progress.done > 0 || progress.text.empty())
    text = number(progress.done);
  if (!text.empty() && !progress.text.empty()) text += " ";
  return text + progress.text;
}

std::string progress_bar(const Progress& progress, std::size_t width) {
  constexpr int length = 20;
  std::string bar;
  if (progress.total > 0) {
    const double part = std::min(progress.done / progress.total, 1.0);
    const int full = static_cast<int>(part * length);
    bar = "[" + std::string(static_cast<std::size_t>(full), '#') +
          std::string(static_cast<std::size_t>(length - full), '.') + "] " +
          std::to_string(static_cast<int>(part * 100)) + "% ";
  }
  bar += to_text(progress);
  return std::string(text::first_bytes(bar, width));
}

}  // namespace rbit
