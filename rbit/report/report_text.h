#pragma once

#include <string>

#include "rbit/core/report.h"

namespace rbit {

/// "exit 2: make: *** No rule": the reason word and the text for people, as far as there are any.
std::string explanation(const Report& report);

/// `<key>:<attempt>:<seq>`, the same for each try of one report; at most 255 bytes.
std::string message_id(const Report& report);

}  // namespace rbit
