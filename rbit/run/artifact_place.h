#pragma once

#include <string>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// A directory that artifacts may lie below. What is below it may change at any time, so each file
/// is reached from the descriptor.
class ArtifactPlace {
 public:
  /// One that a job owns: it may have put a link in its place, or of the one it lies in. Above that
  /// links are the administrator's.
  Result<void> open(const std::string& path);
  /// One that is open already. `keeps`: what lies there stays there.
  void set(std::string path, Fd directory, bool keeps);

  explicit operator bool() const { return static_cast<bool>(directory_); }
  const Fd& directory() const { return directory_; }
  const std::string& path() const { return path_; }
  bool keeps() const { return keeps_; }
  /// Its absolute paths: as we call it, and without links. A job that asks the shell where it is
  /// gets the real one.
  const std::vector<std::string>& names() const { return names_; }

  /// `path` from here on, or "" if it does not lead here.
  std::string relative(const std::string& path) const;
  /// A regular file below it, to read, also through links that stay below it. The Error is a mere
  /// reason, without a name.
  Result<Fd> open_file(const std::string& relative) const;

 private:
  std::string path_;
  std::vector<std::string> names_;
  Fd directory_;
  bool keeps_ = false;
};

}  // namespace rbit
