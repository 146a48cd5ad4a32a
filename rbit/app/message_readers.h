#pragma once

#include <string>

#include "rbit/app/configuration.h"
#include "rbit/intake/message_reader.h"

namespace rbit {

/// Reads messages as [runner:RUNNER] takes them.
MessageReader message_reader(const Configuration& configuration, const std::string& runner);

/// Reads them as the runner of that queue does; of a queue that the file does not name, as PyBit's.
MessageReader reader_of_queue(const Configuration& configuration, const std::string& queue);

}  // namespace rbit
