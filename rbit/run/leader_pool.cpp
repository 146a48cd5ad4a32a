#include "rbit/run/leader_pool.h"

#include <sys/prctl.h>

#include <utility>

namespace rbit {

void LeaderReturn::operator()(Leader* leader) const {
  std::unique_ptr<Leader> back(leader);
  const auto idle = home.lock();
  if (idle && back->is_idle()) idle->push_back(std::move(back));
}

LeaderPool::LeaderPool(const asio::any_io_executor& loop, std::string program, std::string cgroups)
    : loop_(loop), program_(std::move(program)), cgroups_(std::move(cgroups)) {
  // Where it is refused, orphans of a dead leader go to init instead; their jobs are lost as well.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Result<LeaderLease> LeaderPool::acquire() {
  while (idle_ && !idle_->empty()) {
    LeaderLease leader(idle_->back().release(), LeaderReturn{idle_});
    idle_->pop_back();
    if (leader->is_idle()) return leader;
  }
  auto leader = Leader::start(loop_, program_, cgroups_);
  if (!leader) return leader.error();
  return LeaderLease(leader->release(), LeaderReturn{idle_});
}

Task<void> LeaderPool::close() {
  const auto idle = std::exchange(idle_, nullptr);
  if (!idle) co_return;
  for (const std::unique_ptr<Leader>& leader : *idle) co_await leader->close();
}

}  // namespace rbit
