#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace rbit {

class Slots;

/// One runner's part of the slots.
struct SlotShare {
  Slots* all = nullptr;
  std::string runner;
  int limit = 0;  // 0: as many as there are in all
  int used = 0;
};

struct FreeSlot {
  void operator()(SlotShare* share) const;
};

/// The right to run one job. Dropped, it is free again; null, there is none.
using Slot = std::unique_ptr<SlotShare, FreeSlot>;

/// How many jobs may run at once: in all, and of each runner. Must outlive its Slots.
class Slots {
 public:
  /// `total` is 1 or more. `changed` is called whenever a slot was taken or became free.
  Slots(int total, std::function<void()> changed) : total_(total), changed_(std::move(changed)) {}

  /// Its share from now on; jobs that run keep their slots.
  void add_runner(const std::string& runner, int limit) {
    SlotShare& share = shares_[runner];
    share.all = this;
    share.runner = runner;
    share.limit = limit;
    touched_.insert(runner);
  }
  /// How many there are from now on. While more than that run, none begins.
  void resize(int total);

  /// Gives null if none is free.
  Slot try_take(const std::string& runner);
  /// One more than there are, if need be: its job runs already, elsewhere on this machine. Null:
  /// there is no such runner.
  Slot take_anyway(const std::string& runner);
  int free(const std::string& runner) const;
  /// As many as the runner may have if no other has any.
  int most(const std::string& runner) const;
  /// Of no runner's share.
  int free_in_all() const { return std::max(0, room_ - used_); }
  int total() const { return total_; }
  /// `waiting` jobs that have a slot could not begin, for this machine had no room for them: as
  /// many as run now are all there is, until `grow`.
  void meet_limit(int waiting) {
    room_ = std::max(1, used_ - waiting);
    changed_();
  }
  /// Tries a few more. Returns true if all slots count again.
  bool grow();
  int used() const { return used_; }
  /// The runners of which slots were taken or freed since this was asked.
  std::set<std::string> take_touched() { return std::exchange(touched_, {}); }

 private:
  friend struct FreeSlot;

  int total_;
  int room_ = total_;  // that there seems to be on this machine, at most `total_`
  int used_ = 0;
  std::map<std::string, SlotShare> shares_;
  std::set<std::string> touched_;
  std::function<void()> changed_;
};

}  // namespace rbit
