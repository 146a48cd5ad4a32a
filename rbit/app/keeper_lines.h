#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rbit/core/kept_attempt.h"

namespace rbit {

/// What a keeper tells its successor of an attempt, one line each (rbit/doc/formats.rst, keeper):
/// what is there beside "record", which names it.
nlohmann::json to_json(const KeptNews& news);
/// None: a later version's word, or nonsense.
std::optional<KeptNews> news_from(const nlohmann::json& line);

inline constexpr Named<StopKind> stop_names[] = {
    {StopKind::cancel, "cancel"}, {StopKind::interrupt, "interrupt"}, {StopKind::kill, "kill"}};

/// STATE-DIR/keep-NAME is the socket of a keeper. No longer than `control.sock`.
inline constexpr const char* keeper_prefix = "keep-";
/// Their paths; one that died may have left its own.
std::vector<std::string> keeper_sockets(const std::string& state_dir);

}  // namespace rbit
