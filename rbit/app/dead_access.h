#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "rbit/config/settings.h"
#include "rbit/intake/dead_order.h"

namespace rbit {

/// Carries out what `rbit dead` is asked for: at the broker and of what it refused, or for the
/// embedded queue, by the rbit that runs or, if none does, in its file. `tell` gets the lines of
/// `carry_out`, each once it is done; "kept": true marks those that wait at rbit for the broker. An
/// order without queues is of all of them. Throws Fatal: 69 if the broker is away, now.
void do_with_the_dead(const config::Settings& settings, DeadOrder order,
                      std::function<void(const nlohmann::json&)> tell);

}  // namespace rbit
