#pragma once

#include <functional>
#include <optional>
#include <string>

#include "rbit/core/job.h"
#include "rbit/core/outcome.h"
#include "rbit/core/publication.h"

namespace rbit {

/// Says to which queue a task goes that follows one of `queue`.
using QueueOfTask = std::function<std::string(const std::string& task, const std::string& queue)>;

/// The message that a done job sends for the next link of its chain, with its result as arguments
/// (rbit/doc/formats.rst, chain). None: it is of no chain, or its chain ends here.
std::optional<Publication> next_link(const Job& job, const Outcome& outcome,
                                     const QueueOfTask& queue_of);

}  // namespace rbit
