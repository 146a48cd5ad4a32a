#pragma once

#include <string>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// The directory where one rbit keeps what must survive it; 0700, made if it is not there. The lock
/// makes its holder the one process that may open the database (rbit/doc/traps.rst,
/// sqlite-one-connection).
class StateDir {
 public:
  /// Makes and locks it. Throws Fatal: 75 if another rbit has it and keeps it for 2 s, 77 if it may
  /// not be made or written, 78 if it lies on a network file system.
  static StateDir open(const std::string& path);

  /// As `open`, but gives nothing if another rbit has it.
  static Result<StateDir> try_open(const std::string& path);

  /// What to end with when something could not be begun in `directory`: 75 if its disk takes
  /// nothing now, so that a supervisor tries again, else 78.
  static ExitCode code_of_failure(const std::string& directory);
  /// Another rbit has `path`.
  static Error taken_error(const std::string& path);
  /// Says why a `path` for which `disk::is_on_network` will not do.
  static Error network_error(const std::string& path);

  /// Another rbit may have it now. Nothing below it is ours any more but what we made there.
  void release() { lock_.reset(); }

  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/rbit.db"; }
  std::string logs() const { return path_ + "/logs"; }
  std::string records() const { return path_ + "/records"; }
  std::string hook_records() const { return path_ + "/hooks"; }
  std::string output() const { return path_ + "/output"; }
  std::string ballast() const { return path_ + "/ballast"; }
  static std::string socket(const std::string& path) { return path + "/control.sock"; }
  /// Whether the kernel takes the path of its socket.
  static Result<void> check_socket(const std::string& path);

 private:
  StateDir(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  Fd lock_;  // held by flock as long as this lives
};

}  // namespace rbit
