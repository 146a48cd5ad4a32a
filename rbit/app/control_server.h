#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit {

/// The other end of one connection to the control socket.
class ControlPeer {
 public:
  explicit ControlPeer(asio::local::stream_protocol::socket& socket) : socket_(socket) {}
  /// Sends one line. Returns false if the peer has gone.
  Task<bool> send(const nlohmann::json& line);
  /// False once it has closed the connection.
  bool is_there() const;
  Task<bool> send_error(const Error& error);  // {"error": {"thing", "reason", "cure"}}

 private:
  asio::local::stream_protocol::socket& socket_;
};

nlohmann::json describe(const Error& error);  // {"thing", "reason", "cure"}

/// The socket below the state directory over which `rbit submit`, `jobs`, `cancel` ... ask the rbit
/// that runs. One request a connection: a JSON line {"do": NAME, ...}; the answer is one line, or
/// several for those that follow a job. Only our own user and root get an answer.
class ControlServer {
 public:
  /// The thing of the Error for a request that no handler is for.
  static constexpr const char* unknown_request = "control socket";
  using Handler = std::function<Task<void>(nlohmann::json request, ControlPeer& peer)>;

  ControlServer(const asio::any_io_executor& loop, std::string path,
                std::map<std::string, Handler> handlers);
  ~ControlServer();  // removes the socket

  /// REQUIRES: we hold the state directory's lock, so a socket that is there is a dead one's.
  Result<void> start();
  /// Takes no more clients. Those that are served go on until the loop stops, so this stays.
  void close();
  /// Ends the connections of those that are served: nothing comes any more.
  void hang_up();

 private:
  Task<void> accept_all();
  Task<void> serve(asio::local::stream_protocol::socket socket);

  asio::any_io_executor loop_;
  std::string path_;
  std::map<std::string, Handler> handlers_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::set<asio::local::stream_protocol::socket*> clients_;
};

}  // namespace rbit
