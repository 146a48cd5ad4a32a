#include "rbit/app/progress_line.h"

#include <unistd.h>

#include <iostream>

#include "rbit/app/terminal.h"
#include "rbit/base/clock.h"
#include "rbit/base/text.h"
#include "rbit/base/text_width.h"
#include "rbit/core/progress_text.h"

namespace rbit {

namespace {

constexpr std::chrono::seconds pause{1};  // between lines where there is no terminal

}  // namespace

ProgressLine::ProgressLine() : on_terminal_(::isatty(STDERR_FILENO) == 1) {}

/// From the beginning of the line, and without what is left of a longer one behind it.
void ProgressLine::draw(const std::string& line) {
  std::cerr << "\r\x1b[K" << line << std::flush;
  is_there_ = true;
}

void ProgressLine::show(const ToldProgress& progress) {
  const std::int64_t time = to_micros(SystemClock().wall());
  if (on_terminal_) {
    const auto left = left_until(progress.due, time);
    draw(progress_bar(cleaned(progress), left, terminal_width(STDERR_FILENO) - 1));
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (last_ && now - *last_ < pause) return;
  last_ = now;
  std::cerr << to_text({cleaned(progress), progress.due}, time) << std::endl;
}

void ProgressLine::show_output(const std::string& line) {
  if (on_terminal_)
    draw(std::string(text::first_columns(text::one_line(line), terminal_width(STDERR_FILENO) - 1)));
}

void ProgressLine::clear() {
  if (is_there_) std::cerr << "\r\x1b[K" << std::flush;
  is_there_ = false;
}

}  // namespace rbit
