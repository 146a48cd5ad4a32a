#include "rbit/report/webhook_sink.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "rbit/base/secrets.h"
#include "tests/support/http_stub.h"
#include "tests/support/log_capture.h"
#include "tests/support/loop.h"

using namespace rbit;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Kind = SinkAnswer::Kind;
using test::HttpStub;

namespace {

const std::string token = "/services/T0123456789abcdef";

Report report_of(Status status) {
  Report report;
  report.target = "webhook";
  report.job_key = "the-key";
  report.queue = "work";
  report.runner = "orders";
  report.attempt = 2;
  report.seq = 5;
  report.status = status;
  report.time = 1367322533'904134;
  return report;
}

struct Listener {
  explicit Listener(std::string path = token) { settings.url = stub.url() + path; }
  SinkAnswer tell(const Report& report) {
    if (!sink) sink.emplace(loop.get_executor(), settings);
    return test::run(loop, sink->send(report));
  }
  void answers(const std::string& status, const std::string& headers = "") {
    stub.answer([=](const HttpStub::Request&) { return HttpStub::reply(status, "", headers); });
  }
  const HttpStub::Request& request() {
    REQUIRE(!stub.requests().empty());
    return stub.requests().back();
  }
  /// The body that it got for a report.
  std::string body_of(const Report& report) {
    CHECK(tell(report).kind == Kind::sent);
    return request().body;
  }

  asio::io_context loop;
  HttpStub stub{loop};
  WebhookSettings settings;
  std::optional<WebhookSink> sink;
};

}  // namespace

TEST_CASE("a status is one JSON object by POST") {
  Listener listener;
  Report report = report_of(Status::building);
  report.begun = 1367322533'000007;
  CHECK(listener.body_of(report) ==
        R"({"job":"the-key","key":"the-key","queue":"work","runner":"orders","attempt":2,"seq":5,)"
        R"("status":"Building","reason":"","message":"","result":null,"artifacts":[],)"
        R"("times":{"begun":"2013-04-30T11:48:53.000007Z","ended":null,)"
        R"("time":"2013-04-30T11:48:53.904134Z"},"resources":null})");
  const auto& request = listener.request();
  CHECK(request.line == "POST " + token + " HTTP/1.1");
  CHECK(request.has("content-type: application/json"));
  CHECK(request.has("user-agent: rbit/" RBIT_VERSION));
  CHECK(request.has("x-rbit-event: building"));
  CHECK(request.has("x-rbit-delivery: the-key:2:5"));
  CHECK_FALSE(request.has("x-rbit-signature"));
  CHECK_FALSE(request.has("expect:"));
  CHECK_FALSE(request.has("authorization"));
}

TEST_CASE("what an attempt came to and used") {
  Listener listener;
  Report report = report_of(Status::done);
  report.job_id = "0036";
  report.begun = 1;
  report.ended = 2'500'000;
  report.exit = "exit 0";
  report.wall_micros = 1'500'000;
  report.cpu_micros = 20'000;
  report.peak_memory_kib = 1024;
  report.output_bytes = 7;
  report.result = R"({"pages": [3, "x"]})";
  report.artifacts = {{"/out/a.deb", "deb"}, {"/out/b", ""}};
  const auto body = nlohmann::json::parse(listener.body_of(report));
  CHECK(body["job"] == 36);
  CHECK(body["result"] == nlohmann::json::parse(report.result));
  CHECK(body["artifacts"].dump() ==
        R"([{"kind":"deb","path":"/out/a.deb"},{"kind":"","path":"/out/b"}])");
  CHECK(body["times"]["begun"] == "1970-01-01T00:00:00.000001Z");
  CHECK(body["times"]["ended"] == "1970-01-01T00:00:02.500000Z");
  CHECK(body["resources"].dump() ==
        R"({"cpu_us":20000,"exit":"exit 0","memory_kib":1024,"output_bytes":7,"wall_us":1500000})");

  report.status = Status::blocked;  // the journal may have a later attempt's by now
  const auto blocked = nlohmann::json::parse(listener.body_of(report));
  CHECK(blocked["result"].is_null());
  CHECK(blocked["artifacts"].empty());
}

TEST_CASE("a result that is none of JSON's is left out") {
  Listener listener;
  Report report = report_of(Status::done);
  for (const std::string& bad : {"{"s, "\xff"s, std::string(100'000, '[')}) {
    report.result = bad;
    CHECK(nlohmann::json::parse(listener.body_of(report))["result"].is_null());
  }
}

TEST_CASE("texts are one JSON string each, without secrets, whatever they hold") {
  secrets::hide("webhook-hush");
  Listener listener;
  Report report = report_of(Status::failed);
  report.reason = "exit 2";
  report.message = "\"x\"\r\n\xff\0 webhook-hush //u:p@h/"s;
  report.result = R"({"a": ["//u:p@h/ and webhook-hush"], "b": "c"})";
  report.queue = "q\n\"";
  const auto body = nlohmann::json::parse(listener.body_of(report));
  CHECK(body["message"] == "\"x\"\r\n\ufffd\0 *** //***@h/"s);
  CHECK(body["result"].dump() == R"({"a":["//***@h/ and ***"],"b":"c"})");
  CHECK(body["queue"] == "q\n\"");
}

TEST_CASE("the body of the message goes along only if it shall") {
  Report report = report_of(Status::done);
  report.request = "{}";
  report.carried.body = std::string("{\"order\": 17}");
  {
    Listener listener;
    CHECK(listener.body_of(report).find("order\\\"") == std::string::npos);
    CHECK_FALSE(listener.sink->as_target().carries_message);
  }
  Listener listener;
  listener.settings.with_body = true;
  CHECK(nlohmann::json::parse(listener.body_of(report))["body"] == "{\"order\": 17}");
  CHECK(listener.sink->as_target().carries_message);
  for (const auto& [bytes, digits] : std::map<std::string, std::string>{
           {"\xff", "/w=="}, {"\xff\xfe", "//4="}, {"\xff\xfe\xfd", "//79"}}) {
    report.carried.body = bytes;
    const auto body = nlohmann::json::parse(listener.body_of(report));
    CHECK(body["body_base64"] == digits);
    CHECK_FALSE(body.contains("body"));
  }
  report.carried.body = Body();
  CHECK(nlohmann::json::parse(listener.body_of(report))["body"] == "");
  report.request.clear();  // a status told again carries none
  CHECK_FALSE(nlohmann::json::parse(listener.body_of(report)).contains("body"));
  report.request = "{}";
  report.carried.body = std::string(3 << 20, '\xff');
  CHECK(listener.body_of(report).size() > 4 << 20);
}

TEST_CASE("the signature is the HMAC of the body as it was sent") {
  // RFC 4231, test cases 2 and 6.
  CHECK(webhook_signature("Jefe", "what do ya want for nothing?") ==
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(webhook_signature(std::string(131, '\xaa'),
                          "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "sha256=60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  Listener listener;
  listener.settings.secret = "hush";
  const std::string body = listener.body_of(report_of(Status::done));
  CHECK(listener.request().has("x-rbit-signature: " + webhook_signature("hush", body) + "\r\n"));
}

TEST_CASE("an id that a header could not hold") {
  Listener listener;
  Report report = report_of(Status::done);
  report.job_key = "order 17/\xc3\xa9%,\"x\"";
  CHECK(listener.tell(report).kind == Kind::sent);
  CHECK(listener.request().has("x-rbit-delivery: order%2017/%C3%A9%25,\"x\":2:5\r\n"));
  CHECK(nlohmann::json::parse(listener.request().body)["job"] == report.job_key);
}

TEST_CASE("what answers mean, and that no text has what follows the host") {
  Listener listener;
  const auto say = [&](const std::string& status, const std::string& headers = "") {
    listener.answers(status, headers);
    const SinkAnswer answer = listener.tell(report_of(Status::done));
    CHECK(answer.reason.find("services") == std::string::npos);
    return answer;
  };
  for (const char* good : {"200 OK", "202 Accepted", "204 No Content"})
    CHECK(say(good).kind == Kind::sent);
  for (const char* ill : {"408 Request Timeout", "425 Too Early", "429 Too Many Requests", "500 Oh",
                          "502 Oh", "503 Oh", "504 Oh", "599 Oh"})
    CHECK(say(ill).kind == Kind::retry);
  CHECK(say("503 Oh", "Retry-After: 7\r\n").after == 7s);
  for (const char* refused : {"401 Unauthorized", "403 Forbidden", "407 Proxy"})
    CHECK(say(refused, "Retry-After: 86400\r\n").kind == Kind::paused);
  CHECK(say("401 No", "Retry-After: 86400\r\n").after == 0s);  // it is not that patient's affair
  for (const char* wrong : {"400 Bad", "404 Not Found", "413 Large", "422 No", "451 No"})
    CHECK(say(wrong).kind == Kind::dropped);
  CHECK(say("404 Not Found").reason == listener.stub.url() + " answered 404");
  const SinkAnswer moved = say("301 Moved", "Location: https://other" + token + "\r\n");
  CHECK(moved.kind == Kind::dropped);
  CHECK(moved.reason ==
        listener.stub.url() +
            " answered 301, a redirect to https://other, which is not followed; write where it "
            "leads into [status] webhook-url");
  CHECK(listener.stub.requests().back().line.starts_with("POST " + token));
}

TEST_CASE("who says that it is gone is told nothing more, and it is said once") {
  const test::LogCapture log;
  Listener listener;
  listener.answers("410 Gone");
  listener.sink.emplace(listener.loop.get_executor(), listener.settings);
  const ReportTarget target = listener.sink->as_target();
  CHECK(target.wants(report_of(Status::done)));
  for (int i = 0; i < 3; ++i) {
    const SinkAnswer answer = listener.tell(report_of(Status::done));
    CHECK(answer.kind == Kind::dropped);
    CHECK(answer.is_said);
  }
  CHECK(listener.stub.requests().size() == 1);
  CHECK(log.lines("it is gone").size() == 1);
  CHECK_FALSE(target.wants(report_of(Status::done)));
}

TEST_CASE("no answer is tried again") {
  Listener listener;
  listener.settings.limit = 50ms;
  listener.stub.answer([](const HttpStub::Request&) { return ""; });
  const SinkAnswer hung = listener.tell(report_of(Status::done));
  CHECK(hung.kind == Kind::retry);
  CHECK(hung.reason.starts_with(listener.stub.url() + ": "));
  CHECK(hung.reason.find("services") == std::string::npos);
  listener.stub.answer([](const HttpStub::Request&) { return "no HTTP at all\r\n\r\n"; });
  CHECK(listener.tell(report_of(Status::done)).kind == Kind::retry);
  listener.stub.stop();
  CHECK(listener.tell(report_of(Status::done)).kind == Kind::retry);
}

TEST_CASE("all of a url that may be shown") {
  CHECK(origin_of("https://h:8443/a/b?c#d") == "https://h:8443");
  CHECK(origin_of("http://[::1]?x") == "http://[::1]");
  CHECK(origin_of("http://u:p@h/x@y") == "http://h");
  CHECK(origin_of("/relative") == "");
  CHECK(origin_of("") == "");
}
