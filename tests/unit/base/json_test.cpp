#include "rbit/base/json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

using namespace rbit;

namespace {

/// "" if it parses, else why not.
std::string why(std::string_view text, const json::Limits& limits = {}) {
  const auto parsed = json::parse(text, limits);
  return parsed ? "" : parsed.error().reason;
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']');
}

std::string many(std::size_t values) {
  std::string list = "[";
  for (std::size_t i = 0; i < values; ++i) list += i == 0 ? "0" : ",0";
  return list + "]";
}

std::string text_of(std::size_t bytes) {
  return "\"" + std::string(bytes, 'x') + "\"";
}

}  // namespace

TEST_CASE("each limit of a document: what just fits, and one more") {
  const json::Limits limits;
  const std::string most(limits.bytes - 2, ' ');
  CHECK(why(most + "[]") == "");
  CHECK(why(most + "[] ") == "larger than 4194304 bytes");
  CHECK(why(nested(32)) == "");
  CHECK(why(nested(33)) == "nested deeper than 32");
  CHECK(why(many(limits.nodes - 1)) == "");  // the list counts too
  CHECK(why(many(limits.nodes)) == "too many values");
  CHECK(why(text_of(limits.string_bytes)) == "");
  CHECK(why(text_of(limits.string_bytes + 1)) == "a string is too long");
  CHECK(why("{" + text_of(limits.string_bytes) + ":1}") == "");
  CHECK(why("{" + text_of(limits.string_bytes + 1) + ":1}") == "a name is too long");
}

TEST_CASE("numbers in range, each kind at its edge") {
  for (const char* number : {"18446744073709551615", "-9223372036854775808",
                             "1.7976931348623157e308", "-1e308", "5e-324", "1e-400", "0"})
    CHECK_MESSAGE(why(number) == "", number);
  for (const char* number : {"1e309", "-1e309", "1e999999999"})
    CHECK_MESSAGE(why(number).starts_with("a number is out of range"), number);
  // Whole numbers beyond 64 bits are read as real ones, as everywhere.
  CHECK((*json::parse("18446744073709551616")).is_number_float());
}

TEST_CASE("members that stand twice, in any depth and spelling") {
  CHECK(why(R"({"a": 1, "b": {"a": 1}})") == "");
  CHECK(why(R"({"a": 1, "a": 1})") == "member 'a' stands twice");
  CHECK(why(R"([{"x": {"a": 1, "\u0061": 2}}])") == "member 'a' stands twice");
}

TEST_CASE("what is no JSON and what is no UTF-8") {
  for (const char* text :
       {"", " ", "{", "[1,]", "{'a':1}", "NaN", "Infinity", "01", "[] []", "// x\n1", "\"\\ud800\"",
        "\"\\u12\"", "\"a\nb\"", "\xef\xbb\xbf[]x", "+1", ".5", "tru"})
    CHECK_MESSAGE(why(text) != "", text);
  using namespace std::string_view_literals;
  CHECK(why("[1]\0[2]"sv) == "not JSON at byte 4");  // what is behind it nobody would have seen
  CHECK(why("\xef\xbb\xbf[1]") == "begins with a byte order mark");
  for (const char* text : {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\""})
    CHECK_MESSAGE(why(text) == "not UTF-8", text);
}

TEST_CASE("a document that only nests or only lists costs neither stack nor time") {
  const json::Limits limits{64 << 20, 32, 10'000, 1 << 20};
  CHECK(why(std::string(32 << 20, '['), limits) == "nested deeper than 32");
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  CHECK(why(objects, limits) == "nested deeper than 32");
}
