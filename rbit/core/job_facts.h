#pragma once

#include <string>
#include <utility>
#include <vector>

#include "rbit/core/delivery.h"
#include "rbit/core/job.h"
#include "rbit/core/journal.h"
#include "rbit/core/report.h"

namespace rbit {

/// What every line of the log that is about a job says of it, by name, in this order: job (what
/// people call it), queue, runner, attempt, key, and of a build package and version.
using JobFacts = std::vector<std::pair<std::string, std::string>>;

JobFacts facts_of(const Job& job);
JobFacts facts_of(const JobRecord& job);
JobFacts facts_of(const Report& report);
/// Of a message that may be of no job: its key for the job's name, queue and key.
JobFacts facts_of(const Delivery& delivery);

/// "package col10642 1.2", or what else it asks for, for people.
std::string what_is_asked(const Job& job);

}  // namespace rbit
