#include "rbit/app/control_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/private_socket.h"
#include "rbit/base/json.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr std::size_t longest_line = 8 << 20;  // a 4 MiB body, escaped
constexpr std::size_t most_clients = 64;
constexpr std::chrono::seconds read_limit(10);  // for a whole request

using boost::system::error_code;

bool is_friend(asio::local::stream_protocol::socket& socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace

Task<bool> ControlPeer::send(const nlohmann::json& line) {
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  error_code failed;
  co_await asio::async_write(socket_, asio::buffer(text),
                             asio::redirect_error(asio::use_awaitable, failed));
  co_return !failed;
}

bool ControlPeer::is_there() const {
  char next = 0;
  return ::recv(socket_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

Task<bool> ControlPeer::send_error(const Error& error) {
  nlohmann::json line;
  line["error"] = describe(error);
  co_return co_await send(line);
}

nlohmann::json describe(const Error& error) {
  nlohmann::json line;
  line["thing"] = error.thing;
  line["reason"] = error.reason;
  line["cure"] = error.cure;
  return line;
}

ControlServer::ControlServer(const asio::any_io_executor& loop, std::string path,
                             std::map<std::string, Handler> handlers)
    : loop_(loop), path_(std::move(path)), handlers_(std::move(handlers)), acceptor_(loop) {}

ControlServer::~ControlServer() {
  close();
}

void ControlServer::close() {
  if (!acceptor_.is_open()) return;
  ::unlink(path_.c_str());
  error_code ignored;
  acceptor_.close(ignored);
}

void ControlServer::hang_up() {
  error_code ignored;
  for (auto* const client : clients_)
    client->shutdown(asio::local::stream_protocol::socket::shutdown_both, ignored);
}

Result<void> ControlServer::start() {
  ::unlink(path_.c_str());
  if (const auto listens = listen_privately(acceptor_, path_); !listens) return listens;
  spawn(loop_, accept_all(), "control socket");
  return {};
}

Task<void> ControlServer::accept_all() {
  for (;;) {
    error_code failed;
    auto socket =
        co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
    if (failed) {
      if (!acceptor_.is_open()) co_return;
      asio::steady_timer pause(loop_, std::chrono::seconds(1));  // out of descriptors, say
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failed));
      continue;
    }
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    if (!is_friend(socket) || clients_.size() >= most_clients) continue;
    spawn(loop_, serve(std::move(socket)), "control client");
  }
}

Task<void> ControlServer::serve(asio::local::stream_protocol::socket socket) {
  clients_.insert(&socket);
  ControlPeer peer(socket);
  std::string line;
  error_code failed;
  asio::steady_timer limit(loop_, read_limit);
  limit.async_wait([&socket](error_code cancelled) {
    if (!cancelled) socket.cancel();
  });
  co_await asio::async_read_until(socket, asio::dynamic_buffer(line, longest_line), '\n',
                                  asio::redirect_error(asio::use_awaitable, failed));
  limit.cancel();
  if (!failed) {
    json::Limits limits;
    limits.bytes = longest_line;
    limits.string_bytes = longest_line;
    auto request = json::parse(line, limits);
    const bool named =
        request && request->is_object() && request->contains("do") && (*request)["do"].is_string();
    const auto handler =
        named ? handlers_.find((*request)["do"].get<std::string>()) : handlers_.end();
    if (handler == handlers_.end()) {
      const Error unknown{unknown_request, "no such request", "use an rbit of the same version"};
      co_await peer.send_error(unknown);
    } else {
      co_await handler->second(std::move(*request), peer);
    }
  }
  clients_.erase(&socket);
}

}  // namespace rbit
