#include "rbit/app/amqp_wiring.h"

#include <algorithm>

#include "rbit/base/host_port.h"
#include "rbit/intake/copy.h"

namespace rbit {

namespace {

/// `host` is checked by room config, and may name a port of its own.
amqp::Endpoint endpoint_of(const std::string& host, int port) {
  const HostPort named = parse_host_port(host).value_or(HostPort{host});
  return {named.address(), static_cast<std::uint16_t>(named.port != 0 ? named.port : port)};
}

}  // namespace

amqp::ConnectionSettings connection_settings(const config::Settings& settings,
                                             const std::string& role) {
  const config::BrokerSettings& broker = settings.broker;
  amqp::ConnectionSettings made;
  made.endpoints.clear();
  for (const auto& host : broker.hosts) made.endpoints.push_back(endpoint_of(host, broker.port));
  made.user = broker.user;
  made.password = broker.password;
  made.virtual_host = broker.virtual_host;
  made.heartbeat = broker.heartbeat;
  made.backoff_cap = broker.reconnect_ceiling;
  made.backoff_base = std::min(made.backoff_base, made.backoff_cap);
  if (broker.tls)
    made.tls =
        amqp::TlsSettings{broker.ca_file, broker.cert_file, broker.key_file, broker.tls_verify};
  made.own_headers = own_header_prefix;
  made.name = "rbit " + settings.name + " " + role;
  return made;
}

std::unique_ptr<amqp::PublishConnection> make_publisher(const asio::any_io_executor& loop,
                                                        const config::Settings& settings,
                                                        const std::string& role,
                                                        std::chrono::milliseconds patience) {
  auto publisher = std::make_unique<amqp::PublishConnection>(
      loop, connection_settings(settings, role), patience);
  publisher->start();
  return publisher;
}

}  // namespace rbit
