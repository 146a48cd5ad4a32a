#include "rbit/base/descriptor_limit.h"

#include <filesystem>
#include <iterator>

namespace rbit {

rlim_t descriptors_at_start() {
  static const rlim_t limit = [] {
    rlimit now{};
    return ::getrlimit(RLIMIT_NOFILE, &now) == 0 ? now.rlim_cur : rlim_t{1024};
  }();
  return limit;
}

rlim_t raise_descriptor_limit() {
  const rlim_t given = descriptors_at_start();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return given;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : given;
}

int descriptors_in_use() {
  std::error_code failed;
  const std::filesystem::directory_iterator all("/proc/self/fd", failed);
  if (failed) return 0;
  return static_cast<int>(std::distance(begin(all), end(all))) - 1;  // but the one that we look by
}

}  // namespace rbit
