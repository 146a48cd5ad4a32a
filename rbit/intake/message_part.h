#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "rbit/base/result.h"
#include "rbit/core/message.h"

namespace rbit {

/// Thrown inside this room alone: reading many members of a PyBit message one by one reads best
/// without a test after each. Whoever reads a whole message turns it into an Error.
struct Invalid {
  std::string why;
};

std::string in_quotes(std::string_view text);  // one line, cut

/// An Error's thing is `undecodable`: the body is not all here.
Result<void> check_whole(const Message& message);
/// The same, or it is no text as it is.
Result<void> check_text(const Message& message);
/// An Error's thing is `undecodable`: not a JSON document within the limits.
Result<nlohmann::json> parse_document(std::string_view body);
void refuse_code(const nlohmann::json& document);  // for `read_document`

/// One object of a message, by its path for people. A missing or null one has no members. Its
/// label, py/object, must be `label` after "pybit.models." if it is there (rbit/doc/formats.rst,
/// build-request).
class Part {
 public:
  Part(const nlohmann::json* value, std::string path, const char* label);

  bool missing() const { return members_ == nullptr; }
  const nlohmann::json* find(const char* member) const;
  Part part(const char* member, const char* label) const {
    return Part(find(member), path(member), label);
  }
  std::string path(const char* member) const {
    return path_ == "message" ? member : path_ + "." + member;
  }
  /// Text; null and missing give "".
  std::string text(const char* member) const;

 private:
  const nlohmann::json* members_ = nullptr;
  std::string path_;
};

/// What `read` makes of a JSON object. An Error's thing is `invalid`: what `read` threw, or no
/// object, or members that begin with "py/", which are code to jsonpickle; only the label py/object
/// may stand.
template <class T>
Result<T> read_document(const nlohmann::json& document, T (*read)(const nlohmann::json&)) {
  try {
    refuse_code(document);
    return read(document);
  } catch (const Invalid& invalid) {
    return Error{"invalid", invalid.why};
  }
}

/// The same of a body, which may be `undecodable` too: not a JSON document within the limits.
template <class T>
Result<T> read_message(std::string_view body, T (*read)(const nlohmann::json&)) {
  const Result<nlohmann::json> document = parse_document(body);
  return document ? read_document(*document, read) : document.error();
}

/// `job.id`: a number or a text of 1 to 18 digits.
std::string id_of(const Part& job);

}  // namespace rbit
