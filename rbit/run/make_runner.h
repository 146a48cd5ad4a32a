#pragma once

#include <memory>
#include <string>

#include "rbit/base/task.h"
#include "rbit/core/runner.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/run_place.h"
#include "rbit/run/runner_line.h"

namespace rbit {

/// The runner of one section, "runner:NAME" or "hook:NAME", of whichever kind its line says.
/// Nothing is started yet. `place` and `leaders` must outlive it.
std::unique_ptr<Runner> make_runner(const asio::any_io_executor& loop, const RunnerLine& line,
                                    const std::string& section, RunnerPolicy policy,
                                    const RunPlace& place, LeaderPool& leaders);

}  // namespace rbit
