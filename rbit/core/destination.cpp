#include "rbit/core/destination.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "rbit/base/text.h"

namespace rbit {

namespace {

/// Which beginnings of `key` the pattern read so far covers, one flag for each length; a pattern
/// of any number of stars costs no more than its length times that of the key.
class Covered {
 public:
  explicit Covered(std::string_view key) : key_(key), lengths_(key.size() + 1) {
    lengths_[0] = true;
  }
  void literal(char c) {
    for (std::size_t i = key_.size(); i > 0; --i) lengths_[i] = lengths_[i - 1] && key_[i - 1] == c;
    lengths_[0] = false;
  }
  void within_word() {
    for (std::size_t i = 1; i <= key_.size(); ++i)
      lengths_[i] = lengths_[i] || (lengths_[i - 1] && key_[i - 1] != '.');
  }
  void any_rest() {
    for (std::size_t i = 1; i <= key_.size(); ++i) lengths_[i] = lengths_[i] || lengths_[i - 1];
  }
  bool whole() const { return lengths_.back(); }

 private:
  std::string_view key_;
  std::vector<bool> lengths_;
};

bool covers(std::string_view pattern, std::string_view key) {
  // As at a topic exchange: with nothing for `#`, its dot goes too.
  if (pattern.ends_with(".#") && covers(pattern.substr(0, pattern.size() - 2), key)) return true;
  Covered covered(key);
  for (const char c : pattern) {
    if (c == '*')
      covered.within_word();
    else if (c == '#')
      covered.any_rest();
    else
      covered.literal(c);
  }
  return covered.whole();
}

}  // namespace

std::string written(const Destination& to) {
  return text::one_line(to.exchange + ":" + to.key, 300);
}

bool is_covered(const Destination& to, const std::vector<Destination>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const Destination& one) {
    return one.exchange == to.exchange && covers(one.key, to.key);
  });
}

}  // namespace rbit
