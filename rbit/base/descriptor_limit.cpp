#include "rbit/base/descriptor_limit.h"

namespace rbit {

rlim_t descriptors_at_start() {
  static const rlim_t limit = [] {
    rlimit now{};
    return ::getrlimit(RLIMIT_NOFILE, &now) == 0 ? now.rlim_cur : rlim_t{1024};
  }();
  return limit;
}

}  // namespace rbit
