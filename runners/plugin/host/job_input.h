#pragma once

#include <optional>
#include <string>

#include "rbit/base/fd.h"

namespace rbit::plugin_host {

/// The jobs, one a line, from what was standard input. The plugin gets /dev/null in its place: it
/// and its children cannot eat the next job.
class JobInput {
 public:
  /// Takes descriptor 0 away. Once in a process.
  JobInput();

  /// The next line, or nothing at the end. A signal that came before the line was seen belongs to
  /// no job, or to the one before, and is forgotten. In the moment between the writing of a line
  /// and its being seen that can lose a cancel, which costs the grace time; the other choice could
  /// cancel a job that nobody wanted cancelled.
  std::optional<std::string> next_line();
  /// A line in the middle of a job; its signals are its own. Returns false at the end.
  bool wait_for_line();
  /// All there is, to the end.
  std::string rest();

 private:
  bool fill();

  Fd fd_;
  std::string buffer_;
};

}  // namespace rbit::plugin_host
