#include "rbit/core/task_message.h"

#include <doctest/doctest.h>

using namespace rbit;
using nlohmann::json;

namespace {
std::string mistake(const std::string& body) {
  const auto task = task_of(json::parse(body));
  return task ? "" : task.error().thing + ": " + task.error().reason;
}
}  // namespace

// As algernon writes them (rbit/doc/formats.rst, task).
TEST_CASE("a task is read bare and from its envelope") {
  const char* const bare = R"({"task_name": "a", "task_kwargs": {"x": 1}, "callback": "a#b#c"})";
  const json envelope{{"Type", "Notification"}, {"Message", bare}};
  for (const json& body : {json::parse(bare), envelope}) {
    const auto task = task_of(body);
    REQUIRE(task.has_value());
    CHECK(task->name == "a");
    CHECK(task->kwargs == json{{"x", 1}});
    CHECK(task->callback == "a#b#c");
    CHECK(without_envelope(body) == json::parse(bare));
  }
}

TEST_CASE("what may be missing is empty") {
  for (const char* body :
       {R"({"task_name": "a"})", R"({"task_name": "a", "task_kwargs": null, "callback": null})"}) {
    const auto task = task_of(json::parse(body));
    REQUIRE(task.has_value());
    CHECK(task->kwargs == json::object());
    CHECK(task->callback.empty());
  }
}

TEST_CASE("what is no task says why") {
  for (const char* body : {"[]", "1", "{}", R"({"Message": 1})", R"({"job": {}})"})
    CHECK(mistake(body).starts_with("invalid: no task"));
  CHECK(mistake(R"({"task_name": ""})") == "invalid: task_name is empty");
  CHECK(mistake(R"({"task_name": 5})") == "invalid: task_name is no text");
  CHECK(mistake(R"({"task_name": "a", "task_kwargs": [1]})") ==
        "invalid: task_kwargs is no object");
  CHECK(mistake(R"({"task_name": "a", "callback": 1})") == "invalid: callback is no text");
  CHECK(mistake(R"({"Message": "nonsense"})").starts_with("invalid: Message is not the text"));
  CHECK(mistake(json{{"task_name", std::string(256, 'x')}}.dump()) ==
        "invalid: task_name is longer than 255 bytes");
}

TEST_CASE("a chain has at most 64 links, and none of them is empty") {
  const auto chained = [](const std::string& callback) {
    return mistake(json{{"task_name", "a"}, {"callback", callback}}.dump());
  };
  std::string chain = "a";
  for (int i = 1; i < 64; ++i) chain += "#a";
  CHECK(chained(chain).empty());
  CHECK(chained(chain + "#a") == "invalid: callback has more than 64 links");
  for (const char* one : {"#", "a##b", "a#", "#a"})
    CHECK(chained(one) == "invalid: callback has an empty link");
  CHECK(chained(std::string(256, 'x')) == "invalid: callback has a link of more than 255 bytes");
}

TEST_CASE("a body that has a task of its own is in no envelope") {
  const auto task =
      task_of(json::parse(R"({"task_name": "a", "Message": "{\"task_name\": \"b\"}"})"));
  REQUIRE(task.has_value());
  CHECK(task->name == "a");
}
