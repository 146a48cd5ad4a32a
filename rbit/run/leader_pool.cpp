#include "rbit/run/leader_pool.h"

#include <sys/prctl.h>

#include <utility>

namespace rbit {

LeaderLease::LeaderLease(std::weak_ptr<Idle> home, std::unique_ptr<Leader> leader)
    : home_(std::move(home)), leader_(std::move(leader)) {}

LeaderLease::LeaderLease(LeaderLease&& other) noexcept = default;

LeaderLease& LeaderLease::operator=(LeaderLease&& other) noexcept {
  if (this != &other) {
    drop();
    home_ = std::move(other.home_);
    leader_ = std::move(other.leader_);
  }
  return *this;
}

LeaderLease::~LeaderLease() {
  drop();
}

void LeaderLease::drop() {
  const auto home = home_.lock();
  if (home && leader_ && leader_->is_idle()) home->push_back(std::move(leader_));
  leader_.reset();
}

LeaderPool::LeaderPool(const asio::any_io_executor& loop, std::string program, std::string cgroups)
    : loop_(loop), program_(std::move(program)), cgroups_(std::move(cgroups)) {
  // Where it is refused, orphans of a dead leader go to init instead; their jobs are lost as well.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

LeaderPool::~LeaderPool() = default;

Result<LeaderLease> LeaderPool::acquire() {
  while (idle_ && !idle_->empty()) {
    std::unique_ptr<Leader> leader = std::move(idle_->back());
    idle_->pop_back();
    if (leader->is_idle()) return LeaderLease(idle_, std::move(leader));
  }
  auto leader = Leader::start(loop_, program_, cgroups_);
  if (!leader) return leader.error();
  return LeaderLease(idle_, std::move(*leader));
}

Task<void> LeaderPool::close() {
  const auto idle = std::exchange(idle_, nullptr);
  if (!idle) co_return;
  for (const std::unique_ptr<Leader>& leader : *idle) co_await leader->close();
}

}  // namespace rbit
