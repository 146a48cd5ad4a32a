#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "rbit/base/result.h"

namespace rbit {

/// What a file of a record directory holds; none if it is not there, is a link, or has more than
/// `limit` bytes.
std::optional<std::string> read_whole(const std::string& path, std::size_t limit = 1u << 20);

/// Whole or not at all: under another name first. Not synced.
Result<void> write_whole(const std::string& path, const std::string& text);

/// Writes all of it to a file from `at` on, however many calls that takes; where the descriptor
/// stands is as before. Returns false if it cannot; errno says why.
bool write_at(int fd, std::string_view bytes, off_t at);

}  // namespace rbit
