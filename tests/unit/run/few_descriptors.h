#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>

namespace rbit::test {

/// While it lives only `free` more descriptors can be opened.
class FewDescriptors {
 public:
  explicit FewDescriptors(unsigned free) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    int limit = 0;  // with `free` unused numbers below it
    for (;; ++limit)
      if (::fcntl(limit, F_GETFD) < 0 && free-- == 0) break;
    set(static_cast<rlim_t>(limit));
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
