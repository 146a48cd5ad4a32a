#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace rbit {

class Slots;

/// The right to run one job. Dropped, it is free again.
class Slot {
 public:
  Slot(Slot&& other) noexcept
      : slots_(std::exchange(other.slots_, nullptr)), runner_(std::move(other.runner_)) {}
  Slot& operator=(Slot&&) = delete;
  ~Slot();

 private:
  friend class Slots;
  Slot(Slots& slots, std::string runner) : slots_(&slots), runner_(std::move(runner)) {}
  Slots* slots_;
  std::string runner_;
};

/// How many jobs may run at once: in all, and of each runner. Must outlive its Slots.
class Slots {
 public:
  /// `total` is 1 or more. `changed` is called whenever a slot was taken or became free.
  Slots(int total, std::function<void()> changed) : total_(total), changed_(std::move(changed)) {}

  /// `share` 0: as many as there are in all.
  void add_runner(const std::string& runner, int share) { shares_[runner] = {share, 0}; }

  std::optional<Slot> try_take(const std::string& runner);
  int free(const std::string& runner) const;
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

 private:
  friend class Slot;
  void give_back(const std::string& runner);

  struct Share {
    int limit = 0;
    int used = 0;
  };
  int total_;
  int room_ = total_;  // that there seems to be on this machine, at most `total_`
  int used_ = 0;
  std::map<std::string, Share> shares_;
  std::function<void()> changed_;
};

}  // namespace rbit
