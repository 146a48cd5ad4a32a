#pragma once

#include "rbit/core/report.h"

namespace rbit {

/// Says a status of a job, which is on record, in rbit's own log, in the texts that old scripts
/// grep for (rbit/doc/formats.rst, log-lines).
void say_in_log(const Report& report);

}  // namespace rbit
