#pragma once

#include <cstdint>
#include <optional>

namespace rbit {

/// What this process uses, without its jobs. What the kernel does not tell is none.
struct ProcessFigures {
  std::optional<double> cpu;                            // seconds, user and system
  std::optional<double> start;                          // seconds since 1970
  std::optional<std::int64_t> resident, address_space;  // bytes
  std::optional<std::int64_t> descriptors, most_descriptors;
};

/// Takes some tens of microseconds, and one more for ten descriptors.
ProcessFigures process_figures();

}  // namespace rbit
