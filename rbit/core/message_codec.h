#pragma once

#include <string>
#include <string_view>

#include "rbit/core/job.h"
#include "rbit/core/message.h"

namespace rbit {

/// A message's properties and headers as one line of JSON, as the journal and the embedded queue
/// keep them: everything but `queue`, `body` and `redelivered`. Any bytes are kept; a text that is
/// not UTF-8 is written as {"hex": "..."}.
std::string properties_to_json(const MessageHead& head);
/// Fills them in again. What is missing or of another type stays as it is.
void properties_from_json(std::string_view json, MessageHead& head);

/// The same for what a job's message was read as: its kind and build request.
std::string request_to_json(const Job& job);
void request_from_json(std::string_view json, Job& job);

}  // namespace rbit
