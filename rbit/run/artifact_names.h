#pragma once

#include <string>
#include <vector>

namespace rbit {

/// What one artifact would like to be called in the output directory.
struct NameWish {
  std::string relative;  // its clean path from where it was found
  bool whole = false;    // it keeps that path: a part of a kept tree, or what lies there already
};

/// Names for all of them, in their order: the last part of its path for a file by itself. Those of
/// which several would be called the same, or as a directory of another, keep their whole paths. An
/// empty name: there is none, for an earlier one has it.
std::vector<std::string> artifact_names(const std::vector<NameWish>& wishes);

/// "a/b" of "./x/../a//b".
std::string clean_path(const std::string& relative);

}  // namespace rbit
