#include "rbit/monitor/monitor.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <functional>
#include <iterator>
#include <list>

#include "rbit/base/notice.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

using namespace rbit;
using namespace std::chrono_literals;
using Tcp = asio::ip::tcp;

namespace {

using test::has;

struct Watched {
  explicit Watched(std::string token = "") {
    options.server.listen = "127.0.0.1:0";
    options.server.token = std::move(token);
  }
  Monitor& monitor() {
    if (!running) {
      MonitorSource source;
      source.numbers = [this] { return numbers; };
      source.details = [this] { return details; };
      if (count_queues) source.count_queues = count_queues;
      running.emplace(loop.get_executor(), clock, options, source);
    }
    return *running;
  }
  /// Sends the bytes, gives what comes back until the other side closes.
  std::string raw(const std::string& bytes) {
    const int port = monitor().port();
    return test::run(loop, exchange(static_cast<unsigned short>(port), bytes));
  }
  std::string get(const std::string& path, const std::string& headers = "Host: localhost\r\n") {
    return raw("GET " + path + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n");
  }
  static Task<std::string> exchange(unsigned short port, std::string bytes) {
    const auto executor = co_await asio::this_coro::executor;
    Tcp::socket socket(executor);
    const Tcp::endpoint there(asio::ip::address_v4::loopback(), port);
    co_await socket.async_connect(there, asio::use_awaitable);
    boost::system::error_code error;
    co_await asio::async_write(socket, asio::buffer(bytes),
                               asio::redirect_error(asio::use_awaitable, error));
    std::string answer;
    co_await asio::async_read(socket, asio::dynamic_buffer(answer),
                              asio::redirect_error(asio::use_awaitable, error));
    co_return answer;
  }

  /// A connection from an address of this machine, accepted.
  Tcp::socket& open(std::list<Tcp::socket>& held, const char* from = "127.0.0.1") {
    const auto port = static_cast<unsigned short>(monitor().port());
    auto& socket = held.emplace_back(loop, Tcp::v4());
    socket.bind({asio::ip::make_address(from), 0});
    socket.connect({asio::ip::address_v4::loopback(), port});
    loop.restart();
    while (loop.poll() > 0) {
    }
    return socket;
  }
  /// By the monitor.
  static bool is_closed(Tcp::socket& socket) {
    // All of the answer before it, too.
    char bytes[4096];
    for (;;) {
      const auto got = ::recv(socket.native_handle(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got <= 0) return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
  }
  static std::string received(Tcp::socket& socket) {
    std::string text(socket.available(), '\0');
    text.resize(socket.read_some(asio::buffer(text)));
    return text;
  }
  void until(const std::function<bool()>& condition) { CHECK(test::eventually(loop, condition)); }

  asio::io_context loop;
  test::ManualClock clock;
  MonitorOptions options;
  MonitorNumbers numbers;
  MonitorDetails details;
  std::function<Task<void>()> count_queues;
  std::optional<Monitor> running;
};

std::string body_of(const std::string& answer) {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace

TEST_CASE("health fails while queues wait for a broken runner") {
  Watched rbit;
  rbit.numbers.runners_well = false;
  const auto answer = rbit.get("/healthcheck");
  CHECK(answer.starts_with("HTTP/1.1 500 "));
  CHECK(has(body_of(answer), R"({"outbox": "ok", "runners": "fail", )"));
  rbit.numbers.runners_well = true;
  CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("health over HTTP") {
  Watched rbit;
  auto answer = rbit.get("/healthcheck");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(answer, "Content-Type: text/plain; charset=utf-8\r\n"));
  CHECK(body_of(answer) ==
        R"({"outbox": "ok", "message": "No messages in last 60.0s", "status": "ok"})");
  Outcome crash;
  crash.kind = Outcome::Kind::crashed;
  rbit.monitor().finished(Job(), crash, Status::blocked);
  CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 200 "));
  rbit.monitor().finished(Job(), crash, Status::failed);
  CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 500 "));
}

TEST_CASE("alive: whoever answers is; ready: with the reason if not") {
  Watched rbit;
  auto answer = rbit.get("/live");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(body_of(answer) == R"({"status": "ok"})");
  answer = rbit.get("/ready");
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(has(answer, "Content-Type: application/json\r\n"));
  CHECK(has(body_of(answer), R"("broker": "not connected")"));
  rbit.monitor().connection_failed("mq:5672: Connection refused");
  CHECK(has(body_of(rbit.get("/ready")), R"("broker": "mq:5672: Connection refused")"));
  rbit.monitor().connected();
  rbit.numbers.connected = true;
  CHECK(rbit.get("/ready?verbose").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a failed job makes nobody unready") {
  Watched rbit;
  rbit.numbers.connected = true;
  Outcome failed;
  failed.kind = Outcome::Kind::failed;
  rbit.monitor().finished(Job(), failed, Status::failed);
  CHECK(rbit.get("/ready").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a job that the broker lost is counted, and no other that failed") {
  Watched rbit;
  Report report;
  report.queue = "pdf";
  report.status = Status::failed;
  rbit.monitor().status(report);
  report.reason = "lost-by-broker";
  rbit.monitor().status(report);
  CHECK(has(rbit.get("/metrics"), "\nrbit_lost_by_broker_total{queue=\"pdf\"} 1.0\n"));
}

TEST_CASE("a scrape waits for the counts of the queues, and outlives the monitor") {
  Watched rbit;
  Notice counted(rbit.loop.get_executor());
  int asked = 0;
  rbit.count_queues = [&]() -> Task<void> {
    ++asked;
    co_await counted.wait();
  };
  const std::string scrape = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::list<Tcp::socket> held;
  auto& socket = rbit.open(held);
  asio::write(socket, asio::buffer(scrape));
  rbit.until([&] { return asked == 1; });
  rbit.numbers.running = 17;
  counted.notify();
  rbit.until([&] { return socket.available() > 0; });
  CHECK(has(rbit.received(socket), "\nrbit_jobs_running 17.0\n"));
  asio::write(socket, asio::buffer(scrape));
  rbit.until([&] { return asked == 2; });
  rbit.running.reset();
  counted.notify();
  rbit.loop.restart();
  rbit.loop.poll();
  CHECK(Watched::is_closed(socket));
}

TEST_CASE("metrics over HTTP") {
  Watched rbit;
  rbit.monitor().received(Message());
  const auto answer = rbit.get("/metrics?x=1");
  CHECK(has(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  CHECK(has(answer, "\nrbit_received_number_before_consume_messages_total 1.0\n"));
}

TEST_CASE("metrics elsewhere, or nowhere") {
  Watched other;
  other.options.metrics_path = "/prometheus";
  CHECK(has(other.get("/prometheus"), "\nrbit_received_number_before_consume"));
  CHECK(other.get("/metrics").starts_with("HTTP/1.1 404 "));
  CHECK(has(other.get("/"), "<a href=\"/prometheus\">metrics</a>"));
  Watched none;
  none.options.metrics_path = "";
  CHECK(none.get("/metrics").starts_with("HTTP/1.1 404 "));
  CHECK_FALSE(has(none.get("/"), "metrics"));
}

TEST_CASE("the page shows what goes on, and runs nothing of it") {
  Watched rbit;
  rbit.details.name = "box<1>";
  rbit.details.broker = "localhost:5672, connected";
  rbit.details.queues = {{"Debian_all_sid_deb", "deb", "consuming", 1}};
  JobRecord job;
  job.job_id = "36";
  job.package = "<script>alert(1)</script>";
  job.version = "1.0\n&\"'";
  job.attempt = 1;
  job.begun = 1367322533'000000 - 65'000'000;
  rbit.details.running = {job};
  rbit.numbers.targets = {{"pybit", "down", "refused", 0, 0, 0, std::nullopt}};
  const auto answer = rbit.get("/");
  const auto page = body_of(answer);
  CHECK(has(answer, "Content-Type: text/html; charset=utf-8\r\n"));
  CHECK(has(page, "box&lt;1&gt;"));
  CHECK(has(page, "<td>Debian_all_sid_deb</td><td>deb</td><td>consuming</td>"));
  CHECK(has(page, "<td>&lt;script&gt;alert(1)&lt;/script&gt; 1.0\\x0a&amp;&quot;&#39;</td>"));
  CHECK(has(page, "<td>1m 05s</td>"));
  CHECK_FALSE(has(page, "<script"));
  CHECK(has(answer, "X-Content-Type-Options: nosniff\r\n"));
  CHECK(has(answer, "Content-Security-Policy: default-src 'none';"));
}

TEST_CASE("the page has a name for a job without a number, and how far it is") {
  Watched rbit;
  JobRecord job;
  job.key = "order-17";
  job.queue = "orders";
  rbit.details.running = {job};
  rbit.details.last = {job};
  CHECK(has(rbit.get("/"), "<td>order-17</td><td></td><td>orders</td>"));
  CHECK_FALSE(has(rbit.get("/"), "<progress"));
  rbit.details.progress["order-17"] = {3, 9, "<pages>"};
  CHECK(has(rbit.get("/"),
            "<td><progress value=\"3.0\" max=\"9.0\"></progress> 3/9 &lt;pages&gt;</td></tr>"));
  rbit.details.progress["order-17"] = {12, 9, ""};  // its total was a guess
  CHECK(has(rbit.get("/"), "<progress value=\"9.0\" max=\"9.0\"></progress> 12/9</td>"));
  rbit.details.progress["order-17"] = {12, 0, "pages"};
  CHECK(has(rbit.get("/"), "<td>12 pages</td></tr>"));
}

TEST_CASE("metrics of jobs: those of a done job with its end, those of others never") {
  Watched rbit;
  rbit.options.declared["shop"] = {{"orders_total", {}}};
  Job job;
  job.key = "order-17";
  job.runner = "shop";
  Outcome outcome;
  outcome.given.metrics = {{"orders_total", MetricChange::Kind::add, 2, {}}};
  for (const auto kind : {Outcome::Kind::failed, Outcome::Kind::blocked, Outcome::Kind::interrupted,
                          Outcome::Kind::crashed}) {
    outcome.kind = kind;
    rbit.monitor().finished(
        job, outcome,
        kind == Outcome::Kind::interrupted
            ? std::nullopt
            : std::optional(kind == Outcome::Kind::blocked ? Status::blocked : Status::failed));
  }
  CHECK_FALSE(has(rbit.get("/metrics"), "\norders_total"));
  outcome.kind = Outcome::Kind::done;
  rbit.monitor().finished(job, outcome, Status::done);
  CHECK(has(rbit.get("/metrics"), "\norders_total 2.0\n"));
  rbit.monitor().metric(job, {"orders_total", MetricChange::Kind::add, 1, {}});  // at once
  CHECK(has(rbit.get("/metrics"), "\norders_total 3.0\n"));
}

TEST_CASE("GET reads, everything else is refused") {
  Watched rbit;
  CHECK(rbit.get("/etc/passwd").starts_with("HTTP/1.1 404 "));
  CHECK(rbit.raw("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                 "Connection: close\r\n\r\n")
            .starts_with("HTTP/1.1 405 "));
  const auto head = rbit.raw(
      "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n"
      "Connection: close\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 200 "));
  CHECK(body_of(head).empty());
}

TEST_CASE("a page whose name was bent to this machine gets nothing") {
  Watched rbit;
  CHECK(rbit.get("/", "Host: evil.example\r\n").starts_with("HTTP/1.1 403 "));
  CHECK(rbit.get("/", "Host: 127.0.0.1.evil.example:80\r\n").starts_with("HTTP/1.1 403 "));
  CHECK(rbit.get("/", "").starts_with("HTTP/1.1 403 "));
  CHECK(rbit.get("/", "Host: 127.0.0.1:8080\r\n").starts_with("HTTP/1.1 200 "));
  CHECK(rbit.get("/", "Host: [::1]:8080\r\n").starts_with("HTTP/1.1 200 "));
  CHECK(rbit.raw("GET /healthcheck HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a Host header is HOST or HOST:PORT of this machine, to the letter, and there is one") {
  Watched rbit;
  const auto code = [&](const std::string& host) {
    return rbit.get("/", "Host: " + host + "\r\n").substr(9, 3);
  };
  for (const char* good : {"localhost", "LocalHost:1", "localhost:65535", "127.0.0.1", "[::1]",
                           "[::1]:80", " 127.0.0.1 "})
    CHECK_MESSAGE(code(good) == "200", good);
  for (const char* bad : {"[::1].evil.com",
                          "[::1].evil.com:80",
                          "[::1]evil.com",
                          "[::1]@evil.com",
                          "[::1]:80.evil.com",
                          "[::1]:",
                          "[::1",
                          "::1",
                          "[]",
                          "[",
                          "]",
                          "[evil.com]",
                          "[::1]]",
                          "[[::1]]",
                          "[::1]:0",
                          "localhost.evil.com",
                          "localhost:80.evil.com",
                          "localhost:evil.com",
                          "localhost:80@evil.com",
                          "user@localhost",
                          "localhost@evil.com",
                          "u:p@localhost:80",
                          "localhost.",
                          "127.0.0.1.",
                          "localhost:",
                          "localhost:99999",
                          "localhost:+80",
                          "localhost:-1",
                          "localhost:8 0",
                          "localhost, evil.com",
                          "evil.com, localhost",
                          "localhost evil.com",
                          "localhost/",
                          "localhost#",
                          "localhost?x",
                          "localhost\\",
                          "127.0.0.1:80:80",
                          "127.1",
                          "0x7f.1",
                          "2130706433",
                          "0.0.0.0",
                          "[::ffff:127.0.0.1]",
                          "xlocalhost",
                          ":80",
                          "",
                          "\xef\xbd\x8cocalhost"})
    CHECK_MESSAGE(code(bad) == "403", bad);
  CHECK(rbit.raw("GET / HTTP/1.0\r\nHost: evil.com\r\n\r\n").starts_with("HTTP/1.1 403 "));
  for (const char* two : {"localhost\r\nHost: evil.com", "evil.com\r\nhost: localhost",
                          "localhost\r\nX: y\r\nHOST: localhost"})
    CHECK_MESSAGE(code(two) == "400", two);
  Watched known("correct horse battery");
  CHECK(known
            .get("/",
                 "Host: a\r\nHost: b\r\n"
                 "Authorization: Bearer correct horse battery\r\n")
            .starts_with("HTTP/1.1 400 "));
}

TEST_CASE("with a token, nothing without it") {
  Watched rbit("correct horse battery");
  CHECK(rbit.get("/").starts_with("HTTP/1.1 401 "));
  CHECK(has(rbit.get("/"), "WWW-Authenticate: Bearer\r\n"));
  CHECK(rbit.get("/", "Host: h\r\nAuthorization: Bearer wrong\r\n").starts_with("HTTP/1.1 401 "));
  CHECK(rbit.get("/", "Host: h\r\nAuthorization: Bearer \r\n").starts_with("HTTP/1.1 401 "));
  CHECK(rbit.get("/", "Host: h\r\nAuthorization: Bearer correct horse battery\r\n")
            .starts_with("HTTP/1.1 200 "));
}

TEST_CASE("limits on what a stranger sends") {
  Watched rbit;
  rbit.options.server.read_limit = 100ms;
  CHECK(rbit.get("/", "Host: localhost\r\nX: " + std::string(9000, 'x') + "\r\n")
            .starts_with("HTTP/1.1 431 "));
  CHECK(rbit.raw("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
            .starts_with("HTTP/1.1 413 "));
  CHECK(rbit.raw("\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(rbit.raw("GET / HTTP/1.1\r\nHost: loc").empty());  // half a request, cut after the limit
}

TEST_CASE("the sizes of a request: what just fits, and one more") {
  Watched rbit;
  rbit.options.server.read_limit = 2s;
  const std::string head =
      "GET /healthcheck HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: ";
  const auto header = [&](std::size_t bytes) {
    return rbit.raw(head + std::string(bytes - head.size() - 4, 'x') + "\r\n\r\n");
  };
  CHECK(header(8192).starts_with("HTTP/1.1 200 "));
  CHECK(header(8192 + 512).starts_with("HTTP/1.1 431 "));  // Beast counts by the line
  const auto body = [&](std::size_t bytes) {
    return rbit.raw("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
                    std::to_string(bytes) + "\r\n\r\n" + std::string(bytes, 'x'));
  };
  CHECK(body(65536).starts_with("HTTP/1.1 405 "));
  CHECK(body(65537).starts_with("HTTP/1.1 413 "));
}

TEST_CASE("who never finishes a request shuts nobody out") {
  Watched rbit;
  CHECK(rbit.options.server.most_connections == 64);
  CHECK(rbit.options.server.most_of_a_visitor < 64);
  CHECK(rbit.options.server.most_of_a_visitor >= 32);
  std::list<Tcp::socket> held;
  for (int i = 0; i < 200; ++i) {
    rbit.open(held);
    if (i % 3 == 1) asio::write(held.back(), asio::buffer("GET / HTTP/1.1\r\nHost: loc", 25));
    if (i % 3 == 2)
      asio::write(held.back(), asio::buffer("GET / HTTP/1.1\r\nHost: evil\r\n\r\n", 30));
    if (i % 10 == 0) CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 200 "));
  }
  int open = 0;
  for (auto& socket : held) open += rbit.is_closed(socket) ? 0 : 1;
  CHECK(open <= 48);
  CHECK(open >= 40);
}

TEST_CASE("the oldest goes, and of those that were admitted only if there is no other") {
  Watched rbit;
  rbit.options.server.most_connections = rbit.options.server.most_of_a_visitor = 3;
  std::list<Tcp::socket> held;
  auto& reader = rbit.open(held);
  const std::string whole = "GET /healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n";
  asio::write(reader, asio::buffer(whole));
  rbit.until([&] { return reader.available() > 0; });  // it may keep its connection
  auto& first = rbit.open(held);
  auto& second = rbit.open(held);
  auto& third = rbit.open(held);
  rbit.until([&] { return rbit.is_closed(first); });
  auto& fourth = rbit.open(held);
  rbit.until([&] { return rbit.is_closed(second); });
  CHECK_FALSE(rbit.is_closed(third));
  CHECK_FALSE(rbit.is_closed(fourth));
  for (auto* socket : {&third, &fourth}) {
    const auto before = socket->available();
    asio::write(*socket, asio::buffer(whole));
    rbit.until([&] { return socket->available() > before; });
  }
  CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 200 "));  // nobody is about to be answered
  rbit.until([&] { return rbit.is_closed(reader); });
  CHECK_FALSE(rbit.is_closed(third));
}

TEST_CASE("who asks and never reads the answer shuts nobody out") {
  Watched rbit;
  rbit.options.server.most_connections = rbit.options.server.most_of_a_visitor = 4;
  rbit.details.broker = std::string(12 << 20, 'x');  // more than the sockets hold
  std::list<Tcp::socket> held;
  for (int i = 0; i < 6; ++i) {
    auto& socket = rbit.open(held);
    const std::string whole = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    asio::write(socket, asio::buffer(whole));
    rbit.until([&] { return socket.available() > 0; });
  }
  CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("one address leaves room for another one") {
  Watched rbit;
  rbit.options.server.most_connections = 4;
  rbit.options.server.most_of_a_visitor = 3;
  std::list<Tcp::socket> others, held;
  auto& other = rbit.open(others, "127.0.0.2");
  for (int i = 0; i < 20; ++i) rbit.open(held);
  rbit.until([&] { return rbit.is_closed(*std::next(held.begin(), 16)); });
  CHECK_FALSE(rbit.is_closed(*std::next(held.begin(), 17)));
  CHECK_FALSE(rbit.is_closed(other));
}

TEST_CASE("two requests on one connection") {
  Watched rbit;
  const auto answers = rbit.raw(
      "GET /healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  CHECK(has(answers, "No messages in last"));
  CHECK(has(answers, "rbit_jobs_running"));
}

TEST_CASE("where it must not listen, it does not start") {
  for (const std::string listen :
       {"0.0.0.0:0", "8080", "127.0.0.1:99999", "example.org:80", ":80"}) {
    CAPTURE(listen);
    Watched rbit;
    rbit.options.server.listen = listen;
    CHECK_THROWS_AS(rbit.monitor(), Fatal);
  }
  Watched rbit, other;
  other.options.server.listen = "127.0.0.1:" + std::to_string(rbit.monitor().port());
  CHECK_THROWS_AS(other.monitor(), Fatal);
  Watched open("a token that is long enough");
  open.options.server.listen = "0.0.0.0:0";
  CHECK(open.monitor().port() > 0);
}

TEST_CASE("gone in the middle of a request, it leaves nothing") {
  Watched rbit;
  Tcp::socket half(rbit.loop);
  half.connect(
      {asio::ip::address_v4::loopback(), static_cast<unsigned short>(rbit.monitor().port())});
  CHECK(rbit.get("/").starts_with("HTTP/1.1 200 "));  // so the first one is accepted, too
  rbit.running.reset();
  rbit.loop.restart();
  rbit.loop.poll();
}

TEST_CASE("a token file is ours alone") {
  const test::TempDir dir;
  const std::string file = dir.path() + "/token";
  CHECK_THROWS_AS(read_token(file), Fatal);
  test::write_file(file, "0123456789abcdef\n");
  ::chmod(file.c_str(), 0640);
  CHECK_THROWS_AS(read_token(file), Fatal);
  ::chmod(file.c_str(), 0600);
  CHECK(read_token(file) == "0123456789abcdef");
  test::write_file(file, "short\n");
  CHECK_THROWS_AS(read_token(file), Fatal);
  CHECK_THROWS_AS(read_token(dir.path()), Fatal);
}
