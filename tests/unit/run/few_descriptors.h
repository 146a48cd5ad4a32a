#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "rbit/base/fd.h"

namespace rbit::test {

/// While it lives only `free` more descriptors can be opened.
class FewDescriptors {
 public:
  explicit FewDescriptors(unsigned free) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const Fd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));  // gaps below it do not matter
    set(static_cast<rlim_t>(lowest.get()) + free);
  }
  ~FewDescriptors() { set(before_.rlim_cur); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  void set(rlim_t soft) const {
    const rlimit limit{soft, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  rlimit before_{};
};

}  // namespace rbit::test
