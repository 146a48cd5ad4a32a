#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/run/leader.h"

namespace rbit {

/// What becomes of a leader that is not used any more: it goes back to its pool if it is fit for
/// another job. Else it ends, and its job with it (the ladder).
struct LeaderReturn {
  using Idle = std::vector<std::unique_ptr<Leader>>;
  std::weak_ptr<Idle> home;  // gone: the pool takes none back any more
  void operator()(Leader* leader) const;
};

/// The use of one leader.
using LeaderLease = std::unique_ptr<Leader, LeaderReturn>;

/// The warm leaders: as many as jobs and hosts ever ran at once. On the loop's thread, which must
/// be the one that lives as long as the process: the leaders' parent-death signal is its. Makes
/// this process a subreaper: what a dead leader leaves behind comes to us and is killed.
class LeaderPool {
 public:
  /// `program` is rbit-leader, absolute; `cgroups` as `delegated_cgroup` found it.
  LeaderPool(const asio::any_io_executor& loop, std::string program, std::string cgroups = {});
  LeaderPool(const LeaderPool&) = delete;
  LeaderPool& operator=(const LeaderPool&) = delete;

  /// Lends a warm leader, or starts a new one.
  Result<LeaderLease> acquire();
  /// Ends those that are idle and waits until they are gone, 2 s at most. No job runs any more.
  Task<void> close();

  std::size_t idle() const { return idle_ ? idle_->size() : 0; }

 private:
  asio::any_io_executor loop_;
  std::string program_, cgroups_;
  std::shared_ptr<LeaderReturn::Idle> idle_ = std::make_shared<LeaderReturn::Idle>();
};

}  // namespace rbit
