#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "rbit/base/json.h"

using namespace rbit;

namespace {

std::string at(const std::string& document, const std::string& pointer) {
  const auto parsed = json::parse(document);
  REQUIRE(parsed.has_value());
  const nlohmann::json* found = json::find(*parsed, pointer);
  return found == nullptr ? "none" : found->dump();
}

}  // namespace

TEST_CASE("pointers: the examples of RFC 6901") {
  const std::string document =
      R"({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8})";
  CHECK(at(document, "/foo") == R"(["bar","baz"])");
  CHECK(at(document, "/foo/0") == "\"bar\"");
  CHECK(at(document, "/") == "0");
  CHECK(at(document, "/a~1b") == "1");
  CHECK(at(document, "/c%d") == "2");
  CHECK(at(document, "/e^f") == "3");
  CHECK(at(document, "/g|h") == "4");
  CHECK(at(document, "/i\\j") == "5");
  CHECK(at(document, "/k\"l") == "6");
  CHECK(at(document, "/ ") == "7");
  CHECK(at(document, "/m~0n") == "8");
  CHECK(at("[1]", "") == "[1]");
}

TEST_CASE("pointers: what is not there") {
  for (const char* pointer :
       {"/b", "/a/b", "/a/0", "/l/2", "/l/-", "/l/01", "/l/+1", "/l/-1", "/l/", "/l/ 0",
        "/l/99999999999999999999", "/l/0/0", "/n/x", "a", "/a~", "/a~2", "//"}) {
    CAPTURE(pointer);
    CHECK(at(R"({"a": 1, "l": [1, 2], "n": null, "e": []})", pointer) == "none");
  }
  CHECK(at("[]", "/0") == "none");
  CHECK(at("17", "/0") == "none");
  CHECK(at(R"({"l": [1, 2]})", "/l/1") == "2");
  CHECK(at(R"({"~1": 1})", "/~01") == "1");
  CHECK(at(R"({"a": {"": {"b": 3}}})", "/a//b") == "3");
}

TEST_CASE("pointers: what is wrong with one") {
  for (const char* right : {"", "/", "/a", "/~0~1", "/a//b", "/ü"})
    CHECK(json::wrong_pointer(right) == "");
  CHECK(json::wrong_pointer("a") == "does not begin with /");
  for (const char* wrong : {"/~", "/~2", "/a~/b", "/~~0"})
    CHECK(json::wrong_pointer(wrong).starts_with("has a ~ without 0 or 1 behind it"));
}

TEST_CASE("values as text") {
  const auto text = [](const std::string& document) {
    return json::plain_text(*json::parse(document));
  };
  CHECK(text("null") == "");
  CHECK(text("\"a\\nb\"") == "a\nb");
  CHECK(text("true") == "true");
  CHECK(text("17") == "17");
  CHECK(text("-1.5") == "-1.5");
  CHECK(text("18446744073709551615") == "18446744073709551615");
  CHECK(text(R"({"b": [1, "x"], "a": null})") == R"({"a":null,"b":[1,"x"]})");
}
