// The properties and headers of a message as they come over the wire, decoded by librabbitmq, kept
// by us, and written to the journal.
#include "rbit/base/amqp_library.h"
#include "rbit/base/amqp_wire.h"
#include "rbit/core/message_codec.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

namespace {

void check(const amqp::Incoming& kept) {
  std::size_t bytes = 0, count = 0;
  for (const auto& [name, value] : kept.headers) {
    const auto* text = std::get_if<std::string>(&value);
    bytes += name.size() + (text != nullptr ? text->size() : 8);
    ++count;
  }
  need(count <= amqp::max_headers + amqp::max_own_headers, "few headers are kept");
  need(bytes <= 2 * amqp::max_header_bytes, "and short ones");
}

Message message_of(const amqp::Incoming& kept) {
  Message message;
  message.message_id = kept.message_id;
  message.content_type = kept.content_type;
  message.content_encoding = kept.content_encoding;
  message.correlation_id = kept.correlation_id;
  message.reply_to = kept.reply_to;
  message.timestamp = kept.timestamp;
  message.priority = kept.priority;
  message.headers = kept.headers;
  return message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  amqp_pool_t pool;
  init_amqp_pool(&pool, 4096);
  const std::string bytes(fuzz::bytes_of(data, size));
  void* decoded = nullptr;
  const int status =
      amqp_decode_properties(AMQP_BASIC_CLASS, &pool, amqp::bytes_of(bytes), &decoded);
  if (status == AMQP_STATUS_OK && decoded != nullptr) {
    amqp::Incoming kept;
    amqp::read_properties(*static_cast<const amqp_basic_properties_t*>(decoded), kept);
    check(kept);
    const Message message = message_of(kept);
    Message again;
    properties_from_json(properties_to_json(message), again);
    need(again.headers.size() == message.headers.size(), "the journal keeps every header");
    need(properties_to_json(again) == properties_to_json(message), "as it is");
    need(key_of(again) == key_of(message), "and the name of the job");
    attempt_of(again);
  }
  empty_amqp_pool(&pool);
  return 0;
}
