#include "rbit/dispatch/slots.h"

#include <algorithm>

namespace rbit {

void FreeSlot::operator()(SlotShare* share) const {
  --share->all->used_;
  --share->used;
  share->all->touched_.insert(share->runner);
  share->all->changed_();
}

Slot Slots::try_take(const std::string& runner) {
  return free(runner) == 0 ? nullptr : take_anyway(runner);
}

Slot Slots::take_anyway(const std::string& runner) {
  const auto found = shares_.find(runner);
  if (found == shares_.end()) return nullptr;
  SlotShare& share = found->second;
  ++used_;
  ++share.used;
  touched_.insert(runner);
  changed_();
  return Slot(&share);
}

int Slots::free(const std::string& runner) const {
  const SlotShare& share = shares_.at(runner);
  return share.limit == 0 ? free_in_all() : std::clamp(share.limit - share.used, 0, free_in_all());
}

void Slots::resize(int total) {
  if (total == total_) return;
  total_ = room_ = total;
  changed_();
}

int Slots::most(const std::string& runner) const {
  const int limit = shares_.at(runner).limit;
  return limit == 0 ? room_ : std::min(room_, limit);
}

bool Slots::grow() {
  room_ = std::min(total_, room_ + std::max(1, room_ / 4));
  changed_();
  return room_ == total_;
}

}  // namespace rbit
