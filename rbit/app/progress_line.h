#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "rbit/core/progress_text.h"

namespace rbit {

/// Tells on standard error how far a job is: on a terminal a bar in one line that is written anew,
/// elsewhere a line of text a second at most.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const ToldProgress& progress);
  /// Its last line of output, of a job that does not say how far it is; on a terminal alone.
  void show_output(const std::string& line);
  /// Whether it is a line that is written anew.
  bool is_drawn() const { return on_terminal_; }
  /// Before anything else is printed: the bar must not be in its way.
  void clear();

 private:
  void draw(const std::string& line);

  bool on_terminal_;
  bool is_there_ = false;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace rbit
