#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "rbit/amqp/dial.h"
#include "rbit/amqp/protocol.h"
#include "rbit/amqp/settings.h"

struct amqp_connection_state_t_;
struct amqp_frame_t_;
struct amqp_basic_properties_t_;

namespace rbit::amqp {

// What the broker sends, one by one. Everything is copied but the bytes of a body.
struct AnswerFrame {
  std::size_t request;  // of which request it is the answer: `request_index`
  Reply reply;
};
struct DeliverFrame {  // a header and bodies follow; as the answer to Get if `got`
  MessageHead head;
  bool got = false;
};
struct ReturnFrame {  // a header and bodies follow
  Refusal why;
  std::string exchange, routing_key;
};
struct HeaderFrame {
  MessageHead properties;  // and its `size`
};
struct BodyFrame {
  std::string_view bytes;  // until the next call of `next`
};
struct ConfirmFrame {
  std::uint64_t tag;
  bool multiple, accepted;
};
struct ConsumerCancelFrame {
  std::string tag;
};
struct ChannelCloseFrame {
  Refusal why;
  std::optional<std::size_t> request;  // that failed, if the broker names one: `request_index`
};
struct ConnectionCloseFrame {
  Refusal why;
  std::optional<std::size_t> request;
};
struct ConnectionClosedFrame {};  // the answer to `CloseConnection`

struct Frame {
  std::uint16_t channel = 0;
  std::variant<AnswerFrame, DeliverFrame, ReturnFrame, HeaderFrame, BodyFrame, ConfirmFrame,
               ConsumerCancelFrame, ChannelCloseFrame, ConnectionCloseFrame, ConnectionClosedFrame,
               Blocked>
      what;
};

/// "basic.get", of `request_index<Get>`; "" of one that no close names.
const char* name_of_request(std::size_t request);

/// Copies what is kept of a message's properties and headers (`max_headers`, `max_header_bytes`).
void read_properties(const amqp_basic_properties_t_& from, std::string_view own_headers,
                     MessageHead& to);

/// librabbitmq behind one class: one connection from its making to its end, frames in, methods out.
/// Used by one thread. It knows no channels' states and waits for no answers; that is `Session`'s.
/// After a false or `Got::broken` only `failure` and the destructor may be called
/// (rbit/doc/traps.rst, amqp-no-polite-close).
class Wire {
 public:
  explicit Wire(Mailbox& mailbox) : mailbox_(mailbox) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();  // destroys the connection, politely only after `CloseConnection` was answered

  /// Connects to one address and logs in. Returns none if it stands. The mailbox gets the
  /// descriptor as soon as there is one, for whoever must cut a hanging login off.
  std::optional<Refusal> open(const ConnectionSettings& settings, const Endpoint& endpoint,
                              const Address& address);

  enum class Got { frame, nothing, broken };
  /// The next frame if one is there; never waits. Sends heartbeats that are due.
  Got next(Frame& frame);

  /// Whether all that was received is handed out: the descriptor shows what comes next. Never true
  /// of TLS, which keeps some to itself.
  bool is_drained() const;
  /// What is sent from `cork(true)` on leaves with `cork(false)`, in few segments.
  void cork(bool on);

  /// REQUIRES, of Outgoing: `next` gave `nothing` just before, or it may hang.
  bool send(std::uint16_t channel, const Request& request);
  bool send_channel_close_ok(std::uint16_t channel);
  bool send_close_ok();

  int socket() const;
  /// The broker's product and version, as it calls itself: "RabbitMQ 3.10.8".
  std::string product() const;
  std::chrono::seconds heartbeat() const;  // as negotiated
  int channel_max() const;                 // as negotiated
  const std::string& failure() const { return failure_; }
  bool garbled() const { return garbled_; }  // the failure: what came cannot be understood

 private:
  bool method(std::uint16_t channel, std::uint32_t id, void* decoded);
  bool publish(std::uint16_t channel, const Outgoing& message);
  bool check(int status);
  bool read_method(const amqp_frame_t_& raw, Frame& frame);
  Got garbage(std::string what);

  Mailbox& mailbox_;
  amqp_connection_state_t_* state_ = nullptr;
  std::string own_headers_;
  Endpoint endpoint_;  // outlives the TLS context
  bool is_plain_ = false;
  std::string failure_;
  bool garbled_ = false;
};

}  // namespace rbit::amqp
