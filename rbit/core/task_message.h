#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/result.h"

namespace rbit {

/// What a message of kind `task` asks for (rbit/doc/formats.rst, task).
struct TaskMessage {
  std::string name;
  nlohmann::json kwargs;  // an object, perhaps one that stands for stored data
  std::string callback;   // the chain: names with # between; empty: nothing follows

  std::vector<std::string> links() const;  // of the chain
};

/// The header of a link of a chain: which one it is, from 0. It stays with the message.
inline constexpr const char* chain_header = "rbit-chain";

/// Takes it out of the body's JSON, and out of its envelope if it is in one. The Error's thing is
/// `invalid`.
Result<TaskMessage> task_of(const nlohmann::json& document);

/// The task as it is in the body, out of its envelope; any other body as it is.
nlohmann::json without_envelope(nlohmann::json document);

}  // namespace rbit
