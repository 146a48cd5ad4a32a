#include "rbit/monitor/event_stream.h"

#include <doctest/doctest.h>

#include "tests/support/text.h"
#include "tests/unit/monitor/watched.h"

using namespace rbit;
using namespace std::chrono_literals;
using test::body_of;
using test::has;
using test::Watched;

namespace {

struct Stream {
  asio::io_context loop;
  std::shared_ptr<EventStream> stream = std::make_shared<EventStream>(loop.get_executor());
  EventStream::Text next(EventViewer& viewer) { return test::run(loop, viewer.next(1ms)); }
};

/// A monitor whose page has a state of one part.
struct Page : Watched {
  std::string part = "1";
  int looks = 0;
  Page() {
    page.state = [this]() -> Task<StateParts> {
      ++looks;
      StateParts parts{{"part", part}};
      co_return parts;
    };
  }
};

}  // namespace

TEST_CASE("who comes hears the whole state, then what has changed of it, once") {
  Stream house;
  EventViewer early(house.stream);
  CHECK(house.stream->viewers() == 1);
  CHECK_FALSE(house.next(early));
  CHECK(house.stream->publish({{"a", "1"}, {"b", "[2]"}}));
  CHECK(*house.next(early) == "event: state\ndata: {\"a\":1,\"b\":[2]}\n\n");
  CHECK_FALSE(house.stream->publish({{"a", "1"}, {"b", "[2]"}}));
  CHECK_FALSE(house.next(early));
  CHECK(house.stream->publish({{"a", "1"}, {"b", "[3]"}}));
  EventViewer late(house.stream);
  const auto change = house.next(early);
  CHECK(*change == "event: change\ndata: {\"b\":[3]}\n\n");
  CHECK(*house.next(late) == "event: state\ndata: {\"a\":1,\"b\":[3]}\n\n");
  CHECK(house.stream->state() == "{\"a\":1,\"b\":[3]}");
}

TEST_CASE("a change is written once for all, and who missed one hears the whole") {
  Stream house;
  EventViewer one(house.stream), other(house.stream), slow(house.stream);
  house.stream->publish({{"a", "1"}});
  for (auto* viewer : {&one, &other, &slow}) CHECK(house.next(*viewer));
  house.stream->publish({{"a", "2"}});
  CHECK(house.next(one).get() == house.next(other).get());
  house.stream->publish({{"a", "3"}});
  CHECK(has(*house.next(one), "event: change"));
  CHECK(has(*house.next(slow), "event: state"));
  house.stream->end();
  CHECK_FALSE(house.next(one));
  CHECK(one.is_over());
}

TEST_CASE("the page's events: no state is made while nobody listens") {
  Page rbit;
  CHECK(has(rbit.get("/"), "<script>"));
  CHECK(rbit.looks == 0);
  CHECK(body_of(rbit.get("/api/state")) == "{\"part\":1}");
  CHECK(body_of(rbit.get("/api/state")) == "{\"part\":1}");
  CHECK(rbit.looks == 1);  // a second is not over
  std::list<test::Tcp::socket> held;
  auto& socket = rbit.open(held);
  asio::write(socket, asio::buffer(std::string("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")));
  std::string heard;
  const auto hear = [&](const std::string& text) {
    rbit.until([&] {
      if (socket.available() > 0) heard += Watched::received(socket);
      return has(heard, text);
    });
  };
  hear("event: state\ndata: {\"part\":1}\n\n");
  CHECK(has(heard, "Content-Type: text/event-stream\r\n"));
  rbit.part = "2";
  rbit.monitor().received(Message());
  hear("event: change\ndata: {\"part\":2}\n\n");
  rbit.running.reset();
  rbit.until([&] { return Watched::is_closed(socket); });
}

TEST_CASE("who listens and does not read is cut off; there are so many listeners and no more") {
  Page rbit;
  rbit.options.server.read_limit = 200ms;
  rbit.options.server.most_listeners_of_a_visitor = 2;
  rbit.part = "\"" + std::string(12 << 20, 'x') + "\"";  // more than the sockets hold
  const std::string ask = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::list<test::Tcp::socket> held;
  auto& deaf = rbit.open(held);
  asio::write(deaf, asio::buffer(ask));
  rbit.until([&] { return deaf.available() > 0; });
  auto& left = rbit.open(held);
  asio::write(left, asio::buffer(ask));
  rbit.until([&] { return left.available() > 0; });
  CHECK(rbit.get("/events").starts_with("HTTP/1.1 503 "));
  left.close();
  rbit.part = "1";
  rbit.until(
      [&] { return rbit.looks > 0 && rbit.get("/healthcheck").starts_with("HTTP/1.1 200 "); });
  // The deaf one goes by itself, and the one that has left is found out.
  rbit.until([&] {
    auto& one = rbit.open(held);
    asio::write(one, asio::buffer(ask));
    rbit.until([&] { return one.available() > 0; });
    return has(Watched::received(one), "text/event-stream");
  });
  for (int i = 0; i < 100; ++i) rbit.loop.run_one_for(5ms);
  CHECK(Watched::is_closed(deaf));
}

TEST_CASE("pages of other sites hear nothing, and a POST is for the page alone") {
  Page rbit;
  const std::string other = "Host: localhost\r\nOrigin: http://evil.example\r\n";
  for (const char* path : {"/events", "/api/state", "/api/dead"})
    CHECK(rbit.get(path, other).starts_with("HTTP/1.1 403 "));
  CHECK(rbit.raw("POST /api/act HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                 "Content-Length: 2\r\n\r\n{}")
            .starts_with("HTTP/1.1 403 "));
  const auto page = rbit.get("/");
  CHECK(has(page, "Content-Security-Policy: default-src 'none'; script-src 'sha256-"));
  CHECK(has(page, "frame-ancestors 'none'"));
  CHECK(has(rbit.get("/plain"), "<h2>Queues</h2>"));
}
