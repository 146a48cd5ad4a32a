// The properties and headers of a message as they come over the wire, decoded by librabbitmq, kept
// by us, written to the journal and given to programs.
#include <nlohmann/json.hpp>

#include "rbit/amqp/library.h"
#include "rbit/amqp/wire.h"
#include "rbit/core/message_codec.h"
#include "rbit/intake/amqp_message.h"
#include "rbit/intake/copy.h"
#include "rbit/run/job_environment.h"
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
    amqp::read_properties(*static_cast<const amqp_basic_properties_t*>(decoded), own_header_prefix,
                          kept);
    check(kept);
    const Message message = message_from(std::move(kept), "queue");
    Message again;
    again.queue = message.queue;
    properties_from_json(properties_to_json(message), again);
    need(again.headers.size() == message.headers.size(), "the journal keeps every header");
    need(properties_to_json(again) == properties_to_json(message), "as it is");
    need(key_of(again) == key_of(message), "and the name of the job");
    attempt_of(again);
    const std::string metadata = message_metadata(again, "queue");
    need(nlohmann::json::accept(metadata), "a program is given JSON");
  }
  empty_amqp_pool(&pool);
  return 0;
}
