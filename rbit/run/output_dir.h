#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/core/job.h"
#include "rbit/core/message_fact.h"
#include "rbit/core/runner_policy.h"

namespace rbit {

/// `output-dir`: where a job's artifacts go, a path that may hold placeholders of the job and of
/// its message as shell lines do: "/srv/out/%ID/%{header:x-kind}". "%%" is a percent sign. Within
/// %{ } a slash of the placeholder stands as %2F, a percent sign as %25.
class OutputDir {
 public:
  /// `path` is absolute.
  explicit OutputDir(std::string path) : path_(std::move(path)) {}
  /// Where that runner's go: its own `output-dir`, else `usual`, a path without placeholders.
  static OutputDir of_runner(const RunnerPolicy& policy, const std::string& usual);

  /// Whether all its placeholders are known, and messages of that kind have them.
  Result<void> check(MessageKind kind) const;
  /// The parts of the message that its %{...} stand for.
  std::vector<MessageFact> facts() const;
  /// The directory that no job decides: all before the first part with a placeholder.
  std::string top() const;
  /// Absolute. What comes of a placeholder is text within one part, whatever is in it: no two
  /// values give the same text, and none is "..", a hidden name or a directory of its own.
  std::string of(const Job& job) const;
  bool has_placeholders() const;

 private:
  std::string path_;
};

/// A value as it stands in a path: letters, digits and ._+~=@,- are themselves, but for a dot at
/// the beginning; all other bytes are %XX. "%" is a value without text.
std::string path_text(std::string_view value);

}  // namespace rbit
