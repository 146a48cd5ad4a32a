#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace rbit::json {

/// Appends a text as JSON, with its quotes. What is no UTF-8 is replaced by U+FFFD.
void append_quoted(std::string& out, std::string_view text);

/// Writes an object straight into a text, member by member, where building a document first would
/// cost more than all else. Closed when it goes.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  ~ObjectText() { out_ += '}'; }
  ObjectText(const ObjectText&) = delete;
  ObjectText& operator=(const ObjectText&) = delete;

  void text(std::string_view name, std::string_view value) { append_quoted(member(name), value); }
  void number(std::string_view name, std::int64_t value) { member(name) += std::to_string(value); }
  void truth(std::string_view name, bool value) { member(name) += value ? "true" : "false"; }
  /// Where its value is to be appended, which is JSON.
  std::string& member(std::string_view name) {
    if (!std::exchange(is_first_, false)) out_ += ',';
    append_quoted(out_, name);
    return out_ += ':';
  }

 private:
  std::string& out_;
  bool is_first_ = true;
};

}  // namespace rbit::json
