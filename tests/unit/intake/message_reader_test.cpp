#include "rbit/intake/message_reader.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

using namespace rbit;

namespace {

const std::string request =
    R"({"job":{"id":1,"packageinstance":{"package":{"name":"a","version":"1"}}}})";

Message message_of(std::string body) {
  Message message;
  message.queue = "work";
  message.body = std::move(body);
  return message;
}

/// What the dead letter says; "": it is taken.
std::string refusal(const MessageReader& reader, const Message& message) {
  const auto read = reader.read(message);
  return read ? "" : read.error().text();
}

std::string refusal(const MessageReader& reader, std::string body) {
  return refusal(reader, message_of(std::move(body)));
}

MessageFact member(const std::string& pointer) {
  return {MessageFact::Of::member, pointer, true, "%{" + pointer + "!}"};
}

}  // namespace

TEST_CASE("pybit: build requests, and the cure for everything else") {
  const MessageReader reader("x", MessageKind::pybit);
  const auto read = reader.read(message_of(request));
  REQUIRE(read.has_value());
  CHECK(read->package == "a");
  const std::string foreign =
      "invalid: no PyBit build request (message = json or raw in [runner:x] takes any message)";
  for (const char* body : {"{}", R"({"order": 17})", "17", "null", R"({"job": "resize"})"}) {
    CAPTURE(body);
    CHECK(refusal(reader, body) == foreign);
  }
  CHECK(reader.read(message_of(R"({"order": 17})")).error().detail == "job is missing");
  CHECK(refusal(reader, "hello") ==
        "undecodable: not JSON at byte 1 (message = raw in [runner:x] takes any message)");
  CHECK(refusal(reader, "") ==
        "undecodable: the body is empty (message = raw in [runner:x] takes any message)");
  // One that is meant as a build request needs no other kind.
  CHECK(refusal(reader, R"({"job":{"packageinstance":{"package":{"name":"a","version":"1"}}}})") ==
        "invalid: job.id is missing");
}

TEST_CASE("json: any JSON text within the limits") {
  const MessageReader reader("x", MessageKind::json);
  for (const char* body : {"{}", "17", "null", "\"\"", " [1] \n", R"({"a":"\u0000"})",
                           R"({"py/object": "os.system"})"}) {
    CAPTURE(body);
    CHECK(refusal(reader, body) == "");
  }
  CHECK(refusal(reader, request) == "");
  CHECK(reader.read(message_of(request))->package == "");
  const std::string cure = " (message = raw in [runner:x] takes any message)";
  CHECK(refusal(reader, "") == "undecodable: the body is empty" + cure);
  CHECK(refusal(reader, "{'a': 1}") == "undecodable: not JSON at byte 2" + cure);
  CHECK(refusal(reader, "{} x") == "undecodable: not JSON at byte 4" + cure);
  CHECK(refusal(reader, "\"\xff\"") == "undecodable: not UTF-8" + cure);
  CHECK(refusal(reader, R"({"a":1,"a":2})") == "undecodable: member 'a' stands twice" + cure);
  CHECK(refusal(reader, std::string(33, '[') + std::string(33, ']')) ==
        "undecodable: nested deeper than 32" + cure);
  CHECK(refusal(reader, std::string(32, '[') + std::string(32, ']')) == "");
  Message packed = message_of("{}");
  packed.content_encoding = "gzip";
  CHECK(refusal(reader, packed) == "undecodable: content_encoding 'gzip'" + cure);
}

TEST_CASE("task: a task, bare or in an envelope, and what a line needs of it") {
  const MessageReader reader("x", MessageKind::task, {member("/task_kwargs/n")});
  const std::string task = R"({"task_name": "a", "task_kwargs": {"n": 1}})";
  CHECK(refusal(reader, task) == "");
  CHECK(refusal(reader, nlohmann::json{{"Message", task}}.dump()) == "");
  CHECK(refusal(reader, R"({"task_name": "a"})") ==
        "invalid: /task_kwargs/n is missing ([runner:x] needs %{/task_kwargs/n!})");
  CHECK(refusal(reader, "[]").starts_with("invalid: no task"));
  CHECK(refusal(reader, "a").starts_with("undecodable: not JSON"));
}

TEST_CASE("raw: any bytes, also none") {
  const MessageReader reader("x", MessageKind::raw);
  for (const std::string& body : {std::string(), std::string("\0\xff", 2), request})
    CHECK(refusal(reader, body) == "");
  Message packed = message_of("\x1f\x8b");
  packed.content_encoding = "gzip";
  CHECK(refusal(reader, packed) == "");
}

TEST_CASE("a body above the size limit is none for any kind, and no kind is the cure") {
  Message large = message_of("{}");
  large.oversized = true;
  large.size = 5'000'000;
  for (const MessageKind kind :
       {MessageKind::pybit, MessageKind::json, MessageKind::raw, MessageKind::task})
    CHECK(refusal(MessageReader("x", kind), large) ==
          "undecodable: the body has 5000000 bytes, more than 4 MiB");
}

TEST_CASE("what a line needs of its messages") {
  const MessageReader reader("x", MessageKind::json,
                             {member("/a/b"),
                              member("/~1~0"),
                              {MessageFact::Of::header, "x-kind", true, "%{header:x-kind!}"},
                              {MessageFact::Of::key, "", true, "%{key!}"}});
  Message whole = message_of(R"({"a": {"b": ""}, "/~": [false]})");
  whole.headers["x-kind"] = false;
  CHECK(refusal(reader, whole) == "");
  const auto without = [&](std::string body) {
    Message message = whole;
    message.body = std::move(body);
    return refusal(reader, message);
  };
  CHECK(without("{}") == "invalid: /a/b is missing ([runner:x] needs %{/a/b!})");
  CHECK(without(R"({"a": 1})") == "invalid: /a/b is missing ([runner:x] needs %{/a/b!})");
  CHECK(without(R"({"a": {"b": null}})") == "invalid: /a/b is missing ([runner:x] needs %{/a/b!})");
  CHECK(without(R"({"a": {"b": 0}})") == "invalid: /~1~0 is missing ([runner:x] needs %{/~1~0!})");
  whole.headers.clear();
  CHECK(refusal(reader, whole) ==
        "invalid: header x-kind is missing ([runner:x] needs %{header:x-kind!})");
}

TEST_CASE("a schema sees the body first, and says what is wrong apart") {
  const auto schema = [](const nlohmann::json& body) -> std::optional<std::string> {
    if (body.contains("order")) return std::nullopt;
    return "/order: is missing";
  };
  const MessageReader reader("x", MessageKind::json, {member("/a")}, schema);
  const auto read = reader.read(message_of("{}"));
  REQUIRE(read.has_error());
  CHECK(read.error().text() == "invalid: it does not fit the schema");
  CHECK(read.error().detail == "/order: is missing");
  CHECK(refusal(reader, R"({"order": 1})").starts_with("invalid: /a is missing"));
  CHECK(refusal(reader, R"({"order": 1, "a": 2})") == "");
  CHECK(
      MessageReader("x", MessageKind::pybit, {}, schema).read(message_of(request)).error().detail ==
      "/order: is missing");
}
