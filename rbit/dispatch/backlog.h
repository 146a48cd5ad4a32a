#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/clock.h"

namespace rbit {

/// Jobs that the journal alone stands for and that wait here, for a slot or for their time. Their
/// bodies stay in the journal, so a long backlog costs little memory. On the loop's thread.
class Backlog {
 public:
  void add(std::string key, std::string queue, std::string runner, SteadyTime due);
  bool holds(const std::string& key) const { return waiting_.contains(key); }
  struct Taken {
    std::string key, queue, runner;
  };
  using Fits = std::function<bool(const std::string& key, const std::string& queue,
                                  const std::string& runner)>;
  /// The one that has waited longest of those that are due and that `fits`; it leaves.
  std::optional<Taken> take(SteadyTime now, const Fits& fits);
  std::vector<std::string> keys() const;
  /// Whoever calls this does something else with it.
  void remove(const std::string& key);
  /// When the next one becomes due that is not due yet.
  std::optional<SteadyTime> next_due(SteadyTime now) const;
  std::size_t size() const { return waiting_.size(); }
  /// How many there are of each queue that has some.
  const std::map<std::string, std::int64_t>& by_queue() const { return by_queue_; }

 private:
  struct Entry {
    std::string queue, runner;
    SteadyTime due;
  };
  void leaves(const std::string& queue);

  std::map<std::string, Entry> waiting_;           // by key
  std::multimap<SteadyTime, std::string> by_due_;  // keys
  std::map<std::string, std::int64_t> by_queue_;
};

}  // namespace rbit
