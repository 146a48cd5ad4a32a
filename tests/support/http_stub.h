#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/task.h"
#include "rbit/base/text.h"

namespace rbit::test {

/// A front-end on 127.0.0.1: remembers each request, answers what `answer` says (raw bytes of HTTP;
/// "" hangs, for ever). On the test's loop.
class HttpStub {
 public:
  struct Request {
    std::string line;  // "PUT /job/36 HTTP/1.1"
    std::string head;  // header lines, lower-cased names
    std::string body;
    bool has(const std::string& header_line) const {
      return head.find(header_line) != std::string::npos;
    }
  };

  explicit HttpStub(asio::io_context& loop) : state_(std::make_shared<State>(loop)) {
    asio::co_spawn(loop, accept(state_), asio::detached);
  }
  ~HttpStub() { state_->close(); }

  int port() const { return state_->port; }
  std::string host() const { return "127.0.0.1:" + std::to_string(state_->port); }
  std::string url() const { return "http://" + host(); }
  std::vector<Request>& requests() { return state_->requests; }
  int connections() const { return state_->connections; }
  void answer(std::function<std::string(const Request&)> answer) {
    state_->answer = std::move(answer);
  }
  /// A whole answer: "200 OK", header lines each with \r\n, body.
  static std::string reply(const std::string& status, const std::string& body = "",
                           const std::string& headers = "") {
    return "HTTP/1.1 " + status + "\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  /// Stops listening and cuts every connection; the port stays free.
  void stop() { state_->close(); }

 private:
  using Tcp = asio::ip::tcp;
  struct State {
    explicit State(asio::io_context& loop)
        : acceptor(loop, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          port(acceptor.local_endpoint().port()) {}
    void close() {
      boost::system::error_code ignored;
      acceptor.close(ignored);
      for (auto& socket : sockets) socket->close(ignored);
    }
    Tcp::acceptor acceptor;
    int port;
    int connections = 0;
    std::vector<Request> requests;
    std::list<std::shared_ptr<Tcp::socket>> sockets;
    std::function<std::string(const Request&)> answer = [](const Request&) {
      return reply("200 OK");
    };
  };

  static Task<void> accept(std::shared_ptr<State> state) {
    boost::system::error_code error;
    for (;;) {
      auto socket = std::make_shared<Tcp::socket>(state->acceptor.get_executor());
      co_await state->acceptor.async_accept(*socket,
                                            asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      ++state->connections;
      state->sockets.push_back(socket);
      asio::co_spawn(state->acceptor.get_executor(), serve(state, socket), asio::detached);
    }
  }

  static Task<void> serve(std::shared_ptr<State> state, std::shared_ptr<Tcp::socket> socket) {
    std::string buffer;
    boost::system::error_code error;
    for (;;) {
      const auto size =
          co_await asio::async_read_until(*socket, asio::dynamic_buffer(buffer), "\r\n\r\n",
                                          asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      Request request;
      const std::string head = buffer.substr(0, size);
      buffer.erase(0, size);
      request.line = head.substr(0, head.find("\r\n"));
      for (const auto& line : text::split(head, '\n')) {
        const auto colon = line.find(':');
        if (colon == std::string::npos) continue;
        request.head += text::lower(line.substr(0, colon)) + line.substr(colon) + "\n";
      }
      const auto at = request.head.find("content-length: ");
      const std::size_t length =
          at == std::string::npos ? 0 : std::strtoul(request.head.c_str() + at + 16, nullptr, 10);
      if (buffer.size() < length) {
        co_await asio::async_read(*socket, asio::dynamic_buffer(buffer),
                                  asio::transfer_exactly(length - buffer.size()),
                                  asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return;
      }
      request.body = buffer.substr(0, length);
      buffer.erase(0, length);
      state->requests.push_back(request);
      const std::string answer = state->answer(request);
      if (answer.empty()) continue;
      co_await asio::async_write(*socket, asio::buffer(answer),
                                 asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace rbit::test
