#include "rbit/monitor/http_server.h"

#include <fcntl.h>
#include <openssl/crypto.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <iterator>
#include <list>
#include <optional>
#include <utility>

#include "rbit/base/text.h"

namespace rbit {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Stream = beast::basic_stream<Tcp, asio::any_io_executor>;
using Request = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::uint32_t most_header = 8 << 10;
constexpr std::uint64_t most_body = 64 << 10;

[[noreturn]] void refuse(const std::string& listen, const std::string& reason,
                         const std::string& cure) {
  throw Fatal(ExitCode::config, Error{"[monitor] listen = " + listen, reason, cure});
}

/// HOST and PORT of "HOST:PORT".
std::pair<std::string, std::string> split_listen(const std::string& listen) {
  const auto colon = listen.rfind(':');
  std::string host = listen.substr(0, colon == std::string::npos ? 0 : colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {host, colon == std::string::npos ? "" : listen.substr(colon + 1)};
}

Tcp::endpoint endpoint_of(const std::string& listen) {
  const auto [host, port] = split_listen(listen);
  long long number = 0;
  if (host.empty() || !text::parse_number(port, 0, 65535, number))
    refuse(listen, "not HOST:PORT", "for example 127.0.0.1:8080");
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) refuse(listen, "the host is no address", "an IP address or localhost");
  return {address, static_cast<unsigned short>(number)};
}

/// Takes the same time wherever the two differ.
bool same_secret(std::string_view given, std::string_view wanted) {
  return given.size() == wanted.size() &&
         CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0;
}

/// Returns the host, in lower case, of a Host header that is HOST, HOST:PORT, [V6] or [V6]:PORT,
/// and "" of all else. What is in brackets may be no address: it is compared as a whole.
std::string host_name(std::string_view header) {
  const auto end = header.starts_with('[') ? header.find(']') + 1 : header.find(':');
  const std::string_view name = header.substr(0, end), port = header.substr(name.size());
  long long number = 0;
  if (!port.empty() && !(port.starts_with(':') && port.size() <= 6 &&
                         text::parse_number(port.substr(1), 1, 65535, number)))
    return "";
  return text::lower(name);
}

/// One visitor: an IPv4 address, or the network of an IPv6 address, of which a household has 2^64.
std::string visitor_of(const Tcp::socket& socket) {
  boost::system::error_code error;
  const auto address = socket.remote_endpoint(error).address();
  if (!address.is_v6() || address.to_v6().is_v4_mapped()) return address.to_string();
  const auto bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

/// The handler once there is none.
Task<HttpReply> gone(std::string) {
  co_return HttpReply{503, "text/plain", ""};
}

Response plain(http::status status, const std::string& text) {
  Response response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = text + "\n";
  return response;
}

}  // namespace

/// One connection.
struct HttpServer::Visit {
  explicit Visit(Tcp::socket socket) : visitor(visitor_of(socket)), stream(std::move(socket)) {}

  std::string visitor;
  Stream stream;
  bool admitted = false;  // a whole request was read, and was allowed
  bool idle = false;      // between two requests
  bool dropped = false;   // closed, and about to go
};

struct HttpServer::State {
  State(const asio::any_io_executor& executor, HttpServerSettings given, Handler own)
      : loop(executor), settings(std::move(given)), handler(std::move(own)), acceptor(executor) {}

  Task<Response> answer(const http::request<http::string_body>& request) const;
  std::optional<Response> refuse(const http::request<http::string_body>& request) const;
  void make_room(const std::string& visitor);
  static Task<void> serve(std::shared_ptr<State> self, std::list<Visit>::iterator visit);
  Task<void> converse(Visit& visit);

  asio::any_io_executor loop;
  HttpServerSettings settings;
  Handler handler;
  Tcp::acceptor acceptor;
  std::string own_host;     // as in `listen`
  std::list<Visit> visits;  // the oldest first
  bool closed = false;
};

HttpServer::HttpServer(const asio::any_io_executor& loop, HttpServerSettings settings,
                       Handler handler)
    : state_(std::make_shared<State>(loop, std::move(settings), std::move(handler))) {
  const std::string listen = state_->settings.listen;
  const auto endpoint = endpoint_of(listen);
  state_->own_host = text::lower(listen.substr(0, listen.rfind(':')));
  if (!endpoint.address().is_loopback() && state_->settings.token.empty())
    refuse(listen, "not this machine's loopback, and there is no token-file",
           "listen on 127.0.0.1, or set token-file");
  auto& acceptor = state_->acceptor;
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);  // Asio does not
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) refuse(listen, error.message(), "another program may listen there: change the port");
  spawn(loop, accept(state_), "the monitor");
}

HttpServer::~HttpServer() {
  state_->closed = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (auto& visit : state_->visits) visit.stream.close();
  state_->handler = gone;
}

int HttpServer::port() const {
  return state_->acceptor.local_endpoint().port();
}

Task<void> HttpServer::accept(std::shared_ptr<State> state) {
  boost::system::error_code error;
  asio::steady_timer breath(state->loop);
  while (!state->closed) {
    Tcp::socket socket(state->loop);
    co_await state->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (state->closed) co_return;
    if (error) {  // out of descriptors: it comes back at once, for ever
      breath.expires_after(std::chrono::seconds(1));
      co_await breath.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);  // Asio does not
    const auto visit = state->visits.emplace(state->visits.end(), std::move(socket));
    state->make_room(visit->visitor);
    spawn(state->loop, State::serve(state, visit), "the monitor");
  }
}

/// For the newest visit, which is `visitor`'s. Most are done within a millisecond, so one that is
/// still here when there is no more room waits for its own visitor: who never finishes a request,
/// or never reads the answer, shuts nobody out.
void HttpServer::State::make_room(const std::string& visitor) {
  int all = 0, own = 0;
  for (const auto& visit : visits) {
    all += visit.dropped ? 0 : 1;
    own += !visit.dropped && visit.visitor == visitor ? 1 : 0;
  }
  const bool own_must_go = own > settings.most_of_a_visitor;
  if (!own_must_go && all <= settings.most_connections) return;
  const auto has_less = [](const Visit& one, const Visit& other) {
    const auto rank = [](const Visit& visit) { return !visit.admitted ? 0 : visit.idle ? 1 : 2; };
    return rank(one) < rank(other);
  };
  Visit* victim = nullptr;
  for (auto visit = visits.begin(); visit != std::prev(visits.end()); ++visit) {
    if (visit->dropped || (own_must_go && visit->visitor != visitor)) continue;
    if (victim == nullptr || has_less(*visit, *victim)) victim = &*visit;
  }
  if (victim == nullptr) victim = &visits.back();
  victim->dropped = true;
  victim->stream.close();
}

Task<void> HttpServer::State::serve(std::shared_ptr<State> self, std::list<Visit>::iterator visit) {
  if (!visit->dropped) co_await self->converse(*visit);
  boost::system::error_code ignored;
  visit->stream.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  self->visits.erase(visit);
}

Task<void> HttpServer::State::converse(Visit& visit) {
  Stream& stream = visit.stream;
  boost::system::error_code error;
  beast::flat_buffer buffer(most_header + most_body);
  while (!closed && !visit.dropped) {
    Request parser;
    parser.header_limit(most_header);
    parser.body_limit(most_body);
    stream.expires_after(settings.read_limit);
    co_await http::async_read(stream, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
    visit.idle = false;
    Response response;
    bool keep = false;
    if (error == http::error::header_limit) {
      response = plain(http::status::request_header_fields_too_large, "header above 8 KiB");
    } else if (error == http::error::body_limit) {
      response = plain(http::status::payload_too_large, "body above 64 KiB");
    } else if (error.category() == beast::error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      response = plain(http::status::bad_request, "not HTTP");
    } else if (error) {
      co_return;
    } else {
      auto refusal = refuse(parser.get());
      visit.admitted = !refusal;
      if (refusal)
        response = std::move(*refusal);
      else
        response = co_await answer(parser.get());
      keep = parser.get().keep_alive();
    }
    response.set(http::field::server, "rbit");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Content-Security-Policy",
                 "default-src 'none'; style-src 'self'; frame-ancestors 'none'");
    response.set("Referrer-Policy", "no-referrer");
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(keep);
    response.content_length(response.body().size());
    const bool head_only = !parser.get().method_string().empty() && !error &&
                           parser.get().method() == http::verb::head;
    if (head_only) response.body().clear();
    stream.expires_after(settings.read_limit);
    http::response_serializer<http::string_body> serializer(response);
    co_await http::async_write(stream, serializer,
                               asio::redirect_error(asio::use_awaitable, error));
    if (error || !keep) co_return;
    visit.idle = true;
  }
}

/// The answer to who is not admitted.
std::optional<Response> HttpServer::State::refuse(
    const http::request<http::string_body>& request) const {
  if (request.count(http::field::host) > 1)
    return plain(http::status::bad_request, "more than one Host");
  if (!settings.token.empty()) {
    const std::string_view given = request[http::field::authorization];
    constexpr std::string_view scheme = "Bearer ";
    if (given.starts_with(scheme) && same_secret(given.substr(scheme.size()), settings.token))
      return std::nullopt;  // who has the token is no rebound page
    auto response = plain(http::status::unauthorized, "a bearer token is needed");
    response.set(http::field::www_authenticate, "Bearer");
    return response;
  }
  if (request.count(http::field::host) == 0 && request.version() < 11)
    return std::nullopt;  // no browser
  // The names this machine's loopback goes by. A page of a stranger's whose name leads here
  // (rebinding) has that name in its Host header.
  const std::string host = host_name(request[http::field::host]);
  if (host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host == own_host)
    return std::nullopt;
  return plain(http::status::forbidden, "unknown Host");
}

/// `request` stays where it is until it ends.
Task<Response> HttpServer::State::answer(const http::request<http::string_body>& request) const {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    auto response = plain(http::status::method_not_allowed, "only GET");
    response.set(http::field::allow, "GET, HEAD");
    co_return response;
  }
  const std::string_view target = request.target();
  HttpReply reply = co_await handler(std::string(target.substr(0, target.find('?'))));
  Response response(static_cast<http::status>(reply.code), 11);
  response.set(http::field::content_type, reply.type);
  response.body() = std::move(reply.body);
  co_return response;
}

}  // namespace rbit
