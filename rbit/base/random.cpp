#include "rbit/base/random.h"

#include <unistd.h>

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <chrono>
#include <cstdio>

namespace rbit {

std::uint64_t random_number() {
  std::uint64_t number = 0;
  if (::getentropy(&number, sizeof number) == 0) return number;
  // A sandbox without the call: still another one each time.
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

std::string random_digits() {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random_number()));
  return text;
}

namespace {

/// `random_number` in the shape that generators take.
struct Kernel {
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  result_type operator()() { return random_number(); }
};

}  // namespace

std::string random_uuid() {
  Kernel kernel;
  return boost::uuids::to_string(boost::uuids::basic_random_generator<Kernel>(kernel)());
}

}  // namespace rbit
