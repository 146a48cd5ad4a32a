#include "rbit/monitor/http_server.h"

#include <fcntl.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <list>
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
  unsigned difference = given.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned>(
        static_cast<unsigned char>(given[i]) ^
        static_cast<unsigned char>(wanted.empty() ? '\0' : wanted[i % wanted.size()]));
  return difference == 0;
}

/// The names this machine's loopback goes by. A page of a stranger's whose name leads here
/// (rebinding) has that name in its Host header.
bool is_loopback_host(std::string_view host) {
  std::string_view name = host;
  if (name.starts_with('['))
    name = name.substr(0, name.find(']') + 1);
  else
    name = name.substr(0, name.find(':'));
  return text::lower(name) == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

Response plain(http::status status, const std::string& text) {
  Response response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = text + "\n";
  return response;
}

}  // namespace

struct HttpServer::State {
  State(const asio::any_io_executor& executor, HttpServerSettings given, Handler own)
      : loop(executor), settings(std::move(given)), handler(std::move(own)), acceptor(executor) {}

  Response answer(const http::request<http::string_body>& request) const;
  Result<void> admit(const http::request<http::string_body>& request) const;
  static Task<void> serve(std::shared_ptr<State> self, std::list<Stream>::iterator stream);
  Task<void> converse(Stream& stream);

  asio::any_io_executor loop;
  HttpServerSettings settings;
  Handler handler;
  Tcp::acceptor acceptor;
  std::string own_host;  // as in `listen`
  std::list<Stream> streams;
  bool closed = false;
};

HttpServer::HttpServer(const asio::any_io_executor& loop, HttpServerSettings settings,
                       Handler handler)
    : state_(std::make_shared<State>(loop, std::move(settings), std::move(handler))) {
  const std::string listen = state_->settings.listen;
  const auto endpoint = endpoint_of(listen);
  state_->own_host = listen.substr(0, listen.rfind(':'));
  if (!endpoint.address().is_loopback() && state_->settings.token.empty())
    refuse(listen, "not this machine's loopback, and there is no token-file",
           "listen on 127.0.0.1, or set token-file");
  auto& acceptor = state_->acceptor;
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);  // P3
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
  for (auto& stream : state_->streams) stream.close();
  state_->handler = [](const std::string&) { return HttpReply{503, "text/plain", ""}; };
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
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);  // P3
    if (static_cast<int>(state->streams.size()) >= state->settings.most_connections) continue;
    const auto stream = state->streams.emplace(state->streams.end(), std::move(socket));
    spawn(state->loop, State::serve(state, stream), "the monitor");
  }
}

Task<void> HttpServer::State::serve(std::shared_ptr<State> self,
                                    std::list<Stream>::iterator stream) {
  co_await self->converse(*stream);
  boost::system::error_code ignored;
  stream->socket().shutdown(Tcp::socket::shutdown_send, ignored);
  self->streams.erase(stream);
}

Task<void> HttpServer::State::converse(Stream& stream) {
  boost::system::error_code error;
  beast::flat_buffer buffer(most_header + most_body);
  while (!closed) {
    Request parser;
    parser.header_limit(most_header);
    parser.body_limit(most_body);
    stream.expires_after(settings.read_limit);
    co_await http::async_read(stream, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
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
      response = answer(parser.get());
      keep = parser.get().keep_alive();
    }
    response.set(http::field::server, "rbit");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Content-Security-Policy",
                 "default-src 'none'; style-src 'self'; frame-ancestors 'none'");
    response.set("Referrer-Policy", "no-referrer");
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(keep);
    const std::string whole = std::move(response.body());
    response.content_length(whole.size());
    const bool head_only = !parser.get().method_string().empty() && !error &&
                           parser.get().method() == http::verb::head;
    response.body() = head_only ? std::string() : whole;
    stream.expires_after(settings.read_limit);
    http::response_serializer<http::string_body> serializer(response);
    co_await http::async_write(stream, serializer,
                               asio::redirect_error(asio::use_awaitable, error));
    if (error || !keep) co_return;
  }
}

/// An Error's reason is the answer's text.
Result<void> HttpServer::State::admit(const http::request<http::string_body>& request) const {
  if (!settings.token.empty()) {
    const std::string_view given = request[http::field::authorization];
    constexpr std::string_view scheme = "Bearer ";
    if (!given.starts_with(scheme) || !same_secret(given.substr(scheme.size()), settings.token))
      return Error{"401", "a bearer token is needed", ""};
    return {};  // who has the token is no rebound page
  }
  const std::string_view host = request[http::field::host];
  if (host.empty() && request.version() < 11) return {};  // no browser
  if (is_loopback_host(host) || host.substr(0, host.rfind(':')) == own_host) return {};
  return Error{"403", "unknown Host", ""};
}

Response HttpServer::State::answer(const http::request<http::string_body>& request) const {
  if (const auto admitted = admit(request); !admitted) {
    const bool no_token = admitted.error().thing == "401";
    auto response = plain(no_token ? http::status::unauthorized : http::status::forbidden,
                          admitted.error().reason);
    if (no_token) response.set(http::field::www_authenticate, "Bearer");
    return response;
  }
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    auto response = plain(http::status::method_not_allowed, "only GET");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  const std::string_view target = request.target();
  HttpReply reply = handler(std::string(target.substr(0, target.find('?'))));
  Response response(static_cast<http::status>(reply.code), 11);
  response.set(http::field::content_type, reply.type);
  response.body() = std::move(reply.body);
  return response;
}

}  // namespace rbit
