#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/disk.h"
#include "rbit/base/quantity.h"

/// How values are written. The readers give none for what is not such a
/// value; none throws.
namespace rbit::config {

/// As everywhere (rbit/base/quantity.h).
using rbit::parse_duration;
/// "4096", "512K", "16M", "2G" (powers of 1024) in bytes.
std::optional<std::int64_t> parse_size(std::string_view text);
/// "1G", "5%", "1G, 5%": a size, a share of the file system, or both; 0 of either is no limit.
std::optional<disk::Limit> parse_space(std::string_view text);
/// yes, no, true, false, on, off, 1, 0 in any case.
std::optional<bool> parse_flag(std::string_view text);
/// "0.95", from 0 to 1.
std::optional<double> parse_fraction(std::string_view text);
/// The other way round, in the largest unit that has no fraction: "90s", "16M", "1G, 5%", "yes".
std::string written(std::chrono::milliseconds duration);
std::string written_size(std::int64_t bytes);
std::string written(const disk::Limit& limit);
std::string written(double fraction);
std::string written(bool flag);
/// "TERM", "SIGTERM", "15".
std::optional<int> parse_signal(std::string_view text);
/// Parts between commas and white space; no empty ones.
std::vector<std::string> parse_list(std::string_view text);
/// Parts between white space, with quotes around what holds a blank: "a b" c. A backslash and what
/// follows it stand as they are, for whoever reads the part. Returns none if a quote has no end.
std::optional<std::vector<std::string>> parse_words(std::string_view text);
/// A name for an environment variable: letters, digits, '_', no digit first.
bool is_variable_name(std::string_view text);

}  // namespace rbit::config
