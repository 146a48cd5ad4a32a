#pragma once

#include <memory>
#include <string>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// Empty files that are to be jobs' logs: each is open before its job begins, and gets the job's
/// name only if the job writes something. One that writes nothing leaves its file to the next.
/// They lie in <log-dir>/.spare. Copies are one. On the loop's thread.
class SpareLogs {
 public:
  /// `log_dir`: absolute; a path where a job's log goes.
  SpareLogs(std::string log_dir);  // NOLINT(google-explicit-constructor): it is one

  struct Spare {
    Fd fd;             // to read and write
    std::string path;  // empty: there is none
  };

  const std::string& log_dir() const;
  /// One that waits, or a new one.
  Result<Spare> take();
  /// REQUIRES: nothing was written to it.
  void give_back(Spare spare);
  /// Removes those of earlier lives.
  void remove_leftovers();
  /// Removes those that wait. None waits any more.
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace rbit
