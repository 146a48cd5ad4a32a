#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "rbit/base/result.h"

namespace rbit::json {

/// What a document from outside may be at most.
struct Limits {
  std::size_t bytes = 4 << 20;
  int depth = 32;
  std::size_t nodes = 10'000;
  std::size_t string_bytes = 1 << 20;
};

/// Strict JSON in UTF-8, white space around it allowed. Depth is counted while reading, without
/// recursion; duplicate members and numbers out of range are refused. The Error has a reason only.
Result<nlohmann::json> parse(std::string_view text, const Limits& limits = {});

/// What is wrong with a JSON Pointer (RFC 6901), as the end of a sentence about it, or "".
std::string wrong_pointer(std::string_view pointer);
/// What stands there in the document, or nullptr. So it is for a pointer that is none.
const nlohmann::json* find(const nlohmann::json& document, std::string_view pointer);
/// A value as a text for people and programs that know no JSON: a text as it is, null as "",
/// anything else as JSON in one line.
std::string plain_text(const nlohmann::json& value);

/// The text that an object has as the member of that name; "" if it has none.
std::string text_in(const nlohmann::json& object, const char* name);

/// A document without secrets (rbit/base/secrets.h), still a document: texts and names lose theirs,
/// a number that holds one becomes a text. What is no JSON is "null".
std::string redacted(const std::string& text);

}  // namespace rbit::json
