#include "rbit/core/progress_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "rbit/base/text.h"
#include "rbit/base/text_width.h"

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

std::optional<std::int64_t> time_left(const Progress& progress, std::int64_t elapsed) {
  constexpr std::int64_t too_early = 2'000'000;  // a first step says little of those behind it
  constexpr double longest = 400.0 * 86'400e6;   // nobody waits for more
  if (elapsed < too_early || progress.done <= 0 || progress.total <= 0) return std::nullopt;
  if (progress.done >= progress.total) return std::nullopt;
  const double part = progress.done / progress.total;
  const double left = static_cast<double>(elapsed) * (1 - part) / part;
  if (!(left < longest)) return std::nullopt;
  return static_cast<std::int64_t>(left);
}

std::optional<std::int64_t> left_until(std::int64_t due, std::int64_t now) {
  if (due <= now) return std::nullopt;
  return due - now;
}

ToldProgress told(const Progress& progress, std::int64_t begun, std::int64_t now) {
  ToldProgress told{cleaned(progress)};
  if (const auto left = time_left(told, begun > 0 ? now - begun : 0)) told.due = now + *left;
  return told;
}

std::string to_text(const ToldProgress& progress, std::int64_t now) {
  const auto left = left_until(progress.due, now);
  return to_text(progress) + (left ? ", " + left_text(*left) : "");
}

std::string left_text(std::int64_t micros) {
  const std::int64_t seconds = (micros + 999'999) / 1'000'000;
  std::string about;
  if (seconds < 50)
    about = std::to_string(seconds < 10 ? seconds : (seconds + 9) / 10 * 10) + " s";
  else if (seconds < 90 * 60)
    about = std::to_string((seconds + 59) / 60) + " min";
  else if (seconds < 48 * 3600)
    about = std::to_string((seconds + 1800) / 3600) + " h";
  else
    about = std::to_string((seconds + 43'200) / 86'400) + " days";
  return "about " + about + " left";
}

std::string progress_bar(const Progress& progress, std::optional<std::int64_t> left,
                         std::size_t width) {
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
  if (left) bar += ", " + left_text(*left);
  return std::string(text::first_columns(bar, width));
}

}  // namespace rbit
