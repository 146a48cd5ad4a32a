#include "rbit/amqp/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "rbit/amqp/library.h"
#include "rbit/amqp/open_wire.h"
#include "rbit/base/text.h"

namespace rbit::amqp {

namespace {

/// A scalar that is kept, or none.
std::optional<HeaderValue> read_value(const amqp_field_value_t& from) {
  const auto& value = from.value;
  switch (from.kind) {
    case AMQP_FIELD_KIND_BOOLEAN:
      return value.boolean != 0;
    case AMQP_FIELD_KIND_I8:
      return std::int64_t{value.i8};
    case AMQP_FIELD_KIND_U8:
      return std::int64_t{value.u8};
    case AMQP_FIELD_KIND_I16:
      return std::int64_t{value.i16};
    case AMQP_FIELD_KIND_U16:
      return std::int64_t{value.u16};
    case AMQP_FIELD_KIND_I32:
      return std::int64_t{value.i32};
    case AMQP_FIELD_KIND_U32:
      return std::int64_t{value.u32};
    case AMQP_FIELD_KIND_I64:
      return std::int64_t{value.i64};
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
      if (!std::in_range<std::int64_t>(value.u64)) return std::nullopt;
      return static_cast<std::int64_t>(value.u64);
    case AMQP_FIELD_KIND_F32:
      if (!std::isfinite(value.f32)) return std::nullopt;  // neither JSON nor a copy could say NaN
      return static_cast<double>(value.f32);
    case AMQP_FIELD_KIND_F64:
      if (!std::isfinite(value.f64)) return std::nullopt;
      return value.f64;
    case AMQP_FIELD_KIND_UTF8:
      return text_of(value.bytes);
    default:
      return std::nullopt;  // tables and arrays of any depth are not looked into
  }
}

bool is_own(const amqp_table_entry_t& header, std::string_view own_headers) {
  return !own_headers.empty() && view_of(header.key).starts_with(own_headers);
}

amqp_table_entry_t header_entry(const std::string& key, const HeaderValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text_entry(key, *text);
  if (const auto* flag = std::get_if<bool>(&value)) return flag_entry(key, *flag);
  if (const auto* real = std::get_if<double>(&value))
    return {bytes_of(key), {AMQP_FIELD_KIND_F64, {.f64 = *real}}};
  const auto number = std::get<std::int64_t>(value);
  const auto small = static_cast<std::int32_t>(number);
  if (number == small) return {bytes_of(key), {AMQP_FIELD_KIND_I32, {.i32 = small}}};
  return {bytes_of(key), {AMQP_FIELD_KIND_I64, {.i64 = number}}};
}

template <class Decoded>
const Decoded& as(const amqp_frame_t& raw) {
  return *static_cast<const Decoded*>(raw.payload.method.decoded);
}

struct Method {
  std::uint32_t id;      // a close may name it as what failed
  std::uint32_t answer;  // the method that answers it
  std::size_t request;
  const char* name;
};

constexpr std::uint32_t unnamed = 0;
constexpr Method methods[] = {
    {AMQP_CHANNEL_OPEN_METHOD, AMQP_CHANNEL_OPEN_OK_METHOD, request_index<OpenChannel>,
     "channel.open"},
    {unnamed, AMQP_CHANNEL_CLOSE_OK_METHOD, request_index<CloseChannel>, ""},
    {AMQP_EXCHANGE_DECLARE_METHOD, AMQP_EXCHANGE_DECLARE_OK_METHOD, request_index<DeclareExchange>,
     "exchange.declare"},
    {AMQP_QUEUE_DECLARE_METHOD, AMQP_QUEUE_DECLARE_OK_METHOD, request_index<DeclareQueue>,
     "queue.declare"},
    {AMQP_QUEUE_BIND_METHOD, AMQP_QUEUE_BIND_OK_METHOD, request_index<BindQueue>, "queue.bind"},
    {AMQP_QUEUE_DELETE_METHOD, AMQP_QUEUE_DELETE_OK_METHOD, request_index<DeleteQueue>,
     "queue.delete"},
    {AMQP_BASIC_QOS_METHOD, AMQP_BASIC_QOS_OK_METHOD, request_index<SetPrefetch>, "basic.qos"},
    {AMQP_BASIC_CONSUME_METHOD, AMQP_BASIC_CONSUME_OK_METHOD, request_index<Consume>,
     "basic.consume"},
    {AMQP_BASIC_CANCEL_METHOD, AMQP_BASIC_CANCEL_OK_METHOD, request_index<CancelConsumer>,
     "basic.cancel"},
    {AMQP_BASIC_GET_METHOD, AMQP_BASIC_GET_EMPTY_METHOD, request_index<Get>, "basic.get"},
    {unnamed, AMQP_CONFIRM_SELECT_OK_METHOD, request_index<SelectConfirms>, ""},
};

/// channel.close and connection.close have the same fields.
template <class Frame, class Close>
Frame close_frame(const Close& close) {
  Frame frame;
  frame.why.code = close.reply_code;
  frame.why.text = text_of(close.reply_text);
  const std::uint32_t id = std::uint32_t{close.class_id} << 16 | close.method_id;
  for (const Method& method : methods) {
    if (method.id != id || id == unnamed) continue;
    frame.request = method.request;
    frame.why.operation = method.name;
  }
  return frame;
}

/// basic.deliver and basic.get-ok have these.
template <class Method>
DeliverFrame deliver_frame(const Method& method) {
  DeliverFrame frame;
  frame.head.delivery_tag = method.delivery_tag;
  frame.head.redelivered = method.redelivered != 0;
  frame.head.exchange = text_of(method.exchange);
  frame.head.routing_key = text_of(method.routing_key);
  return frame;
}

/// basic.ack and basic.nack.
template <class Method>
ConfirmFrame confirm_frame(const Method& method, bool accepted) {
  return {method.delivery_tag, method.multiple != 0, accepted};
}

}  // namespace

const char* name_of_request(std::size_t request) {
  const auto* method = std::find_if(std::begin(methods), std::end(methods),
                                    [&](const Method& one) { return one.request == request; });
  return method == std::end(methods) ? "" : method->name;
}

void read_properties(const amqp_basic_properties_t_& from, std::string_view own_headers,
                     MessageHead& to) {
  const auto has = [&](amqp_flags_t flag) { return (from._flags & flag) != 0; };
  if (has(AMQP_BASIC_CONTENT_TYPE_FLAG)) to.content_type = text_of(from.content_type);
  if (has(AMQP_BASIC_CONTENT_ENCODING_FLAG)) to.content_encoding = text_of(from.content_encoding);
  if (has(AMQP_BASIC_CORRELATION_ID_FLAG)) to.correlation_id = text_of(from.correlation_id);
  if (has(AMQP_BASIC_REPLY_TO_FLAG)) to.reply_to = text_of(from.reply_to);
  if (has(AMQP_BASIC_MESSAGE_ID_FLAG)) to.message_id = text_of(from.message_id);
  if (has(AMQP_BASIC_TYPE_FLAG)) to.type = text_of(from.type);
  if (has(AMQP_BASIC_APP_ID_FLAG)) to.app_id = text_of(from.app_id);
  if (has(AMQP_BASIC_USER_ID_FLAG)) to.user_id = text_of(from.user_id);
  if (has(AMQP_BASIC_EXPIRATION_FLAG)) to.expiration = text_of(from.expiration);
  if (has(AMQP_BASIC_TIMESTAMP_FLAG)) to.timestamp = static_cast<std::int64_t>(from.timestamp);
  if (has(AMQP_BASIC_PRIORITY_FLAG)) to.priority = from.priority;
  to.persistent = has(AMQP_BASIC_DELIVERY_MODE_FLAG) && from.delivery_mode == 2;
  if (!has(AMQP_BASIC_HEADERS_FLAG)) return;
  struct Bound {
    std::size_t count, room;
  };
  Bound others{max_headers, max_header_bytes}, ours{max_own_headers, max_header_bytes};
  for (int i = 0; i < from.headers.num_entries && others.count + ours.count > 0; ++i) {
    const amqp_table_entry_t& entry = from.headers.entries[i];
    Bound& left = is_own(entry, own_headers) ? ours : others;
    const bool long_text = entry.value.kind == AMQP_FIELD_KIND_UTF8;
    const std::size_t bytes = entry.key.len + (long_text ? entry.value.value.bytes.len : 8);
    if (left.count == 0 || bytes > left.room) continue;
    std::optional<HeaderValue> value = read_value(entry.value);
    if (!value) continue;
    --left.count;
    left.room -= bytes;
    to.headers[text_of(entry.key)] = std::move(*value);
  }
}

Wire::~Wire() {
  if (state_) amqp_destroy_connection(state_);
}

std::optional<Refusal> Wire::open(const ConnectionSettings& settings, const Endpoint& endpoint,
                                  const Address& address) {
  state_ = amqp_new_connection();
  if (!state_) return Refusal{lost, "no memory for a connection"};
  own_headers_ = settings.own_headers;
  is_plain_ = !settings.tls;
  endpoint_ = endpoint;
  return open_wire(state_, settings, endpoint_, address, mailbox_);
}

bool Wire::check(int status) {
  if (status == AMQP_STATUS_OK) return true;
  failure_ = amqp_error_string2(status);
  garbled_ = status == AMQP_STATUS_BAD_AMQP_DATA || status == AMQP_STATUS_UNKNOWN_CLASS ||
             status == AMQP_STATUS_UNKNOWN_METHOD;
  return false;
}

bool Wire::method(std::uint16_t channel, std::uint32_t id, void* decoded) {
  return check(amqp_send_method(state_, channel, id, decoded));
}

Wire::Got Wire::next(Frame& frame) {
  for (;;) {
    amqp_maybe_release_buffers(state_);  // what the last frame held is copied or done with
    amqp_frame_t raw;
    const timeval at_once{0, 0};
    const int status = amqp_simple_wait_frame_noblock(state_, &raw, &at_once);
    if (status == AMQP_STATUS_TIMEOUT) return Got::nothing;
    if (!check(status)) return Got::broken;
    frame.channel = raw.channel;
    if (raw.frame_type == AMQP_FRAME_BODY) {
      frame.what = BodyFrame{view_of(raw.payload.body_fragment)};
      return Got::frame;
    }
    if (raw.frame_type == AMQP_FRAME_HEADER) {
      if (raw.payload.properties.class_id != AMQP_BASIC_CLASS)
        return garbage("a header of an unknown class");
      HeaderFrame header;
      header.properties.size = raw.payload.properties.body_size;
      read_properties(*static_cast<const amqp_basic_properties_t*>(raw.payload.properties.decoded),
                      own_headers_, header.properties);
      frame.what = std::move(header);
      return Got::frame;
    }
    if (raw.frame_type != AMQP_FRAME_METHOD) continue;  // a heartbeat that slipped through
    if (read_method(raw, frame)) return Got::frame;
    return garbage("an unexpected method, number " + std::to_string(raw.payload.method.id));
  }
}

bool Wire::is_drained() const {
  return is_plain_ && !amqp_frames_enqueued(state_) && !amqp_data_in_buffer(state_);
}

/// The library sends a method at a time, and the broker would be woken by each.
void Wire::cork(bool on) {
  const int value = on ? 1 : 0;
  ::setsockopt(socket(), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

Wire::Got Wire::garbage(std::string what) {
  failure_ = std::move(what);
  garbled_ = true;
  return Got::broken;
}

/// Returns false if it is none that a broker may send.
bool Wire::read_method(const amqp_frame_t_& raw, Frame& frame) {
  const amqp_method_number_t id = raw.payload.method.id;
  for (const Method& method : methods) {
    if (method.answer != id) continue;
    AnswerFrame answer{method.request, {}};
    answer.reply.empty = id == AMQP_BASIC_GET_EMPTY_METHOD;
    if (id == AMQP_QUEUE_DECLARE_OK_METHOD) {
      answer.reply.messages = as<amqp_queue_declare_ok_t>(raw).message_count;
      answer.reply.consumers = as<amqp_queue_declare_ok_t>(raw).consumer_count;
    }
    frame.what = answer;
    return true;
  }
  switch (id) {
    case AMQP_BASIC_GET_OK_METHOD: {
      DeliverFrame deliver = deliver_frame(as<amqp_basic_get_ok_t>(raw));
      deliver.got = true;
      frame.what = std::move(deliver);
      return true;
    }
    case AMQP_BASIC_DELIVER_METHOD: {
      DeliverFrame deliver = deliver_frame(as<amqp_basic_deliver_t>(raw));
      deliver.head.consumer_tag = text_of(as<amqp_basic_deliver_t>(raw).consumer_tag);
      frame.what = std::move(deliver);
      return true;
    }
    case AMQP_BASIC_RETURN_METHOD: {
      const auto& method = as<amqp_basic_return_t>(raw);
      ReturnFrame returned;
      returned.why.code = method.reply_code;
      returned.why.text = text_of(method.reply_text);
      returned.exchange = text_of(method.exchange);
      returned.routing_key = text_of(method.routing_key);
      frame.what = std::move(returned);
      return true;
    }
    case AMQP_BASIC_ACK_METHOD:
      frame.what = confirm_frame(as<amqp_basic_ack_t>(raw), true);
      return true;
    case AMQP_BASIC_NACK_METHOD:
      frame.what = confirm_frame(as<amqp_basic_nack_t>(raw), false);
      return true;
    case AMQP_BASIC_CANCEL_METHOD:
      frame.what = ConsumerCancelFrame{text_of(as<amqp_basic_cancel_t>(raw).consumer_tag)};
      return true;
    case AMQP_CHANNEL_CLOSE_METHOD:
      frame.what = close_frame<ChannelCloseFrame>(as<amqp_channel_close_t>(raw));
      return true;
    case AMQP_CONNECTION_CLOSE_METHOD:
      frame.what = close_frame<ConnectionCloseFrame>(as<amqp_connection_close_t>(raw));
      return true;
    case AMQP_CONNECTION_CLOSE_OK_METHOD:
      frame.what = ConnectionClosedFrame{};
      return true;
    case AMQP_CONNECTION_BLOCKED_METHOD:
      frame.what = Blocked{true, text_of(as<amqp_connection_blocked_t>(raw).reason)};
      return true;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      frame.what = Blocked{false, ""};
      return true;
    default:
      return false;
  }
}

bool Wire::send(std::uint16_t channel, const Request& request) {
  struct Sender {
    Wire& wire;
    std::uint16_t channel;

    bool operator()(const OpenChannel&) {
      amqp_channel_open_t method{};
      return wire.method(channel, AMQP_CHANNEL_OPEN_METHOD, &method);
    }
    bool operator()(const CloseChannel&) {
      amqp_channel_close_t method{};
      method.reply_code = AMQP_REPLY_SUCCESS;
      return wire.method(channel, AMQP_CHANNEL_CLOSE_METHOD, &method);
    }
    bool operator()(const DeclareExchange& declare) {
      amqp_exchange_declare_t method{};
      method.exchange = bytes_of(declare.name);
      method.type = amqp_cstring_bytes("direct");
      method.passive = declare.passive;
      method.durable = 1;
      return wire.method(channel, AMQP_EXCHANGE_DECLARE_METHOD, &method);
    }
    bool operator()(const DeclareQueue& declare) {
      std::vector<amqp_table_entry_t> entries;
      for (const auto& [key, value] : declare.arguments)
        entries.push_back(header_entry(key, value));
      amqp_queue_declare_t method{};
      method.queue = bytes_of(declare.name);
      method.passive = declare.passive;
      method.durable = declare.durable;
      method.exclusive = declare.exclusive;
      method.auto_delete = declare.auto_delete;
      method.arguments = {static_cast<int>(entries.size()), entries.data()};
      return wire.method(channel, AMQP_QUEUE_DECLARE_METHOD, &method);
    }
    bool operator()(const BindQueue& bind) {
      amqp_queue_bind_t method{};
      method.queue = bytes_of(bind.queue);
      method.exchange = bytes_of(bind.exchange);
      method.routing_key = bytes_of(bind.routing_key);
      return wire.method(channel, AMQP_QUEUE_BIND_METHOD, &method);
    }
    bool operator()(const DeleteQueue& remove) {
      amqp_queue_delete_t method{};
      method.queue = bytes_of(remove.name);
      return wire.method(channel, AMQP_QUEUE_DELETE_METHOD, &method);
    }
    bool operator()(const SetPrefetch& prefetch) {
      amqp_basic_qos_t method{};
      method.prefetch_count = prefetch.count;
      method.global = 0;  // a global one is refused by 4.3
      return wire.method(channel, AMQP_BASIC_QOS_METHOD, &method);
    }
    bool operator()(const Consume& consume) {
      amqp_basic_consume_t method{};
      method.queue = bytes_of(consume.queue);
      method.consumer_tag = bytes_of(consume.tag);
      // A priority that is no number: RabbitMQ looks at the permission to read, then refuses it.
      amqp_table_entry_t entry = text_entry("x-priority", "none");
      if (consume.as_a_question) method.arguments = {1, &entry};
      return wire.method(channel, AMQP_BASIC_CONSUME_METHOD, &method);
    }
    bool operator()(const CancelConsumer& cancel) {
      amqp_basic_cancel_t method{};
      method.consumer_tag = bytes_of(cancel.tag);
      return wire.method(channel, AMQP_BASIC_CANCEL_METHOD, &method);
    }
    bool operator()(const Get& get) {
      amqp_basic_get_t method{};
      method.queue = bytes_of(get.queue);
      return wire.method(channel, AMQP_BASIC_GET_METHOD, &method);
    }
    bool operator()(const SelectConfirms&) {
      amqp_confirm_select_t method{};
      return wire.method(channel, AMQP_CONFIRM_SELECT_METHOD, &method);
    }
    bool operator()(const Settle& settle) {
      return wire.check(settle.kind == Settle::Kind::ack
                            ? amqp_basic_ack(wire.state_, channel, settle.delivery_tag, 0)
                            : amqp_basic_nack(wire.state_, channel, settle.delivery_tag, 0, 1));
    }
    bool operator()(const Outgoing& message) { return wire.publish(channel, message); }
    bool operator()(const CloseConnection&) {
      amqp_connection_close_t method{};
      method.reply_code = AMQP_REPLY_SUCCESS;
      return wire.method(0, AMQP_CONNECTION_CLOSE_METHOD, &method);
    }
  };
  return std::visit(Sender{*this, channel}, request);
}

bool Wire::publish(std::uint16_t channel, const Outgoing& message) {
  std::vector<amqp_table_entry_t> headers;
  for (const auto& [key, seconds] : message.time_headers)
    headers.push_back(
        {bytes_of(key), {AMQP_FIELD_KIND_TIMESTAMP, {.u64 = static_cast<std::uint64_t>(seconds)}}});
  for (const auto& [key, value] : message.headers) headers.push_back(header_entry(key, value));
  // Ours first, for readers that look at the start of a long table only.
  std::stable_partition(headers.begin(), headers.end(),
                        [&](const auto& header) { return is_own(header, own_headers_); });
  amqp_basic_properties_t properties{};
  const auto set = [&](amqp_flags_t flag, amqp_bytes_t& field, const std::string& text) {
    if (text.empty()) return;
    properties._flags |= flag;
    field = bytes_of(text);
  };
  set(AMQP_BASIC_CONTENT_TYPE_FLAG, properties.content_type, message.content_type);
  set(AMQP_BASIC_CONTENT_ENCODING_FLAG, properties.content_encoding, message.content_encoding);
  set(AMQP_BASIC_CORRELATION_ID_FLAG, properties.correlation_id, message.correlation_id);
  set(AMQP_BASIC_REPLY_TO_FLAG, properties.reply_to, message.reply_to);
  set(AMQP_BASIC_MESSAGE_ID_FLAG, properties.message_id, message.message_id);
  set(AMQP_BASIC_TYPE_FLAG, properties.type, message.type);
  set(AMQP_BASIC_APP_ID_FLAG, properties.app_id, message.app_id);
  if (message.timestamp) {
    properties._flags |= AMQP_BASIC_TIMESTAMP_FLAG;
    properties.timestamp = static_cast<std::uint64_t>(*message.timestamp);
  }
  if (message.priority) {
    properties._flags |= AMQP_BASIC_PRIORITY_FLAG;
    properties.priority = *message.priority;
  }
  if (!headers.empty()) {
    properties._flags |= AMQP_BASIC_HEADERS_FLAG;
    properties.headers = {static_cast<int>(headers.size()), headers.data()};
  }
  properties._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
  properties.delivery_mode = message.persistent ? 2 : 1;
  return check(amqp_basic_publish(state_, channel, bytes_of(message.exchange),
                                  bytes_of(message.routing_key), 1, 0, &properties,
                                  bytes_of(message.body)));
}

bool Wire::send_channel_close_ok(std::uint16_t channel) {
  amqp_channel_close_ok_t method{};
  return this->method(channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &method);
}

bool Wire::send_close_ok() {
  amqp_connection_close_ok_t ok{};
  return method(0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
}

int Wire::socket() const {
  return amqp_get_sockfd(state_);
}

std::string Wire::product() const {
  std::string product, version;
  const amqp_table_t* properties = amqp_get_server_properties(state_);
  for (int i = 0; properties != nullptr && i < properties->num_entries; ++i) {
    const amqp_table_entry_t& one = properties->entries[i];
    if (one.value.kind != AMQP_FIELD_KIND_UTF8) continue;
    const std::string_view key = view_of(one.key), value = view_of(one.value.value.bytes);
    if (key == "product") product = text::one_line(value, 80);
    if (key == "version") version = text::one_line(value, 80);
  }
  return product + " " + version;
}

int Wire::channel_max() const {
  return amqp_get_channel_max(state_);
}

std::chrono::seconds Wire::heartbeat() const {
  return std::chrono::seconds(amqp_get_heartbeat(state_));
}

}  // namespace rbit::amqp
