#pragma once

#include "rbit/app/journal_file.h"
#include "rbit/config/settings.h"
#include "rbit/core/broker.h"
#include "rbit/intake/dead_clerk.h"

namespace rbit {

/// Does what `order` wants by the rbit that runs or, if none does, by `straight`. Throws Fatal.
void do_with_the_dead_here(const config::Settings& settings, const DeadOrder& order,
                           const Broker::TellDead& tell,
                           const std::function<void(const StateDir&)>& straight);

/// The same lines told to one who always listens. `tell` outlives it.
TellDead passing_on(const Broker::TellDead& tell);

}  // namespace rbit
