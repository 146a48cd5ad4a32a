#include "rbit/intake/copy.h"

#include <algorithm>

#include "rbit/base/text.h"

namespace rbit {

bool is_copied_header(std::string_view name) {
  return name != "x-death" && name != "x-delivery-count" && name != "x-acquired-count" &&
         !name.starts_with("x-first-death-") && !name.starts_with("x-last-death-") &&
         !name.starts_with(own_header_prefix) && name != "CC" && name != "BCC";
}

Message copy_of(const Message& message, const Settlement& settlement, const CopyMark& mark) {
  constexpr std::size_t reason_limit = 190;  // of the 200 characters, with the dots of a cut
  Message copy = message;
  copy.message_id = key_of(message);
  std::erase_if(copy.headers, [](const auto& one) {
    return !is_copied_header(one.first) && one.first != waited_header;
  });
  const bool dead = settlement.kind == Settlement::Kind::dead_letter;
  if (dead || settlement.next_attempt > 0)
    copy.headers[attempt_header] =
        std::int64_t{!dead ? settlement.next_attempt
                           : std::max(settlement.next_attempt, attempt_of(message).value_or(1))};
  if (!message.exchange.empty()) copy.headers[routing_key_header] = message.routing_key;
  copy.headers[copy_header::queue] = message.queue;
  copy.headers[copy_header::reason] = text::one_line(settlement.reason, reason_limit);
  if (!settlement.detail.empty())
    copy.headers[copy_header::detail] = text::one_line(settlement.detail, reason_limit);
  if (!mark.worker.empty()) copy.headers[copy_header::worker] = mark.worker;
  const std::int64_t first = number_in(message, copy_header::first);
  copy.headers[copy_header::first] = first > 0 ? first : mark.first;
  if (dead) copy.headers[copy_header::died] = mark.now;
  if (message.oversized) {  // only its start is here
    copy.headers[copy_header::size] = static_cast<std::int64_t>(message.size);
    copy.headers[copy_header::sha256] = message.sha256;
  }
  return copy;
}

}  // namespace rbit
