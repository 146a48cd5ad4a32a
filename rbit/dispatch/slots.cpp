#include "rbit/dispatch/slots.h"

#include <algorithm>

namespace rbit {

Slot::~Slot() {
  if (slots_ != nullptr) slots_->give_back(runner_);
}

std::optional<Slot> Slots::try_take(const std::string& runner) {
  if (free(runner) == 0) return std::nullopt;
  ++used_;
  ++shares_.at(runner).used;
  changed_();
  return Slot(*this, runner);
}

int Slots::free(const std::string& runner) const {
  const Share& share = shares_.at(runner);
  const int in_all = std::max(0, room_ - used_);
  return share.limit == 0 ? in_all : std::min(in_all, share.limit - share.used);
}

bool Slots::grow() {
  room_ = std::min(total_, room_ + std::max(1, room_ / 4));
  changed_();
  return room_ == total_;
}

void Slots::give_back(const std::string& runner) {
  --used_;
  --shares_.at(runner).used;
  changed_();
}

}  // namespace rbit
