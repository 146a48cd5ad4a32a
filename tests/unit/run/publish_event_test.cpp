#include "rbit/run/publish_event.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "rbit/run/event_line.h"

using namespace rbit;

namespace {

PublishEvent event_of(const std::string& said) {
  const auto event = parse_event_line("{\"publish\": " + said + "}", Speaker::job);
  REQUIRE(event.has_value());
  return std::get<PublishEvent>(*event);
}

std::string mistake_of(const std::string& said) {
  return event_of(said).mistake;
}

}  // namespace

TEST_CASE("a publish event with all that it may have") {
  const PublishEvent event = event_of(R"({"exchange": "orders", "key": "new.one", "body": {"n": 1},
      "headers": {"x-kind": "a", "n": 7, "f": 1.5, "b": true, "large": 18446744073709551615},
      "delay": "30s", "when": "now", "correlation_id": "c", "reply_to": "r", "type": "t",
      "priority": 255, "content_type": "application/vnd.order+json"})");
  CHECK(event.mistake == "");
  const Publication& sent = event.publication;
  CHECK(sent.to.exchange == "orders");
  CHECK(sent.to.key == "new.one");
  CHECK(sent.body == R"({"n":1})");
  CHECK(sent.delay == std::chrono::seconds(30));
  CHECK(event.now);
  CHECK(sent.properties.correlation_id == "c");
  CHECK(sent.properties.reply_to == "r");
  CHECK(sent.properties.type == "t");
  CHECK(sent.properties.priority == 255);
  CHECK(sent.properties.persistent);
  CHECK(sent.properties.content_type == "application/vnd.order+json");
  CHECK(sent.properties.headers.at("x-kind") == HeaderValue(std::string("a")));
  CHECK(sent.properties.headers.at("n") == HeaderValue(std::int64_t{7}));
  CHECK(sent.properties.headers.at("f") == HeaderValue(1.5));
  CHECK(sent.properties.headers.at("b") == HeaderValue(true));
  CHECK(std::holds_alternative<double>(sent.properties.headers.at("large")));
}

TEST_CASE("a body is sent as its text, or as JSON; a file by its name") {
  CHECK(event_of(R"({"key": "q", "body": "a \"text\"\u0000"})").publication.body ==
        std::string("a \"text\"\0", 9));
  CHECK(event_of(R"({"key": "q", "body": "x"})").publication.properties.content_type ==
        "text/plain");
  CHECK(event_of(R"({"key": "q", "body": null})").publication.body == "null");
  CHECK(event_of(R"({"key": "q", "body": [1, "b"]})").publication.properties.content_type ==
        "application/json");
  CHECK(event_of(R"({"key": "q"})").publication.body.empty());
  const PublishEvent bytes = event_of(R"({"key": "q", "body_base64": "/wAK"})");
  CHECK(bytes.publication.body == std::string("\xff\0\n", 3));
  CHECK(bytes.publication.properties.content_type == "application/octet-stream");
  CHECK(event_of(R"({"key": "q"})").publication.properties.content_type == "");
  CHECK(event_of(R"({"key": "q", "file": "out/a.pdf"})").file == "out/a.pdf");
  CHECK(event_of(R"({"key": "q", "file": "a", "content_type": "application/pdf"})")
            .publication.properties.content_type == "application/pdf");
  CHECK_FALSE(event_of(R"({"key": "q", "when": "done"})").now);
  CHECK(event_of(R"({"key": "q", "delay": 5})").publication.delay == std::chrono::seconds(5));
  CHECK(event_of(R"({"exchange": "fanout"})").publication.to.key == "");
}

TEST_CASE("whatever is wrong with it is told, and never thrown away") {
  CHECK(mistake_of("7") == "it is no JSON object");
  CHECK(mistake_of("{}") == "it has neither exchange nor key (key alone is the name of a queue)");
  CHECK(mistake_of(R"({"key": "q", "bodi": 1})") == "it has no member 'bodi' (did you mean body?)");
  CHECK(mistake_of(R"({"key": "q", "message_id": "1"})").starts_with("it has no member"));
  CHECK(mistake_of(R"({"key": 7})") == "key is no text");
  CHECK(mistake_of(R"({"key": "a\u0000"})") == "key holds a NUL");
  CHECK(mistake_of("{\"key\": \"" + std::string(255, 'k') + "\"}") == "");
  CHECK(mistake_of("{\"key\": \"" + std::string(256, 'k') + "\"}") ==
        "key is longer than 255 bytes");
  CHECK(mistake_of(R"({"key": "q", "body": 1, "file": "a"})") ==
        "it has two of body, body_base64 and file");
  CHECK(mistake_of(R"({"key": "q", "body_base64": "%"})") == "body_base64 is no base64");
  CHECK(mistake_of(R"({"key": "q", "body_base64": 1})") == "body_base64 is no base64");
  CHECK(mistake_of(R"({"key": "q", "file": ""})") == "file is no path");
  CHECK(mistake_of(R"({"key": "q", "file": 1})") == "file is no path");
  for (const char* delay : {"\"soon\"", "-1", "1.5", "\"25d\"", "2073601", "\"-1s\"", "null"})
    CHECK_MESSAGE(mistake_of(std::string("{\"key\": \"q\", \"delay\": ") + delay + "}") ==
                      "delay is no duration of at most 24 days, such as 30s or 5m",
                  delay);
  CHECK(mistake_of(R"({"key": "q", "when": "later"})") == "when is neither now nor done");
  for (const char* priority : {"256", "-1", "1.5", "\"1\""})
    CHECK(mistake_of(std::string("{\"key\": \"q\", \"priority\": ") + priority + "}") ==
          "priority is no whole number from 0 to 255");
  CHECK(mistake_of(R"({"key": "q", "headers": []})") == "headers is no JSON object");
  CHECK(mistake_of(R"({"key": "q", "headers": {"a": {}}})") ==
        "header 'a' is neither a text nor a number nor true or false");
  CHECK(mistake_of(R"({"key": "q", "headers": {"": 1}})").starts_with("header ''"));
  CHECK(mistake_of("{\"key\": \"q\", \"headers\": {\"" + std::string(128, 'h') + "\": 1}}") == "");
  CHECK(mistake_of("{\"key\": \"q\", \"headers\": {\"" + std::string(129, 'h') + "\": 1}}") != "");
  CHECK(mistake_of(R"({"key": "q", "headers": {"X-Rbit-Attempt": 4}})") ==
        "header 'X-Rbit-Attempt' is rbit's own");
  CHECK(mistake_of(R"({"key": "q", "headers": {"BCC": "a"}})") ==
        "header 'BCC' would send it elsewhere too");
  CHECK(mistake_of("{\"key\": \"q\", \"headers\": {\"a\": \"" + std::string(8192, 'h') + "\"}}") ==
        "its headers have more than 8 KiB together");
}

TEST_CASE("a line that wants to publish and cannot be read is no nonsense") {
  for (const std::string line :
       {R"({"publish": {"key": "q")", R"({"publish": {"key": "a", "key": "b"}})",
        "{\"publish\": {\"key\": \"\xff\"}}", R"({"publish": {"key": "q", "body": 1e999}})"}) {
    const auto event = parse_event_line(line, Speaker::job);
    REQUIRE_MESSAGE(event.has_value(), line);
    CHECK(std::get<PublishEvent>(*event).mistake != "");
  }
  std::vector<std::string> mistakes, nonsense;
  EventReader reader(
      Speaker::host,
      [&](const JobEvent& event) { mistakes.push_back(std::get<PublishEvent>(event).mistake); },
      [&](const std::string& why) { nonsense.push_back(why); });
  const std::string much(2 * max_event_line, 'x');
  reader.expect("token-1");
  reader.feed("{\"token\": \"token-1\", \"publish\": {\"body\": \"" + much + "\"}}\n");
  reader.feed("{\"publish\": {\"body\": \"" + much + "\"}}\n");  // not of this job
  reader.feed("{\"publish\": {\"body\": \n");
  CHECK(mistakes ==
        std::vector<std::string>{"a line is longer than 64 KiB (put the body into a file)"});
  CHECK(nonsense == std::vector<std::string>{"a line is longer than 64 KiB"});
}

TEST_CASE("a result is any JSON of a job, and a verdict of a host") {
  const auto given = [](const std::string& line) {
    return std::get<GivenEvent>(*parse_event_line(line, Speaker::job)).result;
  };
  CHECK(given(R"({"result": {"pages": [1, 2]}})") == R"({"pages":[1,2]})");
  CHECK(given(R"({"result": null})") == "null");
  CHECK(given(R"({"result": "done", "message": "words"})") == "\"done\"");
  const auto verdict =
      parse_event_line(R"({"result": "done", "value": {"pages": 3}})", Speaker::host);
  CHECK(std::get<ResultEvent>(*verdict).value == R"({"pages":3})");
  CHECK(std::get<ResultEvent>(*parse_event_line(R"({"result": "done"})", Speaker::host)).value ==
        "");
  CHECK(parse_event_line(R"({"result": {"pages": 3}})", Speaker::host).has_error());
  // Written out, numbers may be longer than they came.
  std::string many = "{\"result\": [1e9";
  while (many.size() < max_event_line - 10) many += ",1e9";
  CHECK(parse_event_line(many + "]}", Speaker::job).error().reason == "too many values");
}

TEST_CASE("metrics and progress") {
  const auto metric = parse_event_line(
      R"({"metric": {"name": "pages_total", "add": 2.5, "labels": {"kind": "a", "n": 1}}})",
      Speaker::job);
  const auto& change = std::get<MetricEvent>(*metric).change;
  CHECK(change.name == "pages_total");
  CHECK(change.value == 2.5);
  CHECK(change.labels == std::map<std::string, std::string>{{"kind", "a"}, {"n", "1"}});
  CHECK(
      std::get<MetricEvent>(
          *parse_event_line(R"({"metric": {"name": "n", "set": -1, "when": "now"}})", Speaker::job))
          .now);
  for (const char* wrong :
       {"7", "{}", R"({"name": "n"})", R"({"name": "n", "add": 1, "set": 1})",
        R"({"name": "n", "add": "1"})", R"({"name": "n", "add": 1, "labels": 1})",
        R"({"name": "n", "add": 1, "labels": {"a": {}}})"})
    CHECK_MESSAGE(
        parse_event_line(std::string("{\"metric\": ") + wrong + "}", Speaker::job).has_error(),
        wrong);
  const auto progress =
      parse_event_line(R"({"progress": {"done": 3, "total": -9, "text": "a\nb"}})", Speaker::job);
  CHECK(std::get<ProgressEvent>(*progress).progress.done == 3);
  CHECK(std::get<ProgressEvent>(*progress).progress.total == 0);
  CHECK(std::get<ProgressEvent>(*progress).progress.text == "a\\x0ab");
  CHECK(parse_event_line(R"({"progress": {"total": 3}})", Speaker::job).has_error());
  CHECK(parse_event_line(R"({"progress": 1})", Speaker::job).has_error());
}
