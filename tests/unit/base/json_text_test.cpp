#include "rbit/base/json_text.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

using namespace rbit;

namespace {

std::string quoted(const std::string& text) {
  std::string out;
  json::append_quoted(out, text);
  return out;
}

std::string by_library(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

TEST_CASE("a text is quoted as the JSON library quotes it, whatever its bytes are") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    for (const std::string& text : {one, "a" + one, one + "b", one + one, "\xc3" + one}) {
      CAPTURE(byte);
      CHECK(quoted(text) == by_library(text));
    }
  }
  for (const std::string text : {"", "\u20ac\U0001f600", "\xed\xa0\x80", "\xf5", "\xe2\x82"})
    CHECK(quoted(text) == by_library(text));
}

TEST_CASE("an object is written member by member") {
  std::string out;
  {
    json::ObjectText object(out);
    object.text("a\"", "\n");
    object.number("n", -3);
    object.truth("t", true);
    json::ObjectText inner(object.member("o"));
  }
  const auto parsed = nlohmann::json::parse(out);
  CHECK(parsed ==
        nlohmann::json{{"a\"", "\n"}, {"n", -3}, {"t", true}, {"o", nlohmann::json::object()}});
}
