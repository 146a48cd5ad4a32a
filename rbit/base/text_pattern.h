#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rbit/base/result.h"

namespace rbit {

/// A regular expression as JSON Schema has them (ECMA 262), of letters, not of bytes. Whatever it
/// and the text are, a search neither recurses nor takes more than its caller allows: std::regex
/// has a stack frame for each letter, and any engine that goes back may take hours.
class TextPattern {
 public:
  /// The Error's reason says what is wrong with it.
  static Result<TextPattern> read(std::string_view pattern);

  /// Whether it is found anywhere in `text`, which is UTF-8. Takes what that costs, in looks at a
  /// letter, off `steps`. None: there were not enough of them.
  std::optional<bool> is_in(std::string_view text, std::int64_t& steps) const;

 private:
  struct Engine;
  explicit TextPattern(std::shared_ptr<const Engine> engine) : engine_(std::move(engine)) {}

  std::shared_ptr<const Engine> engine_;
};

}  // namespace rbit
