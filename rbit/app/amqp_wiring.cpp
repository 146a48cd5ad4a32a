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

std::unique_ptr<AmqpTransport> make_amqp_transport(const asio::any_io_executor& loop, Clock& clock,
                                                   const config::Settings& settings,
                                                   amqp::PublishConnection& publisher) {
  AmqpTransportSettings made;
  made.connection = connection_settings(settings, "intake");
  for (const auto& mapping : settings.queues)
    made.queues.push_back({mapping.queue, mapping.dotted_route});
  made.declare = settings.declare == config::Declare::yes       ? Topology::Declare::yes
                 : settings.declare == config::Declare::passive ? Topology::Declare::passive
                                                                : Topology::Declare::no;
  made.quorum = settings.quorum;
  made.exchange = settings.exchange;
  if (settings.poll_time) made.poll_time = *settings.poll_time;
  made.worker = settings.name;
  if (settings.command_queue) ++made.channels_for_others;
  return std::make_unique<AmqpTransport>(loop, clock, std::move(made), publisher);
}

std::unique_ptr<CommandQueue> make_command_queue(const asio::any_io_executor& loop,
                                                 const config::Settings& settings,
                                                 CommandQueue::Cancel cancel) {
  CommandQueueSettings made;
  made.name = *settings.command_queue;
  made.exchange = settings.exchange;
  made.declare_exchange = settings.declare == config::Declare::yes;
  // Two heartbeats and a third: 70 s of the usual 30, as the broker needs to give a dead connection
  // up.
  const std::chrono::milliseconds heartbeat = settings.broker.heartbeat;
  made.ghost_limit = 2 * heartbeat + heartbeat / 3;
  made.locked_retry = std::min(made.locked_retry, heartbeat / 3);
  return std::make_unique<CommandQueue>(loop, std::move(made), std::move(cancel));
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
