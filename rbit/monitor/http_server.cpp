#include "rbit/monitor/http_server.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <iterator>
#include <list>
#include <optional>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/monitor/admission.h"
#include "rbit/monitor/event_stream.h"

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

/// One visitor: an IPv4 address, or the network of an IPv6 address, of which a household has 2^64.
std::string visitor_of(const Tcp::socket& socket) {
  boost::system::error_code error;
  const auto address = socket.remote_endpoint(error).address();
  if (!address.is_v6() || address.to_v6().is_v4_mapped()) return address.to_string();
  const auto bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

/// The handler once there is none.
Task<HttpReply> gone(MonitorRequest) {
  HttpReply reply{503, "text/plain", ""};
  co_return reply;
}

HttpReply plain(int code, const std::string& text) {
  return {code, "text/plain; charset=utf-8", text + "\n"};
}

template <class Body>
void finish(http::response<Body>& response, const std::string& policy) {
  response.set(http::field::server, "rbit");
  response.set("X-Content-Type-Options", "nosniff");
  response.set(
      "Content-Security-Policy",
      policy.empty() ? "default-src 'none'; style-src 'self'; frame-ancestors 'none'" : policy);
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  response.set(http::field::cache_control, "no-store");
}

/// Whether the other side has closed, which is heard only by who reads.
bool has_left(Tcp::socket& socket) {
  char byte = 0;
  return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
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
  bool listens = false;   // to events
};

struct HttpServer::State {
  State(const asio::any_io_executor& executor, HttpServerSettings given, Handler own)
      : loop(executor),
        settings(std::move(given)),
        handler(std::move(own)),
        acceptor(executor),
        admission(settings.token,
                  text::lower(settings.listen.substr(0, settings.listen.rfind(':')))) {}

  Task<HttpReply> answer(Visit& visit, const http::request<http::string_body>& request);
  void make_room(const std::string& visitor);
  bool has_room_to_listen(const std::string& visitor);
  Task<void> tell(Visit& visit, HttpReply reply);
  static Task<void> serve(std::shared_ptr<State> self, std::list<Visit>::iterator visit);
  Task<void> converse(Visit& visit);

  asio::any_io_executor loop;
  HttpServerSettings settings;
  Handler handler;
  Tcp::acceptor acceptor;
  Admission admission;
  std::list<Visit> visits;  // the oldest first
  bool closed = false;
};

HttpServer::HttpServer(const asio::any_io_executor& loop, HttpServerSettings settings,
                       Handler handler)
    : state_(std::make_shared<State>(loop, std::move(settings), std::move(handler))) {
  const std::string listen = state_->settings.listen;
  const auto endpoint = endpoint_of(listen);
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
  state_->admission.name_cookie(port());
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

std::optional<std::string> HttpServer::open_session(std::string_view token) {
  return state_->admission.open_session(token);
}

std::string HttpServer::close_session(std::string_view name) {
  return state_->admission.close_session(name);
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
    if (visit.dropped || visit.listens) continue;
    ++all;
    own += visit.visitor == visitor ? 1 : 0;
  }
  const bool own_must_go = own > settings.most_of_a_visitor;
  if (!own_must_go && all <= settings.most_connections) return;
  const auto has_less = [](const Visit& one, const Visit& other) {
    const auto rank = [](const Visit& visit) { return !visit.admitted ? 0 : visit.idle ? 1 : 2; };
    return rank(one) < rank(other);
  };
  Visit* victim = nullptr;
  for (auto visit = visits.begin(); visit != std::prev(visits.end()); ++visit) {
    if (visit->dropped || visit->listens || (own_must_go && visit->visitor != visitor)) continue;
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

/// Those that have left are found here: to them nothing may be sent for a long time.
bool HttpServer::State::has_room_to_listen(const std::string& visitor) {
  int all = 0, own = 0;
  for (auto& visit : visits) {
    if (visit.dropped || !visit.listens) continue;
    if (has_left(visit.stream.socket())) {
      visit.dropped = true;
      visit.stream.close();
      continue;
    }
    ++all;
    own += visit.visitor == visitor ? 1 : 0;
  }
  return all < settings.most_listeners && own < settings.most_listeners_of_a_visitor;
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
    HttpReply reply;
    bool keep = false;
    if (error == http::error::header_limit) {
      reply = plain(431, "header above 8 KiB");
    } else if (error == http::error::body_limit) {
      reply = plain(413, "body above 64 KiB");
    } else if (error.category() == beast::error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      reply = plain(400, "not HTTP");
    } else if (error) {
      co_return;
    } else {
      stream.expires_never();  // what was asked may take a while
      reply = co_await answer(visit, parser.get());
      keep = parser.get().keep_alive();
    }
    if (reply.events) {
      co_await tell(visit, std::move(reply));
      co_return;
    }
    Response response(static_cast<http::status>(reply.code), 11);
    response.set(http::field::content_type, reply.type);
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.body() = std::move(reply.body);
    finish(response, reply.policy);
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

/// Until somebody has enough. Who does not read is cut off: what is held for him is what his socket
/// takes and one event that he shares with the others.
Task<void> HttpServer::State::tell(Visit& visit, HttpReply reply) {
  boost::system::error_code error;
  Stream& stream = visit.stream;
  constexpr int socket_bytes = 128 << 10;
  stream.socket().set_option(asio::socket_base::send_buffer_size(socket_bytes), error);
  http::response<http::empty_body> head(http::status::ok, 11);
  head.set(http::field::content_type, "text/event-stream");
  head.set("X-Accel-Buffering", "no");  // nginx would wait for more
  finish(head, reply.policy);
  head.keep_alive(false);
  stream.expires_after(settings.read_limit);
  http::response_serializer<http::empty_body> serializer(head);
  co_await http::async_write_header(stream, serializer,
                                    asio::redirect_error(asio::use_awaitable, error));
  const EventStream::Text heartbeat = std::make_shared<const std::string>(":\n\n");
  while (!error) {
    EventStream::Text text = co_await reply.events->next(settings.heartbeat);
    if (closed || visit.dropped || reply.events->is_over()) co_return;
    if (!text) text = heartbeat;
    stream.expires_after(settings.read_limit);
    co_await asio::async_write(stream, asio::buffer(*text),
                               asio::redirect_error(asio::use_awaitable, error));
    stream.expires_never();
  }
}

/// `request` stays where it is until it ends.
Task<HttpReply> HttpServer::State::answer(Visit& visit,
                                          const http::request<http::string_body>& request) {
  const bool is_get = request.method() == http::verb::get || request.method() == http::verb::head;
  auto verdict = admission.look(request, static_cast<int>(request.version()));
  const std::string_view target = request.target();
  const auto mark = target.find('?');
  MonitorRequest asked;
  asked.path = std::string(target.substr(0, mark));
  if (mark != target.npos) asked.query = std::string(target.substr(mark + 1));
  // Who has not shown the token may do so.
  const bool is_at_the_door = asked.path == "/" || asked.path == "/login";
  const bool may_knock =
      admission.has_token() && is_at_the_door && verdict.refusal && verdict.refusal->code == 401;
  if (verdict.refusal && !may_knock) co_return std::move(*verdict.refusal);
  visit.admitted = !verdict.refusal;
  if (!is_get && request.method() != http::verb::post) {
    HttpReply refusal = plain(405, "only GET and POST");
    refusal.headers.emplace_back("Allow", "GET, HEAD, POST");
    co_return refusal;
  }
  asked.is_post = !is_get;
  if (asked.is_post) asked.body = request.body();
  asked.visitor = std::move(verdict.visitor);
  HttpReply reply = co_await handler(std::move(asked));
  if (!reply.events) co_return reply;
  if (closed || visit.dropped || request.method() == http::verb::head ||
      !has_room_to_listen(visit.visitor)) {
    HttpReply full = plain(503, "too many listen: ask for /api/state now and then");
    full.headers.emplace_back("Retry-After", "30");
    co_return full;
  }
  visit.listens = true;
  co_return reply;
}

}  // namespace rbit
