#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "rbit/base/json_schema.h"
#include "rbit/base/schema_plan.h"

namespace rbit {

/// Walks through a compiled schema and a document, and ends at the first misfit
/// (rbit/doc/traps.rst, valijson-bounds).
std::optional<Misfit> misfit_by(const SchemaPlan& plan, const nlohmann::json& document);

}  // namespace rbit
