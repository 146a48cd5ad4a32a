#pragma once

#include <cstdint>
#include <string>

namespace rbit {

/// "1.234 s"
std::string seconds_text(std::int64_t micros);

/// What an attempt used, for people: "1.234 s, processor 0.400 s, memory 12 MiB, output 77 bytes".
/// Memory is that of its largest process.
std::string used_text(std::int64_t wall_micros, std::int64_t cpu_micros, std::int64_t memory_kib,
                      std::int64_t output_bytes);

}  // namespace rbit
