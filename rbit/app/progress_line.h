#pragma once

#include <chrono>
#include <optional>

#include "rbit/core/publication.h"

namespace rbit {

/// Tells on standard error how far a job is: on a terminal a bar in one line that is written anew,
/// elsewhere a line of text a second at most.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const Progress& progress);
  /// Before anything else is printed: the bar must not be in its way.
  void clear();

 private:
  bool on_terminal_;
  bool is_there_ = false;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace rbit
