#pragma once

#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/core/publication.h"
#include "rbit/core/runner_policy.h"

namespace rbit {

/// Whether a job of [runner:RUNNER], which declares these metrics, may change one so. The Error's
/// reason begins with its name.
Result<void> check_metric(const MetricChange& change,
                          const std::vector<MetricDeclaration>& declared,
                          const std::string& runner);

}  // namespace rbit
