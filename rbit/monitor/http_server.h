#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit {

/// Where the monitor listens and who may ask.
struct HttpServerSettings {
  std::string listen;  // HOST:PORT, an IPv6 address in brackets; port 0: any free one
  std::string token;   // empty: none asked for, then loopback only
  std::chrono::milliseconds read_limit{10'000};  // for a whole request
  int most_connections = 64;
  int most_of_a_visitor = 48;  // less than all: one address leaves room for the others
};

struct HttpReply {
  int code = 200;
  std::string type;  // content type
  std::string body;
};

/// Small HTTP/1.1 server for GET, with its guards: loopback or a bearer token, a Host list against
/// rebinding, limits on everything a stranger can send. Who comes when there is no more room takes
/// the place of the one who has least to lose: the oldest connection without an admitted request.
/// It knows nothing of what it serves. On the loop's thread.
class HttpServer {
 public:
  /// The reply to a path (without query); `code` 404 if there is none. What the Task refers to
  /// outlives the loop's coroutines, or it looks whether that is still there: the visitor waits.
  using Handler = std::function<Task<HttpReply>(std::string path)>;

  /// Listens from now on. Throws Fatal (78) if it may not or cannot listen there.
  HttpServer(const asio::any_io_executor& loop, HttpServerSettings settings, Handler handler);
  /// Closes everything at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

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
