#include "rbit/report/pybit_sink.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "tests/support/loop.h"
#include "tests/unit/report/pybit_stub.h"

using namespace rbit;
using namespace std::chrono_literals;
using Kind = SinkAnswer::Kind;
using test::HttpStub;

namespace {

Report report_of(Status status, const std::string& job = "36") {
  Report report;
  report.target = "pybit";
  report.job_key = "key";
  report.job_id = job;
  report.status = status;
  return report;
}

struct FrontEnd : test::PybitStub {
  SinkAnswer tell(const Report& report) {
    if (!sink) sink.emplace(loop.get_executor(), settings);
    return test::run(loop, sink->send(report));
  }
  SinkAnswer tell(Status status) { return tell(report_of(status)); }
  std::optional<PybitSink> sink;
};

}  // namespace

TEST_CASE("a status is a form PUT to /job/<id>, with Basic authentication") {
  FrontEnd pybit;
  CHECK(pybit.tell(Status::building).kind == Kind::sent);
  REQUIRE(pybit.stub.requests().size() == 1);
  const auto& request = pybit.stub.requests().front();
  CHECK(request.line == "PUT /job/36 HTTP/1.1");
  CHECK(request.has("content-type: application/x-www-form-urlencoded"));
  CHECK(request.has("authorization: Basic YWRtaW46cGFzczp3b3Jk"));
  CHECK(request.body == "status=Building");
}

TEST_CASE("client goes with Building alone, statuses by the front-end's names") {
  FrontEnd pybit;
  pybit.settings.client = "build_client_box 1";
  pybit.settings.names = {{Status::done, "Up & away"}};
  pybit.tell(Status::building);
  pybit.tell(Status::done);
  REQUIRE(pybit.stub.requests().size() == 2);
  CHECK(pybit.stub.requests()[0].body == "status=Building&client=build_client_box%201");
  CHECK(pybit.stub.requests()[1].body == "status=Up%20%26%20away");
}

TEST_CASE("a password in the url is used, and shown nowhere") {
  FrontEnd pybit;
  pybit.settings.url = "http://u:secret@" + pybit.stub.host() + "/";
  pybit.settings.username.clear();
  pybit.answers("503 Unavailable");
  const auto answer = pybit.tell(Status::done);
  CHECK(answer.reason == pybit.stub.url() + " answered 503");
  CHECK(pybit.stub.requests().front().has("authorization: Basic dTpzZWNyZXQ="));
}

TEST_CASE("the connection is kept") {
  FrontEnd pybit;
  for (int i = 0; i < 20; ++i) CHECK(pybit.tell(Status::building).kind == Kind::sent);
  CHECK(pybit.stub.requests().size() == 20);
  CHECK(pybit.stub.connections() == 1);
}

TEST_CASE("what the answers mean") {
  struct Row {
    const char* answer;
    Kind kind;
  };
  for (const auto& [answer, kind] : {Row{"204 No Content", Kind::sent},
                                     {"400 Bad Request", Kind::dropped},
                                     {"404 Not Found", Kind::dropped},
                                     {"410 Gone", Kind::dropped},
                                     {"422 Unprocessable", Kind::dropped},
                                     {"418 Teapot", Kind::dropped},
                                     {"401 Unauthorized", Kind::paused},
                                     {"403 Forbidden", Kind::paused},
                                     {"407 Proxy", Kind::paused},
                                     {"408 Timeout", Kind::retry},
                                     {"425 Early", Kind::retry},
                                     {"429 Too Many", Kind::retry},
                                     {"502 Bad Gateway", Kind::retry},
                                     {"503 Unavailable", Kind::retry}}) {
    CAPTURE(answer);
    FrontEnd pybit;
    pybit.answers(answer);
    CHECK(pybit.tell(Status::done).kind == kind);
    CHECK(pybit.stub.requests().size() == 1);
  }
}

TEST_CASE("Retry-After is handed on") {
  FrontEnd pybit;
  pybit.answers("503 Unavailable", "", "Retry-After: 120\r\n");
  CHECK(pybit.tell(Status::done).after == 120s);
}

TEST_CASE("a redirect is not followed, and takes no password elsewhere") {
  FrontEnd pybit;
  HttpStub elsewhere(pybit.loop);
  pybit.answers("302 Found", "", "Location: " + elsewhere.url() + "/job/36\r\n");
  const auto answer = pybit.tell(Status::done);
  CHECK(answer.kind == Kind::dropped);
  CHECK(answer.reason.find(elsewhere.url()) != std::string::npos);
  CHECK(elsewhere.connections() == 0);
}

TEST_CASE("after a 500 the front-end is asked whether it knows the job") {
  FrontEnd pybit;
  std::string status = "404 Not Found";
  pybit.stub.answer([&](const HttpStub::Request& request) {
    return HttpStub::reply(request.line.starts_with("PUT") ? "500 Oops" : status, "[]");
  });
  SUBCASE("it does not: dropped") {
    const auto answer = pybit.tell(Status::done);
    CHECK(answer.kind == Kind::dropped);
    CHECK(answer.reason == "the front-end knows no job 36");
  }
  SUBCASE("it does: tried again") {
    status = "200 OK";
    CHECK(pybit.tell(Status::done).kind == Kind::retry);
  }
  REQUIRE(pybit.stub.requests().size() == 2);
  CHECK(pybit.stub.requests()[1].line == "GET /job/36/status HTTP/1.1");
  CHECK_FALSE(pybit.stub.requests()[1].has("authorization:"));
}

TEST_CASE("a front-end that is away, hangs, or talks nonsense is tried again") {
  FrontEnd pybit;
  SUBCASE("away") {
    pybit.stub.stop();
  }
  SUBCASE("hangs") {
    pybit.settings.limit = 50ms;
    pybit.stub.answer([](const HttpStub::Request&) { return std::string(); });
  }
  SUBCASE("nonsense") {
    pybit.settings.limit = 5s;
    pybit.stub.answer([](const HttpStub::Request&) { return "\x01\x02 no HTTP\r\n\r\n"; });
  }
  SUBCASE("no such host") {
    pybit.settings.url = "http://rbit-test.invalid:80";
  }
  const auto answer = pybit.tell(Status::done);
  CHECK(answer.kind == Kind::retry);
  CHECK_FALSE(answer.reason.empty());
}

TEST_CASE("of an endless answer one mebibyte is read; its status counts") {
  FrontEnd pybit;
  pybit.stub.answer([](const HttpStub::Request&) {
    return "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n" + std::string(4 << 20, 'x');
  });
  CHECK(pybit.tell(Status::done).kind == Kind::sent);
}

TEST_CASE("a host that only the message names is never contacted") {
  FrontEnd pybit;
  Report report = report_of(Status::building);
  report.web_host = pybit.stub.host();
  pybit.settings.url.clear();
  SUBCASE("not allowed") {
    CHECK(pybit.tell(report).kind == Kind::dropped);
    CHECK(pybit.stub.connections() == 0);
  }
  SUBCASE("allowed") {
    pybit.settings.allow_hosts = {pybit.stub.host()};
    CHECK(pybit.tell(report).kind == Kind::sent);
  }
  SUBCASE("allowed, but another port") {
    pybit.settings.allow_hosts = {"127.0.0.1"};
    CHECK(pybit.tell(report).kind == Kind::dropped);
  }
  SUBCASE("hostile spellings, even if somebody allows them") {
    for (const std::string host : {"a@127.0.0.1:80", "127.0.0.1:80/x", "127.0.0.1:80#", "[::1",
                                   "host:", "host:123456", "", "ho st", "h\n"}) {
      CAPTURE(host);
      report.web_host = host;
      pybit.settings.allow_hosts = {host};
      pybit.sink.reset();
      CHECK(pybit.tell(report).kind == Kind::dropped);
    }
  }
  SUBCASE("the configured url wins") {
    HttpStub other(pybit.loop);
    pybit.settings.url = other.url() + "/";
    CHECK(pybit.tell(report).kind == Kind::sent);
    CHECK(pybit.stub.connections() == 0);
    CHECK(other.requests().front().line == "PUT /job/36 HTTP/1.1");
  }
}

TEST_CASE("an id of our own is not reported: it could only hit a stranger") {
  FrontEnd pybit;
  CHECK(pybit.tell(report_of(Status::done, "2147483648")).kind == Kind::sent);
  CHECK(pybit.tell(report_of(Status::done, "999999999999999999")).kind == Kind::sent);
  CHECK(pybit.stub.connections() == 0);
  CHECK(pybit.tell(report_of(Status::done, "2147483647")).kind == Kind::sent);
  CHECK(pybit.tell(report_of(Status::done, "007")).kind == Kind::sent);
  CHECK(pybit.stub.requests().back().line == "PUT /job/7 HTTP/1.1");
  CHECK(pybit.tell(report_of(Status::done, "../x")).kind == Kind::dropped);
}

TEST_CASE("a request that is cancelled leaves nothing behind") {
  FrontEnd pybit;
  pybit.stub.answer([](const HttpStub::Request&) { return std::string(); });
  pybit.sink.emplace(pybit.loop.get_executor(), pybit.settings);
  const Report report = report_of(Status::done);
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(pybit.loop, pybit.sink->send(report),
                 asio::bind_cancellation_slot(
                     stop.slot(), [&](std::exception_ptr, SinkAnswer) { ended = true; }));
  while (pybit.stub.requests().empty()) pybit.loop.run_one();
  stop.emit(asio::cancellation_type::terminal);
  while (!ended) pybit.loop.run_one();
  pybit.stub.answer([](const HttpStub::Request&) { return HttpStub::reply("200 OK"); });
  CHECK(pybit.tell(Status::done).kind == Kind::sent);
}

TEST_CASE("a loop that ends in the middle of a request frees it") {
  FrontEnd pybit;
  pybit.stub.answer([](const HttpStub::Request&) { return std::string(); });
  pybit.sink.emplace(pybit.loop.get_executor(), pybit.settings);
  auto sink = std::make_shared<PybitSink>(pybit.loop.get_executor(), pybit.settings);
  const auto send = [](std::shared_ptr<PybitSink> own) -> Task<void> {
    const Report report = report_of(Status::done);
    co_await own->send(report);
  };
  asio::co_spawn(pybit.loop, send(std::move(sink)), asio::detached);
  while (pybit.stub.requests().empty()) pybit.loop.run_one();
}
