#pragma once

#include <cstdint>
#include <string>

#include "rbit/base/result.h"

/// What there is to know of the file systems below our directories.
namespace rbit::disk {

struct Space {
  std::int64_t free = 0, total = 0;  // bytes; free for us, who may not be root
};

/// Measures the file system `path` lies in, or will lie in: one that is not there yet counts as its
/// nearest parent. Costs one system call.
Result<Space> space_at(const std::string& path);

/// Returns whether it is NFS or SMB, whose locks and syncs cannot be relied on.
bool is_on_network(const std::string& path);

/// How much must stay free: the smaller of `bytes` and `share` of the file system.
struct Limit {
  std::int64_t bytes = std::int64_t{1} << 30;
  double share = 0.05;  // 0 to 1

  std::int64_t of(std::int64_t total) const;
};

/// Makes a directory with a small file in `directory` and removes both. An Error: it does not take
/// them.
Result<void> try_writing(const std::string& directory);

/// "1.5 GiB", "12 MiB", "512 bytes": for people.
std::string size_text(std::int64_t bytes);

}  // namespace rbit::disk
