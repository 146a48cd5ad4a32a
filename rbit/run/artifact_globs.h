#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// What a pattern of `artifacts` found, by paths from the work directory, sorted.
struct ArtifactMatches {
  struct Match {
    std::string path;    // no directory, if nobody swapped it since
    bool whole = false;  // a part of a tree: it keeps its path
  };
  std::vector<Match> files;
  std::vector<std::pair<std::string, std::string>> unfit;  // what is no file, and why not
};

/// Finds what is below `directory` and matches. A pattern is made of names with *, ? and [...]
/// between slashes; ** stands for directories of any depth. One that ends in a slash stands for all
/// that is in the directories that match. Names that begin with a dot match only what begins with
/// one, but belong to a tree. Links to directories are entered where a pattern names them, as long
/// as they stay below `directory`, whose absolute paths are `names`. An Error: it is no pattern, or
/// there is too much, or `stop` became true.
Result<ArtifactMatches> match_artifacts(const Fd& directory, const std::vector<std::string>& names,
                                        const std::string& pattern, std::size_t limit,
                                        const std::atomic<bool>* stop = nullptr);

}  // namespace rbit
