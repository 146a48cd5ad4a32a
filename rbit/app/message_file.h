#pragma once

#include <string>

namespace rbit {

/// The bytes of a file that a command was given a message in; of standard input where it is "-".
/// Throws Fatal.
std::string read_message_file(const std::string& path);

}  // namespace rbit
