#include "rbit/amqp/open_wire.h"

#include <malloc.h>

#include <array>

#include "rbit/amqp/library.h"
#include "rbit/amqp/login.h"
#include "rbit/amqp/tls.h"
#include "rbit/base/loopback.h"

namespace rbit::amqp {

namespace {

constexpr std::chrono::seconds connect_limit{5};  // of each address
constexpr timeval answer_limit{20, 0};            // of the login
constexpr int frame_max = 1 << 20;                // bounds the depth of header tables
constexpr int least_frame_max = 4096;             // what AMQP itself promises

Refusal refusal_of(const amqp_rpc_reply_t& reply) {
  Refusal refusal;
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
      reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_connection_close_t*>(reply.reply.decoded);
    return refused_login(close->reply_code, text_of(close->reply_text));
  } else if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
    refusal.text = amqp_error_string2(reply.library_error);
  } else {
    refusal.text = "it does not answer as a broker does";
  }
  return refusal;
}

/// The library takes a page of the longest frame for each channel, and touches little of it. Whole
/// pages of the system's are lazy about that; glibc would take the next one from its heap, filled
/// with zeros, once a first one was freed.
void keep_large_pages_lazy() {
  static const int done = ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
  static_cast<void>(done);
}

std::optional<Refusal> log_in(amqp_connection_state_t state, const ConnectionSettings& settings) {
  amqp_set_handshake_timeout(state, &answer_limit);
  amqp_set_rpc_timeout(state, &answer_limit);
  std::array capabilities{
      flag_entry("consumer_cancel_notify", true), flag_entry("connection.blocked", true),
      flag_entry("publisher_confirms", true), flag_entry("basic.nack", true),
      flag_entry("authentication_failure_close", true)};  // the library tells none
  amqp_table_entry_t can{};
  can.key = amqp_cstring_bytes("capabilities");
  can.value.kind = AMQP_FIELD_KIND_TABLE;
  can.value.value.table = {static_cast<int>(capabilities.size()), capabilities.data()};
  std::array properties{text_entry("product", "rbit"), text_entry("version", RBIT_VERSION),
                        text_entry("connection_name", settings.name), can};
  const amqp_table_t table{static_cast<int>(properties.size()), properties.data()};
  const std::string vhost = settings.virtual_host.empty() ? "/" : settings.virtual_host;
  const amqp_rpc_reply_t reply = amqp_login_with_properties(
      state, vhost.c_str(), settings.channel_max, frame_max,
      static_cast<int>(settings.heartbeat.count()), &table, AMQP_SASL_METHOD_PLAIN,
      settings.user.c_str(), settings.password.c_str());
  if (reply.reply_type != AMQP_RESPONSE_NORMAL) return refusal_of(reply);
  if (amqp_get_frame_max(state) < least_frame_max)
    return Refusal{0, "it wants frames of " + std::to_string(amqp_get_frame_max(state)) +
                          " bytes; AMQP promises 4096"};
  if (amqp_get_channel_max(state) < settings.least_channels)
    return Refusal{lost,
                   "it allows " + std::to_string(amqp_get_channel_max(state)) +
                       " channels a connection, and this one needs " +
                       std::to_string(settings.least_channels),
                   "raise channel_max at the broker"};
  if (amqp_get_heartbeat(state) == 0) return Refusal{lost, "it refuses heartbeats"};
  harden(amqp_get_sockfd(state),
         std::chrono::seconds(amqp_get_heartbeat(state)));  // the broker may have lowered it
  // A header goes in one frame, whatever its length, and the broker adds to it: what came in a
  // frame of the size that was agreed may leave in a larger one. So our side alone takes larger
  // ones.
  if (settings.only_reads && amqp_get_frame_max(state) < frame_max &&
      amqp_tune_connection(state, amqp_get_channel_max(state), frame_max,
                           amqp_get_heartbeat(state)) != AMQP_STATUS_OK)
    return Refusal{lost, "no memory for its frames"};
  amqp_maybe_release_buffers(state);
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> open_wire(amqp_connection_state_t state, const ConnectionSettings& settings,
                                 const Endpoint& endpoint, const Address& address,
                                 Mailbox& mailbox) {
  keep_large_pages_lazy();
  if (settings.tls) {
    amqp_socket_t* socket = amqp_ssl_socket_new(state);
    if (!socket) return Refusal{lost, "no memory for a TLS socket"};
    if (!settings.tls->verify && !is_loopback(address.text))
      return Refusal{lost,
                     "TLS without verification is for this machine alone, and that is another",
                     "set [amqp] tls-verify = yes, and ca-file where it is needed"};
    const Result<void> secured =
        secure(amqp_ssl_socket_get_context(socket), *settings.tls, endpoint.host);
    if (!secured) return Refusal{lost, secured.error().text()};
    amqp_ssl_socket_set_verify_peer(socket, settings.tls->verify);
    amqp_ssl_socket_set_verify_hostname(socket, 0);  // the context does it, for addresses too
    const timeval limit{connect_limit.count(), 0};
    const int status =
        amqp_socket_open_noblock(socket, address.text.c_str(), endpoint.port, &limit);
    if (status != AMQP_STATUS_OK) {
      const std::string trouble = tls_trouble();
      return Refusal{lost, std::string("TLS: ") + amqp_error_string2(status) +
                               (trouble.empty() ? "" : ": " + trouble)};
    }
  } else {
    Result<Fd> connected = connect_to(address, connect_limit, mailbox);
    if (!connected) return Refusal{lost, connected.error().reason};
    amqp_socket_t* socket = amqp_tcp_socket_new(state);
    if (!socket) return Refusal{lost, "no memory for a socket"};
    amqp_tcp_socket_set_sockfd(socket, connected->release());
  }
  mailbox.use_socket(amqp_get_sockfd(state));
  harden(amqp_get_sockfd(state), settings.heartbeat);
  return log_in(state, settings);
}

}  // namespace rbit::amqp
