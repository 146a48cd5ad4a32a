#pragma once

#include <sys/stat.h>

#include <map>
#include <utility>

#include "rbit/run/artifact_place.h"

namespace rbit {

/// How many names of a file lie in the job's own directories. A file with more names than these may
/// be another's, linked to by the job or by what it unpacked.
class OwnLinks {
 public:
  OwnLinks(const ArtifactPlace& work, const ArtifactPlace& tmp) : work_(work), tmp_(tmp) {}

  /// Reads both at the first call; follows no link and gives up after a million names.
  nlink_t count(const struct stat& info);
  /// Not 0: errno of a shortage (see is_shortage) that kept it from reading them all.
  int shortage() const { return shortage_; }

 private:
  void look(int directory, int level);
  void note_failure(int error);

  const ArtifactPlace &work_, &tmp_;  // one may not be open
  std::map<std::pair<dev_t, ino_t>, nlink_t> names_;
  bool counted_ = false;
  int left_ = 1'000'000;
  int shortage_ = 0;
};

}  // namespace rbit
