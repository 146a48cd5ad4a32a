#include "rbit/dispatch/allowance.h"

#include <algorithm>
#include <cstdint>

namespace rbit {

namespace {

using std::chrono::microseconds;

// By then the last one ahead should have begun.
constexpr microseconds horizon{100'000};
// The share of one more short job in what jobs take.
constexpr int memory = 8;
// Whatever a job took: about thirty short ones change it. So after a message waited in vain.
constexpr microseconds longest{10'000'000};

}  // namespace

void Allowance::note(microseconds took) {
  took = std::min(took, longest);
  if (!took_ || took >= *took_)
    took_ = took;
  else
    *took_ -= (*took_ - took) / memory;
}

void Allowance::end() {
  note(longest);
  last_ = 0;
}

int Allowance::with(int slots) {
  if (most_ == 0 || !took_) return 0;
  const auto in_time = horizon.count() * slots / std::max<std::int64_t>(1, took_->count());
  const int fitting = static_cast<int>(std::min<std::int64_t>(most_, in_time));
  const bool far_away = 4 * fitting < 3 * last_ || 2 * fitting >= 3 * last_;
  if (far_away || fitting == most_ || fitting == 0) last_ = fitting;
  return last_;
}

}  // namespace rbit
