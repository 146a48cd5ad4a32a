#pragma once

#include <string>
#include <string_view>
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

/// Whether a metric has one of the names that Prometheus keeps for what every process uses, and
/// which are rbit's own.
bool is_process_metric(std::string_view name);

}  // namespace rbit
