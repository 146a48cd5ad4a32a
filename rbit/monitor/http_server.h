#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/monitor/monitor_request.h"

namespace rbit {

/// Where the monitor listens and who may ask.
struct HttpServerSettings {
  std::string listen;  // HOST:PORT, an IPv6 address in brackets; port 0: any free one
  std::string token;   // empty: none asked for, then loopback only
  std::chrono::milliseconds read_limit{10'000};  // for a whole request
  int most_connections = 64;
  int most_of_a_visitor = 48;  // less than all: one address leaves room for the others
  int most_listeners = 128;    // to events
  int most_listeners_of_a_visitor = 112;
  std::chrono::milliseconds heartbeat{30'000};  // to who listens while there is nothing to hear
};

/// Small HTTP/1.1 server for GET and POST, with its guards: who may ask what (admission.h), limits
/// on everything a stranger can send. Who comes when there is no more room takes the place of the
/// one who has least to lose: the oldest connection without an admitted request. Who listens to
/// events is counted by himself. It knows nothing of what it serves. On the loop's thread.
class HttpServer {
 public:
  /// The reply to a request; `code` 404 if there is none. What the Task refers to outlives the
  /// loop's coroutines, or it looks whether that is still there: the visitor waits.
  using Handler = std::function<Task<HttpReply>(MonitorRequest request)>;

  /// Listens from now on. Throws Fatal (78) if it may not or cannot listen there.
  HttpServer(const asio::any_io_executor& loop, HttpServerSettings settings, Handler handler);
  /// Closes everything at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;
  /// The value of Set-Cookie for who shows the token by a form; none: it is not the token, or there
  /// is none.
  std::optional<std::string> open_session(std::string_view token);
  /// The same, which takes the cookie away.
  std::string close_session(std::string_view name);

 private:
  struct Visit;
  struct State;
  static Task<void> accept(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// The token in a file: mode without group and others, owned by us or root, one line. Throws Fatal
/// (78) if it is not so.
std::string read_token(const std::string& file);

}  // namespace rbit
