#include "rbit/app/used_text.h"

#include <cstdio>

namespace rbit {

namespace {

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 10'000) return std::to_string(bytes) + " bytes";
  if (bytes < 10 << 20) return std::to_string((bytes + 512) / 1024) + " KiB";
  return std::to_string((bytes + (1 << 19)) >> 20) + " MiB";
}

}  // namespace

std::string seconds_text(std::int64_t micros) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", static_cast<double>(micros) / 1e6);
  return text;
}

std::string used_text(std::int64_t wall_micros, std::int64_t cpu_micros, std::int64_t memory_kib,
                      std::int64_t output_bytes) {
  return seconds_text(wall_micros) + ", processor " + seconds_text(cpu_micros) + ", memory " +
         bytes_text(memory_kib * 1024) + ", output " + bytes_text(output_bytes);
}

}  // namespace rbit
