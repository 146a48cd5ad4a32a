#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace rbit {

/// How much there is in a queue; none: it is not known.
struct QueueCount {
  std::optional<std::int64_t> waiting;  // for anybody who reads it
  std::optional<std::int64_t> due;      // later, when their time has come
  std::optional<std::int64_t> dead;     // its dead letters
};

using QueueCounts = std::map<std::string, QueueCount>;  // by queue

}  // namespace rbit
