#include "rbit/monitor/http_server.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <iterator>
#include <list>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"
#include "tests/unit/monitor/watched.h"

using namespace rbit;
using namespace std::chrono_literals;
using test::body_of;
using test::has;
using test::Tcp;
using test::Watched;

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
