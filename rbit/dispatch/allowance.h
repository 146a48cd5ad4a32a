#pragma once

#include <chrono>
#include <optional>

namespace rbit {

/// How many messages of one runner may be here ahead of its slots: so many that the last of them is
/// expected to begin within a tenth of a second, by what its jobs took lately. A long job counts at
/// once, short ones bit by bit. On the loop's thread.
class Allowance {
 public:
  /// `most`: whatever the jobs take (`prefetch-ahead`).
  explicit Allowance(int most = 0) : most_(most) {}

  /// A job has ended that took so long in its slot.
  void note(std::chrono::microseconds took);
  /// A message has waited too long: none, until a row of jobs was short.
  void end();

  /// While no job has ended, none. It stays as it is while what it should be is near by: the broker
  /// is told of each change. REQUIRES: `slots` is 0 or more.
  int with(int slots);
  int most() const { return most_; }

 private:
  int most_;
  std::optional<std::chrono::microseconds> took_;  // a job, lately
  int last_ = 0;                                   // what `with` gave
};

}  // namespace rbit
