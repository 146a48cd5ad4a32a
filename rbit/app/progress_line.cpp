#include "rbit/app/progress_line.h"

#include <unistd.h>

#include <iostream>

#include "rbit/app/terminal.h"
#include "rbit/core/progress_text.h"

namespace rbit {

namespace {

constexpr std::chrono::seconds pause{1};  // between lines where there is no terminal

}  // namespace

ProgressLine::ProgressLine() : on_terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(const Progress& progress) {
  if (on_terminal_) {
    // From the beginning of the line, and without what is left of a longer one behind it.
    std::cerr << "\r\x1b[K" << progress_bar(cleaned(progress), terminal_width(STDERR_FILENO) - 1)
              << std::flush;
    is_there_ = true;
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (last_ && now - *last_ < pause) return;
  last_ = now;
  std::cerr << to_text(cleaned(progress)) << std::endl;
}

void ProgressLine::clear() {
  if (is_there_) std::cerr << "\r\x1b[K" << std::flush;
  is_there_ = false;
}

}  // namespace rbit
