#include "rbit/app/management.h"

#include <boost/asio/io_context.hpp>
#include <utility>

#include "rbit/app/amqp_wiring.h"
#include "rbit/app/run_alone.h"
#include "rbit/base/loopback.h"

namespace rbit {

namespace {

/// "https://host:15671"; only where a password may travel.
Result<std::string> base_of(const amqp::ConnectionSettings& connection, int port) {
  amqp::Endpoint endpoint = connection.endpoints.front();
  endpoint.port = static_cast<std::uint16_t>(port);
  if (connection.tls) return "https://" + endpoint.text();
  if (is_loopback(endpoint.host)) return "http://" + endpoint.text();
  return Error{"management at " + endpoint.text(),
               "is not asked: the password would travel there unencrypted",
               "use amqps://, or ask on the broker's own machine"};
}

Task<Result<HttpAnswer>> send(asio::any_io_executor loop, HttpRequest request) {
  HttpClient http(loop);
  co_return co_await http.send(std::move(request));
}

}  // namespace

Result<Management> Management::at(const config::Settings& settings, int port) {
  const auto base = base_of(connection_settings(settings, "check"), port);
  if (!base) return base.error();
  Management made;
  made.request_.method = "GET";
  made.request_.url = *base;
  made.request_.user = settings.broker.user;
  made.request_.password = settings.broker.password;
  made.virtual_host_ = settings.broker.virtual_host;
  return made;
}

Result<HttpAnswer> Management::get(const std::string& path) const {
  HttpRequest request = request_;
  request.url += "/api/" + path;
  asio::io_context loop{1};
  return run_alone(loop, send(loop.get_executor(), std::move(request)));
}

std::string Management::virtual_host() const {
  return HttpClient::escape(virtual_host_);
}

}  // namespace rbit
