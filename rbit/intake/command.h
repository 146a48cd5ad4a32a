#pragma once

#include <string>
#include <string_view>

#include "rbit/base/result.h"

namespace rbit {

/// What somebody sent to the command queue (rbit/doc/formats.rst, command-messages).
struct Command {
  std::string kind;    // "CancelRequest", "TaskComplete", ...; of a known one that is dropped
  std::string job_id;  // of a CancelRequest: digits
};

/// An Error says why it is none, as `parse_request` does.
Result<Command> parse_command(std::string_view body);

}  // namespace rbit
