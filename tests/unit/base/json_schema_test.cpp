#include "rbit/base/json_schema.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

using namespace rbit;
using test::TempDir;
using test::write_file;

namespace {

constexpr const char* draft_4 = R"("$schema": "http://json-schema.org/draft-04/schema#", )";
constexpr const char* draft_6 = R"("$schema": "http://json-schema.org/draft-06/schema#", )";

Result<JsonSchema> schema_of(const std::string& text) {
  const TempDir dir;
  write_file(dir / "schema.json", text);
  return JsonSchema::read(dir / "schema.json");
}

/// "" if it fits, else why not.
std::string misfit(const std::string& schema, const std::string& document) {
  const auto read = schema_of(schema);
  REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().text()));
  const auto wrong = read->misfit_of(nlohmann::json::parse(document));
  return wrong ? wrong->text() : "";
}

/// What is wrong with a schema, without its directory.
std::string mistake(const std::string& schema) {
  const auto read = schema_of(schema);
  if (read) return "";
  const std::string what = read.error().what();
  return what.substr(what.find("schema.json"));
}

std::string repeated(int times, const std::string& text) {
  std::string made;
  for (int i = 0; i < times; ++i) made += text;
  return made;
}

}  // namespace

TEST_CASE("a misfit is a pointer and a reason") {
  const std::string order = R"({"type": "object", "required": ["order"], "properties": {
    "order": {"type": "object", "required": ["id"], "additionalProperties": false,
              "properties": {"id": {"type": "number"}, "a/b~": {"type": ["string", "null"]},
                             "lines": {"items": {"type": "integer"}}}}}})";
  CHECK(misfit(order, R"({"order": {"id": 17}})") == "");
  CHECK(misfit(order, R"({"order": {"id": "17"}})") == "/order/id: expected a number");
  CHECK(misfit(order, R"({"order": {"id": 1, "a/b~": 2}})") ==
        "/order/a~1b~0: expected null or a string");
  CHECK(misfit(order, R"({"order": {"id": 1, "lines": [1, 2.5]}})") ==
        "/order/lines/1: expected an integer");
  CHECK(misfit(order, R"({"order": {}})") == "/order: 'id' is missing");
  CHECK(misfit(order, R"({"order": {"id": 1, "x": 2}})") == "/order/x: is not allowed here");
  CHECK(misfit(order, R"([])") == "expected an object");
  CHECK(misfit(order, R"({})") == "'order' is missing");
}

TEST_CASE("names of a message are shown on one line, and cut") {
  const std::string none = R"({"additionalProperties": {"additionalProperties": false}})";
  CHECK(misfit(none, R"({"a": {"\n\u001b[31m": 1}})") == R"(/a/\x0a\x1b[31m: is not allowed here)");
  const std::string longest(100'000, 'x');
  CHECK(misfit(none, R"({")" + longest + R"(": {")" + longest + R"(": 1}})").size() < 200);
}

TEST_CASE("what each keyword says") {
  CHECK(misfit(R"({"minimum": 5})", "4.5") == "expected at least 5");
  CHECK(misfit(R"({"maximum": 5})", "5") == "");
  CHECK(misfit(R"({"exclusiveMaximum": 5})", "5") == "expected less than 5");
  CHECK(misfit(R"({"exclusiveMinimum": 5})", "5") == "expected more than 5");
  CHECK(misfit(R"({"multipleOf": 3})", "10") == "expected a multiple of 3");
  CHECK(misfit(R"({"multipleOf": 0.1})", "0.3") == "");
  CHECK(misfit(R"({"multipleOf": 0.1})", "0.35") == "expected a multiple of 0.1");
  CHECK(misfit(R"({"minLength": 2})", R"("ä")") == "expected at least 2 characters");
  CHECK(misfit(R"({"maxLength": 2})", R"("äöü")") == "expected at most 2 characters");
  CHECK(misfit(R"({"maxLength": 2.0})", R"("äö")") == "");
  CHECK(misfit(R"({"pattern": "^[a-z]+$"})", R"("ab\n")") == "does not match the pattern ^[a-z]+$");
  CHECK(misfit(R"({"pattern": "^.{3}$"})", R"("äöü")") == "");
  CHECK(misfit(R"x({"pattern": "^\\u00e4\\/(?=x)"})x", R"("ä/x")") == "");
  CHECK(misfit(R"({"minItems": 1})", "[]") == "expected at least 1 item");
  CHECK(misfit(R"({"maxItems": 1})", "[1,2]") == "expected at most 1 item");
  CHECK(misfit(R"({"uniqueItems": true})", R"([1, {"a": 1, "b": 2}, {"b": 2.0, "a": 1}])") ==
        "expected items that all differ");
  CHECK(misfit(R"({"uniqueItems": true})", R"([1, true, "1", [1], null])") == "");
  CHECK(misfit(R"({"contains": {"type": "null"}})", "[1]") ==
        "has no item as the schema wants one (contains)");
  CHECK(misfit(R"({"contains": {"type": "null"}})", "[1, null]") == "");
  CHECK(misfit(R"({"items": [{"type": "null"}, true], "additionalItems": false})", "[null,1,2]") ==
        "/2: is not allowed here");
  CHECK(misfit(R"({"items": [{"type": "null"}], "additionalItems": {"type": "null"}})",
               "[null, null, 1]") == "/2: expected null");
  CHECK(misfit(R"({"minProperties": 1})", "{}") == "expected at least 1 member");
  CHECK(misfit(R"({"maxProperties": 0})", R"({"a": 1})") == "expected at most 0 members");
  CHECK(
      misfit(R"({"patternProperties": {"^n": {"type": "number"}}, "additionalProperties": false})",
             R"({"n1": "x"})") == "/n1: expected a number");
  CHECK(misfit(R"({"patternProperties": {"^n": {}}, "properties": {"a": {}, "z": {}},
                   "additionalProperties": false})",
               R"({"a": 1, "m": 2, "n": 3, "z": 4})") == "/m: is not allowed here");
  CHECK(misfit(R"({"propertyNames": {"maxLength": 2}})", R"({"abc": 1})") ==
        "/abc: its name does not fit: expected at most 2 characters");
  CHECK(misfit(R"({"dependencies": {"a": ["b"]}})", R"({"a": 1})") ==
        "'b' is missing, which goes with 'a'");
  CHECK(misfit(R"({"dependencies": {"a": {"required": ["c"]}}})", R"({"a": 1})") ==
        "'c' is missing");
  CHECK(misfit(R"({"enum": ["a", "b", 1]})", R"("c")") == R"(expected one of "a", "b", 1)");
  CHECK(misfit(R"({"enum": ["a", 1]})", "1.0") == "");
  CHECK(misfit(R"({"enum": [18446744073709551615]})", "-1") == "expected 18446744073709551615");
  CHECK(misfit(R"({"const": {"a": [1, null]}})", R"({"a": [1.0, null]})") == "");
  CHECK(misfit(R"({"const": 2})", "3") == "expected 2");
  CHECK(misfit(R"({"not": {"type": "null"}})", "null") == "is what the schema excludes (not)");
  CHECK(misfit(R"({"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]},
                   "else": {"required": ["c"]}})",
               R"({"a": 2})") == "'c' is missing");
  CHECK(misfit("false", "1") == "is not allowed here");
  CHECK(misfit("true", "1") == "");
}

TEST_CASE("of alternatives the one that went deepest is told of") {
  const std::string pets = R"({"oneOf": [{"properties": {"cat": {"required": ["lives"]}},
     "required": ["cat"]}, {"required": ["dog"]}]})";
  CHECK(misfit(pets, R"({"cat": {}})") == "/cat: 'lives' is missing");
  CHECK(misfit(pets, R"({})") == "fits none of the 2 schemas of oneOf");
  CHECK(misfit(pets, R"({"dog": 1, "cat": {"lives": 9}})") ==
        "fits more than one of the schemas of oneOf");
  CHECK(misfit(R"({"anyOf": [{"type": "null"}]})", "1") == "expected null");
  CHECK(misfit(R"({"allOf": [{"type": "number"}, {"minimum": 3}]})", "1") == "expected at least 3");
}

TEST_CASE("formats: those that are known here; any other is a remark") {
  const auto fits = [](const std::string& format, const std::string& text) {
    return misfit(R"({"format": ")" + format + R"("})", text) == "";
  };
  CHECK(fits("date-time", R"("2024-02-29T23:59:60.5+01:00")"));
  CHECK_FALSE(fits("date-time", R"("2023-02-29T00:00:00Z")"));
  CHECK_FALSE(fits("date-time", R"("2023-02-28 00:00:00Z")"));
  CHECK_FALSE(fits("date", R"("99999999999999-01-01")"));
  CHECK_FALSE(fits("time", R"("24:00:00Z")"));
  CHECK(fits("ipv4", R"("10.0.0.1")"));
  CHECK_FALSE(fits("ipv4", R"("10.0.0.1\u0000")"));
  CHECK(fits("ipv6", R"("::1")"));
  CHECK_FALSE(fits("email", R"("nobody")"));
  CHECK_FALSE(fits("hostname", R"("-a.example")"));
  CHECK_FALSE(fits("uri", R"("no uri")"));
  CHECK(fits("uuid", R"("123e4567-e89b-12d3-a456-426614174000")"));
  CHECK(fits("credit-card", R"("x")"));
  CHECK(fits("date", "17"));  // of texts alone
}

TEST_CASE("draft 4 has flags for limits, knows no const, and 1.0 is no integer there") {
  const auto old = [](const std::string& rest) { return "{" + std::string(draft_4) + rest + "}"; };
  CHECK(misfit(old(R"("minimum": 5, "exclusiveMinimum": true)"), "5") == "expected more than 5");
  CHECK(misfit(old(R"("minimum": 5, "exclusiveMinimum": false)"), "5") == "");
  CHECK(misfit(old(R"("maximum": 5, "exclusiveMaximum": true)"), "5") == "expected less than 5");
  CHECK(misfit(old(R"("exclusiveMaximum": true)"), "5") == "");
  CHECK(misfit(old(R"("type": "integer")"), "1.0") == "expected an integer");
  CHECK(misfit(old(R"("const": 5, "if": {}, "propertyNames": false, "contains": 7)"), "6") == "");
  CHECK(misfit(old(R"("properties": {"a": {}}, "additionalProperties": false)"), R"({"b":1})") ==
        "/b: is not allowed here");
  CHECK(mistake(old(R"("exclusiveMinimum": 5)")) ==
        "schema.json: /exclusiveMinimum: is neither true nor false, as in draft 4");
  CHECK(mistake(old(R"("properties": {"a": true})")) == "schema.json: /properties/a: is no schema");
}

TEST_CASE("draft 6 has const and false, and no if; 7 has all") {
  const auto six = [](const std::string& rest) { return "{" + std::string(draft_6) + rest + "}"; };
  CHECK(misfit(six(R"("type": "integer", "exclusiveMinimum": 5)"), "6.0") == "");
  CHECK(misfit(six(R"("if": {}, "then": false)"), "6") == "");
  CHECK(misfit(six(R"("properties": {"a": false})"), R"({"a": 1})") == "/a: is not allowed here");
  CHECK(misfit(R"({"if": {}, "then": false})", "6") == "is not allowed here");
  CHECK(mistake(R"({"exclusiveMinimum": true})") ==
        "schema.json: /exclusiveMinimum: is no number (it is a boolean in draft 4 only)");
  CHECK(mistake(R"({"$schema": "https://json-schema.org/draft/2020-12/schema"})")
            .find("is no draft that is known here") != std::string::npos);
  CHECK(misfit(R"({"$schema": "https://json-schema.org/draft-07/schema"})", "6") == "");
}

TEST_CASE("references: within the file, to one beside it, in circles that end") {
  CHECK(misfit(R"({"definitions": {"a/b %": {"type": "null"}},
                   "properties": {"x": {"$ref": "#/definitions/a~1b%20%25", "type": "string"}}})",
               R"({"x": null})") == "");  // what stands beside $ref does not count
  const std::string tree = R"({"properties": {"left": {"$ref": "#"}, "name": {"type": "string"}}})";
  CHECK(misfit(tree, R"({"left": {"left": {"name": 5}}})") == "/left/left/name: expected a string");
  CHECK(misfit(R"({"definitions": {"a": {"$id": "#named", "type": "null"}},
                   "items": {"$ref": "#named"}})",
               "[1]") == "/0: expected null");
  CHECK(misfit(R"({"$id": "http://x.example/y.json", "definitions": {"a": {"type": "null"}},
                   "items": {"$ref": "http://x.example/y.json#/definitions/a"}})",
               "[1]") == "/0: expected null");
  // valijson 1.0 takes these two for one another
  CHECK(misfit(R"({"definitions": {"a": {"propertyNames": {"maxLength": 1}}},
                   "items": {"$ref": "#/definitions/a"}})",
               R"([{"bb": 1}])") == "/0/bb: its name does not fit: expected at most 1 character");

  const TempDir dir;
  std::filesystem::create_directory(dir / "parts");
  write_file(dir / "order.json",
             R"({"properties": {"item": {"$ref": "parts/item.json#/definitions/i"}}})");
  write_file(dir / "parts/item.json", R"({"definitions": {"i": {"$ref": "id.json"}}})");
  write_file(dir / "parts/id.json", R"({"type": "integer"})");
  const auto order = JsonSchema::read(dir / "order.json");
  REQUIRE(order.has_value());
  CHECK(order->misfit_of(nlohmann::json::parse(R"({"item": "x"})"))->text() ==
        "/item: expected an integer");
}

TEST_CASE("references that lead elsewhere are refused") {
  const auto why = [](const std::string& reference) {
    return mistake(R"({"properties": {"a": {"$ref": ")" + reference + R"("}}})");
  };
  const std::string at = "schema.json#/properties/a: $ref ";
  CHECK(why("http://x.example/s.json") == at + "'http://x.example/s.json' leads to a URL");
  CHECK(why("file:///etc/passwd") == at + "'file:///etc/passwd' leads to a URL");
  CHECK(why("urn:x") == at + "'urn:x' leads to a URL");
  CHECK(why("//x.example/s.json") == at + "'//x.example/s.json' leads to an absolute path");
  CHECK(why("/etc/passwd") == at + "'/etc/passwd' leads to an absolute path");
  CHECK(why("../other.json") == at + "'../other.json' leads out of the schema's directory");
  CHECK(why("%2e%2e/other.json") == at + "'%2e%2e/other.json' leads out of the schema's directory");
  CHECK(why("%2Fetc%2fpasswd") == at + "'%2Fetc%2fpasswd' leads to an absolute path");
  CHECK(why("#/nowhere") == at + "'#/nowhere' leads nowhere");
  CHECK(why("#nowhere") == at + "'#nowhere' leads nowhere");
  CHECK(why("#/properties/a") == "schema.json: /properties/a/$ref: leads round in a circle");
  CHECK(why("missing.json").find("leads to ") != std::string::npos);
  CHECK(mistake(R"({"$ref": 5})") == "schema.json: /$ref: is no text");
  CHECK(mistake(R"({"$ref": "#"})") == "schema.json: /$ref: leads round in a circle");
  CHECK(mistake(R"({"allOf": [{"$ref": "#"}]})") ==
        "schema.json: : refers to itself without going deeper into the message");
  CHECK(mistake(R"({"definitions": {"a": {"not": {"anyOf": [{"$ref": "#/definitions/a"}]}}}})") ==
        "schema.json: /definitions/a: refers to itself without going deeper into the message");
}

TEST_CASE("mistakes in a schema have a place") {
  CHECK(mistake("{") == "schema.json: not JSON at byte 2");
  CHECK(mistake("[]") == "schema.json: : is no schema");
  CHECK(mistake(R"({"type": "strng"})") ==
        "schema.json: /type: 'strng' is no type (did you mean string?)");
  CHECK(mistake(R"({"type": []})") == "schema.json: /type: is an empty list");
  CHECK(mistake(R"({"definitions": {"unused": {"type": 5}}})") ==
        "schema.json: /definitions/unused/type: the name of a type is a text");
  CHECK(mistake(R"({"properties": {"a": {"pattern": "(("}}})")
            .starts_with("schema.json: /properties/a/pattern: is no regular expression: "));
  CHECK(mistake(R"({"patternProperties": {"[": {}}})")
            .starts_with("schema.json: /patternProperties: '[' is no regular expression: "));
  CHECK(mistake(R"({"required": "id"})") == "schema.json: /required: is no list of names");
  CHECK(mistake(R"({"required": ["a", "a"]})") == "schema.json: /required: 'a' stands there twice");
  CHECK(mistake(R"({"enum": []})") == "schema.json: /enum: is no list of values");
  CHECK(mistake(R"({"multipleOf": 0})") == "schema.json: /multipleOf: is no number above 0");
  CHECK(mistake(R"({"maxLength": -1})") == "schema.json: /maxLength: is no number from 0 up");
  CHECK(mistake(R"({"allOf": {}})") == "schema.json: /allOf: is no list of schemas");
  CHECK(mistake(R"({"items": 5})") == "schema.json: /items: is no schema");
  CHECK(mistake(R"({"uniqueItems": 1})") == "schema.json: /uniqueItems: is neither true nor false");

  const TempDir dir;
  CHECK_FALSE(JsonSchema::read(dir / "none.json").has_value());
  CHECK_FALSE(JsonSchema::read(dir.path()).has_value());
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(JsonSchema::read(dir / "fifo").has_value());
  write_file(dir / "large.json", "{" + std::string(5 << 20, ' ') + "}");
  CHECK(JsonSchema::read(dir / "large.json").error().reason == "is larger than 4 MiB");
}

TEST_CASE("no message makes a check long, deep or large") {
  const std::clock_t begin = std::clock();  // of the processor: the machine may be busy
  const std::string as(1 << 20, 'a');
  // std::regex dies of the stack here, an engine that goes back takes years.
  CHECK(misfit(R"({"pattern": "^(a|b|c)*$"})", "\"" + as + "\"") == "");
  CHECK(
      misfit(R"({"pattern": "^(a+)+$"})", "\"" + as.substr(0, 60) + "!\"").find("takes too long") !=
      std::string::npos);
  CHECK(misfit(R"({"pattern": "^[a-c]*$"})", "\"" + as + "\"") == "");
  CHECK(misfit(R"({"pattern": ".*.*.*x"})", "\"" + as + "\"").find("takes too long") !=
        std::string::npos);
  // Each level asks twice.
  const std::string twice =
      R"({"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "required": ["b"]})";
  CHECK(misfit(twice, repeated(31, R"({"b": 1, "a": )") + "{}" + repeated(31, "}"))
            .find("takes too long") != std::string::npos);
  std::string many = "[0";
  for (int i = 1; i < 9'000; ++i) many += "," + std::to_string(i);
  CHECK(misfit(R"({"uniqueItems": true, "items": {"enum": [)" + many.substr(1) + "]}}",
               many + "]") == "");
  CHECK(std::clock() - begin < 30 * CLOCKS_PER_SEC);
}

TEST_CASE("schemas that are long chains are compiled") {
  std::string chain = R"({"$ref": "#/definitions/d0", "definitions": {)";
  for (int i = 0; i < 3'000; ++i)
    chain += "\"d" + std::to_string(i) + R"(": {"properties": {"a": {"$ref": "#/definitions/d)" +
             std::to_string(i + 1) + "\"}}},";
  chain += R"("d3000": {"type": "null"}}})";
  CHECK(misfit(chain, R"({"a": {"a": 1}})") == "");
  std::string circle = chain;
  circle.replace(circle.find(R"({"type": "null"})"), 16, R"({"items": {"$ref": "#"}})");
  CHECK(mistake(circle) == "schema.json: refers to itself, and its schemas are nested too deep");
}
