#pragma once

#include "rbit/config/section_reader.h"

namespace rbit::config {

/// Reads what a [runner:NAME] section says of its messages and of what its jobs may send.
void read_message_keys(SectionReader& reader, RunnerPolicy& policy);

}  // namespace rbit::config
