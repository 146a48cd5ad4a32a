#include "rbit/run/event_line.h"

#include <doctest/doctest.h>

#include "rbit/base/secrets.h"
#include "tests/support/temp_dir.h"

using namespace rbit;

TEST_CASE("an event is known by its member") {
  const auto status = parse_event_line(R"({"status":"Building","message":"now"})", Speaker::host);
  REQUIRE(status.has_value());
  CHECK(std::get<StatusEvent>(*status).status == Status::building);
  CHECK(std::get<StatusEvent>(*status).message == "now");
  CHECK(std::get<StatusEvent>(
            *parse_event_line(R"({"event":"status","status":"blocked"})", Speaker::host))
            .status == Status::blocked);
  CHECK(std::get<ArtifactEvent>(
            *parse_event_line(R"({"event":"artifact","path":"a/b"})", Speaker::host))
            .artifact.path == "a/b");
  CHECK(
      std::get<ArtifactEvent>(*parse_event_line(R"({"artifact":"a","kind":"pdf"})", Speaker::host))
          .artifact.kind == "pdf");
  CHECK(std::get<LogEvent>(*parse_event_line(R"({"log":"x","level":"debug"})", Speaker::host))
            .level == "debug");
  CHECK_FALSE(std::get<LogEvent>(*parse_event_line(R"({"log":"x"})", Speaker::host)).printed);
  CHECK(std::get<LogEvent>(*parse_event_line(R"({"log":"x","printed":true})", Speaker::host))
            .printed);
  const auto result =
      parse_event_line(R"({"result":"failed","message":"why","left_open":2})", Speaker::host);
  REQUIRE(result.has_value());
  CHECK(std::get<ResultEvent>(*result).kind == Outcome::Kind::failed);
  CHECK(std::get<ResultEvent>(*result).left_open > 0);
  CHECK(std::holds_alternative<ReadyEvent>(*parse_event_line(R"({"ready":true})", Speaker::host)));
  CHECK(std::get<RefusedEvent>(*parse_event_line(R"({"refused":"why","cure":"do"})", Speaker::host))
            .cure == "do");
}

TEST_CASE("where a token is asked for an event without it is none") {
  const auto is_event = [](const std::string& line) {
    return parse_event_line(line, Speaker::host, "0123abcd").has_value();
  };
  CHECK(is_event(R"({"status":"Building","token":"0123abcd"})"));
  for (const char* line : {R"({"status":"Building"})", R"({"result":"done","token":""})",
                           R"({"artifact":"a","token":"0123abce"})", R"({"log":"x","token":123})",
                           R"({"result":"done","message":"\"token\":\"0123abcd\""})",
                           R"({"log":"x","token":["0123abcd"]})"})
    CHECK_MESSAGE(!is_event(line), line);
  std::vector<std::string> heard, nonsense;
  EventReader reader(
      Speaker::host,
      [&](const JobEvent& event) { heard.push_back(std::get<LogEvent>(event).text); },
      [&](const std::string& why) { nonsense.push_back(why); });
  reader.expect("one");
  reader.feed("{\"log\":\"a\",\"token\":\"one\"}\n{\"log\":\"b\"}\n");
  reader.expect("two");  // a job later
  reader.feed("{\"log\":\"c\",\"token\":\"one\"}\n{\"log\":\"d\",\"token\":\"two\"}\n");
  CHECK(heard == std::vector<std::string>{"a", "d"});
  CHECK(nonsense == std::vector<std::string>{"it has not the token of this job"});
}

TEST_CASE("what a host says was left in it is bounded") {
  const auto result = parse_event_line(
      R"({"result":"done","left":["changed\nits umask",7,"a","b","c","d","e","f","g","h","i"]})",
      Speaker::host);
  REQUIRE(result.has_value());
  const auto& left = std::get<ResultEvent>(*result).left;
  REQUIRE(left.size() == 8);
  CHECK(left[0].find('\n') == std::string::npos);
  CHECK(
      std::holds_alternative<OpenedEvent>(*parse_event_line(R"({"opened":true})", Speaker::host)));
  CHECK(std::get<StaleEvent>(*parse_event_line(R"({"stale":"/a.py"})", Speaker::host)).file ==
        "/a.py");
}

TEST_CASE("whatever else a job writes is refused with a reason") {
  for (const std::string line :
       {"", "x", "[]", "\"status\"", "{}", R"({"status":"Sleeping"})", R"({"status":7})",
        R"({"artifact":""})", R"({"artifact":{"py/object":"x"}})", R"({"result":"maybe"})",
        "{\"artifact\":\"a\\u0000b\"}", "{\"status\":\"Building\"", "\xff\xfe"}) {
    const auto event = parse_event_line(line, Speaker::host);
    CHECK_MESSAGE(event.has_error(), line);
  }
  CHECK(parse_event_line(std::string(100'000, '['), Speaker::host).has_error());
  CHECK(parse_event_line(R"({"log":)" + std::string(60'000, '['), Speaker::host).has_error());
}

TEST_CASE("a long message is cut, at a whole letter") {
  std::string long_text;
  for (int i = 0; i < 3000; ++i) long_text += "\xc3\xa4";
  const auto event =
      parse_event_line(R"({"status":"Building","message":")" + long_text + "\"}", Speaker::host);
  REQUIRE(event.has_value());
  const std::string& message = std::get<StatusEvent>(*event).message;
  CHECK(message.size() <= max_event_message + 3);
  CHECK(message.ends_with("\xa4..."));
}

TEST_CASE("a secret at the cut of a message is hidden, be it ours or a host's") {
  const std::string secret = "pineapple-7421";
  secrets::hide(secret);
  const auto message = [](const std::string& text) {
    auto event =
        parse_event_line(R"({"status":"Building","message":")" + text + "\"}", Speaker::host);
    return event ? std::get<StatusEvent>(*event).message : event.error().reason;
  };
  CHECK(message(std::string(4090, 'x') + secret) == std::string(4090, 'x') + "***");
  CHECK(message(std::string(4094, 'x') + secret) == std::string(4094, 'x') + "**...");
  std::string much;  // *** makes it short, and so its host's cut is seen
  while (much.size() < 8192) much += secret;
  const std::string cut = message(much.substr(0, 8196) + "...");
  CHECK(cut.find("pin") == std::string::npos);
}

TEST_CASE("the limits of a line: what just fits, and one more") {
  const auto line = [](std::size_t bytes) {
    const std::string head = "{\"log\":\"", tail = "\"}";
    return head + std::string(bytes - head.size() - tail.size(), 'x') + tail;
  };
  CHECK(parse_event_line(line(max_event_line), Speaker::host).has_value());
  CHECK(parse_event_line(line(max_event_line + 1), Speaker::host).error().reason ==
        "a line is longer than 64 KiB");
  const auto nested = [](std::size_t depth) {
    return "{\"log\":\"a\",\"x\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') +
           "}";
  };
  CHECK(parse_event_line(nested(34), Speaker::host).has_value());
  CHECK(parse_event_line(nested(35), Speaker::host).error().reason == "nested deeper than 34");
  const auto many = [](std::size_t values) {  // the object, its text, the list, and what is in it
    std::string text = "{\"log\":\"a\",\"x\":[0";
    for (std::size_t i = 4; i < values; ++i) text += ",0";
    return text + "]}";
  };
  CHECK(parse_event_line(many(10'000), Speaker::host).has_value());
  CHECK(parse_event_line(many(10'001), Speaker::host).error().reason == "too many values");
}

TEST_CASE("lines come in any pieces; a flood without newline is dropped") {
  int events = 0;
  std::vector<std::string> nonsense;
  EventReader reader(
      Speaker::host, [&](JobEvent) { ++events; },
      [&](const std::string& why) { nonsense.push_back(why); });
  const std::string two = "{\"ready\":true}\n\n{\"log\":\"x\"}\n";
  for (const char letter : two) reader.feed(std::string_view(&letter, 1));
  CHECK(events == 2);
  for (int i = 0; i < 100; ++i) reader.feed(std::string(10'000, 'x'));
  reader.feed("\n{\"log\":\"y\"}\nrubbish\n{\"log\":\"z\"}");
  CHECK(events == 3);
  reader.end();  // a last line without newline
  CHECK(events == 4);
  CHECK(nonsense.size() == 1);  // said once
}

TEST_CASE("artifacts are noted for the time after a crash") {
  test::TempDir dir;
  CHECK(read_artifact_notes(dir.path()).empty());
  note_artifact(dir.path(), Artifact{"a b\n.pdf", "pdf"});
  note_artifact(dir.path(), Artifact{"c", ""});
  const auto notes = read_artifact_notes(dir.path());
  REQUIRE(notes.size() == 2);
  CHECK(notes[0].path == "a b\n.pdf");
  CHECK(notes[1].path == "c");
}
