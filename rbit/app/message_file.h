#pragma once

#include <string>

#include "rbit/core/message.h"

namespace rbit {

/// The bytes of a file that a command was given a message in; of standard input where it is "-".
/// Throws Fatal.
std::string read_message_file(const std::string& path);

/// Says of a message how large it is, as a broker's connection would.
void note_size(Message& message);

}  // namespace rbit
