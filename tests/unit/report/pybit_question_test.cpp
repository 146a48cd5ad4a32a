#include "rbit/report/pybit_question.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/report/pybit_stub.h"

using namespace rbit;
using namespace std::chrono_literals;
using Kind = Standing::Kind;
using test::HttpStub;

namespace {

/// As PyBit-web writes it.
std::string row(const std::string& status, const std::string& client = "null") {
  return R"({"py/object": "pybit.models.JobHistory", "status": )" + status +
         R"(, "job_id": 36, "buildclient": )" + client +
         R"(, "time": "2013-04-30 11:48:53.904134"})";
}
std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

struct FrontEnd : test::PybitStub {
  FrontEnd() { settings.client = "build_client_saw-horse"; }
  Standing ask(const std::string& id = "36", const std::string& web_host = "") {
    if (!question) question.emplace(loop.get_executor(), clock, settings, limit, 30s);
    Job job;
    job.request.job_id = id;
    job.request.web_host = web_host;
    return test::run(loop, question->before(job));
  }
  Standing says(const std::string& body) {
    answers("200 OK", body);
    return ask();
  }

  test::ManualClock clock;
  milliseconds limit = 20s;  // no answer takes that long, on whatever machine
  std::optional<PybitQuestion> question;
};

}  // namespace

TEST_CASE("a job without a number is none of the front-end's: nobody is asked, nothing is said") {
  FrontEnd pybit;
  const auto standing = pybit.ask("");
  CHECK(standing.kind == Kind::unclear);
  CHECK(standing.said.empty());
  CHECK(pybit.stub.requests().empty());
}

TEST_CASE("a job's history is asked for without a password, and its last entry decides") {
  FrontEnd pybit;
  const auto standing =
      pybit.says("[" + row(quoted("Waiting")) + ", " + row(quoted("Cancelled")) + "]");
  CHECK(standing.kind == Kind::cancelled);
  CHECK(standing.said == "the front-end has it as Cancelled");
  REQUIRE(pybit.stub.requests().size() == 1);
  CHECK(pybit.stub.requests()[0].line == "GET /job/36/status HTTP/1.1");
  CHECK_FALSE(pybit.stub.requests()[0].has("authorization:"));
}

TEST_CASE("PyBit's names") {
  FrontEnd pybit;
  const auto of = [&](const char* name) { return pybit.says("[" + row(quoted(name)) + "]").kind; };
  CHECK(of("Waiting") == Kind::waiting);
  CHECK(of("Blocked") == Kind::waiting);
  CHECK(of("Building") == Kind::building);
  CHECK(of("Done") == Kind::done);
  CHECK(of("Uploaded") == Kind::done);
  CHECK(of("Failed") == Kind::failed);
  CHECK(of("Cancelled") == Kind::cancelled);
  CHECK(of("cancelled") == Kind::unclear);
  CHECK(of("Sleeping") == Kind::unclear);
}

TEST_CASE("names that were edited there count both ways") {
  FrontEnd pybit;
  pybit.settings.names = {{Status::done, "Uploaded"}, {Status::failed, "Kaputt"}};
  const auto of = [&](const char* name) { return pybit.says("[" + row(quoted(name)) + "]").kind; };
  CHECK(of("Kaputt") == Kind::failed);
  CHECK(of("Uploaded") == Kind::done);
  CHECK(of("Done") == Kind::done);
}

TEST_CASE("who builds it") {
  FrontEnd pybit;
  const auto by = [&](const std::string& client) {
    return pybit.says("[" + row(quoted("Building"), client) + "]");
  };
  CHECK_FALSE(by("null").elsewhere);
  CHECK_FALSE(by(quoted("build_client_saw-horse")).elsewhere);
  const auto other = by(quoted("build_client_work-bench"));
  CHECK(other.kind == Kind::building);
  CHECK(other.elsewhere);
  CHECK(other.said == "the front-end has it as Building by 'build_client_work-bench'");
}

TEST_CASE("a 404 is a job that it does not know") {
  FrontEnd pybit;
  pybit.answers("404 Not Found", "<html><body>Error 404</body></html>");
  CHECK(pybit.ask().kind == Kind::unknown);
}

TEST_CASE("whatever else it answers says nothing") {
  FrontEnd pybit;
  for (const char* status : {"401 Unauthorized", "403 Forbidden", "400 Bad", "500 Oops",
                             "302 Found", "204 No Content", "503 Unavailable"}) {
    pybit.answers(status, "[" + row(quoted("Done")) + "]");
    CHECK_MESSAGE(pybit.ask().kind == Kind::unclear, status);
  }
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("null"), std::string("{}"),
        std::string("[null]"), std::string("[1]"), "[" + row("null") + "]",
        "[" + row("{\"a\": 1}") + "]", "[" + row("\"\"") + "]",
        std::string("<html><body>It works!</body></html>"), "[" + row(quoted("Done")),
        std::string("\xff\xfe"), std::string(100'000, '[')}) {
    CHECK_MESSAGE(pybit.says(body).kind == Kind::unclear, body.substr(0, 60));
  }
  CHECK(pybit.says("[" + row(quoted("Done")) + "]").kind == Kind::done);  // it was asked each time
}

TEST_CASE("a long history is read, one above the limit says nothing") {
  FrontEnd pybit;
  std::string body = "[";
  for (int i = 0; i < 5'000; ++i) body += row(quoted("Blocked")) + ", ";
  CHECK(pybit.says(body + row(quoted("Done")) + "]").kind == Kind::done);
  for (int i = 0; i < 5'000; ++i) body += row(quoted("Blocked")) + ", ";
  CHECK(pybit.says(body + row(quoted("Done")) + "]").kind == Kind::unclear);
}

TEST_CASE("a front-end that does not answer is not asked again for a while") {
  FrontEnd pybit;
  SUBCASE("it hangs") {
    pybit.limit = 1500ms;
    pybit.stub.answer([](const HttpStub::Request&) { return std::string(); });
    CHECK(pybit.ask().kind == Kind::unclear);
    const auto asked = pybit.stub.requests().size();
    CHECK(pybit.ask().said == "the front-end was away a moment ago");
    CHECK(pybit.stub.requests().size() == asked);
    pybit.clock.advance(31s);
    CHECK(pybit.says("[" + row(quoted("Done")) + "]").kind == Kind::done);
    CHECK(pybit.ask().kind == Kind::done);
  }
  SUBCASE("it is gone") {
    pybit.stub.stop();
    CHECK(pybit.ask().kind == Kind::unclear);
    CHECK(pybit.ask().said == "the front-end was away a moment ago");
  }
}

TEST_CASE("only a configured host is asked, and only of ids that it may know") {
  FrontEnd pybit;
  pybit.answers("200 OK", "[" + row(quoted("Done")) + "]");
  SUBCASE("ids") {
    CHECK(pybit.ask("2147483648").kind == Kind::unclear);  // rbit's own
    CHECK(pybit.ask("x").kind == Kind::unclear);
    CHECK(pybit.stub.requests().empty());
    CHECK(pybit.ask("036").kind == Kind::done);
    CHECK(pybit.stub.requests()[0].line == "GET /job/36/status HTTP/1.1");
  }
  SUBCASE("hosts") {
    pybit.settings.url.clear();
    pybit.settings.allow_hosts = {"pybit.example:8080"};
    CHECK(pybit.ask("36", pybit.stub.host()).kind == Kind::unclear);
    CHECK(pybit.stub.connections() == 0);
    pybit.question.reset();
    pybit.settings.allow_hosts = {pybit.stub.host()};
    CHECK(pybit.ask("36", pybit.stub.host()).kind == Kind::done);
  }
}
