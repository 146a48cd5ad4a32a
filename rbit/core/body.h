#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace rbit {

/// The bytes of a message. They never change, and whoever copies a Body shares them: they lie in
/// memory once, however many hold the message or the job that was made of it.
class Body {
 public:
  Body() = default;
  Body(std::string bytes) : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}
  Body(const char* text) : Body(std::string(text)) {}

  const std::string& bytes() const {
    static const std::string none;
    return bytes_ ? *bytes_ : none;
  }
  operator const std::string&() const { return bytes(); }
  operator std::string_view() const { return bytes(); }
  std::size_t size() const { return bytes().size(); }
  bool empty() const { return bytes().empty(); }

  template <std::convertible_to<std::string_view> Text>
  friend bool operator==(const Body& body, const Text& text) {
    return std::string_view(body.bytes()) == std::string_view(text);
  }

 private:
  std::shared_ptr<const std::string> bytes_;
};

}  // namespace rbit
