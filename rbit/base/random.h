#pragma once

#include <cstdint>
#include <string>

namespace rbit {

/// A number nobody can guess, straight from the kernel. One system call; std::random_device costs
/// milliseconds where the processor's own source is slow (virtual machines).
std::uint64_t random_number();

/// The same as 16 hexadecimal digits.
std::string random_digits();

/// A random UUID, version 4.
std::string random_uuid();

}  // namespace rbit
