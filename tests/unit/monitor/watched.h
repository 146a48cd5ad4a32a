#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include "rbit/monitor/monitor.h"
#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"

namespace rbit::test {

using Tcp = asio::ip::tcp;

/// A monitor with everything outside replaced, asked over its port.
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
      source.page = page;
      if (count_queues) source.count_queues = count_queues;
      running.emplace(loop.get_executor(), clock, options, source);
    }
    return *running;
  }
  /// Sends the bytes, gives what comes back until the other side closes.
  std::string raw(const std::string& bytes) {
    const int port = monitor().port();
    return run(loop, exchange(static_cast<unsigned short>(port), bytes));
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
  void until(const std::function<bool()>& condition) { CHECK(eventually(loop, condition)); }

  asio::io_context loop;
  ManualClock clock;
  MonitorOptions options;
  MonitorNumbers numbers;
  MonitorDetails details;
  std::function<Task<void>()> count_queues;
  PageSource page;
  std::optional<Monitor> running;
};

inline std::string body_of(const std::string& answer) {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace rbit::test
