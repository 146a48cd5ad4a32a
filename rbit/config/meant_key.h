#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Which key of rbit's somebody may have meant by one that is none. What they give is for people:
/// "'nice'", "'work-dir' of [rbit]"; "" for nothing.
namespace rbit::config {

/// The key that other programs call so, or that stands in another section. `table` is the table's
/// name of the section.
std::string other_name(std::string_view table, const std::string& key);

/// The policy key, one of `names`, that a runner's setting looks like: it does if all its words do,
/// or if its first one begins a family: max-cpu, env_PATH.
std::string policy_like(const std::string& key, const std::vector<std::string>& names);

}  // namespace rbit::config
