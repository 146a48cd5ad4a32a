#pragma once

#include <string_view>

#include "rbit/base/result.h"
#include "rbit/core/job.h"
#include "rbit/core/message.h"

namespace rbit {

/// The build request in a message (rbit/doc/formats.rst, build-request), every field checked.
///
/// An Error is no fault of ours: its thing is the reason word, `undecodable` (not a JSON document
/// within the limits) or `invalid`. Of JSON that has not the shape of a build request the reason is
/// `no_request` and the detail says what it lacks; of one that has, the reason names the member and
/// what is wrong with it.
Result<BuildRequest> parse_request(const Message& message);
inline constexpr std::string_view no_request = "no PyBit build request";

/// As `parse_request`, of a body alone.
Result<BuildRequest> parse_request(std::string_view body);

/// True for what may be a package, suite, architecture ... name; `version` allows ':' too.
bool is_name(std::string_view text);
bool is_version(std::string_view text);

}  // namespace rbit
