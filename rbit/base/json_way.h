#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/text.h"

namespace rbit {

/// Where somebody is in a JSON document. The names outlive it.
class JsonWay {
 public:
  static constexpr std::size_t most_pointer = 150, most_name = 40;  // bytes

  void enter(const std::string& name) { steps_.push_back({&name, 0}); }
  void enter(std::size_t index) { steps_.push_back({nullptr, index}); }
  void leave() { steps_.pop_back(); }
  std::size_t depth() const { return steps_.size(); }

  /// A JSON Pointer for people: on one line, and what is too long is cut.
  std::string pointer() const {
    std::string made;
    for (const auto& [name, index] : steps_)
      made += "/" + (name == nullptr ? std::to_string(index)
                                     : text::replaced(text::one_line(*name, most_name),
                                                      {{'~', "~0"}, {'/', "~1"}}));
    return text::one_line(made, most_pointer);
  }

 private:
  std::vector<std::pair<const std::string*, std::size_t>> steps_;
};

}  // namespace rbit
