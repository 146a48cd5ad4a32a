#include "rbit/intake/dead_summary.h"

#include "rbit/intake/copy.h"
#include "rbit/intake/request.h"

namespace rbit {

namespace {

std::string text_of(const Message& message, const char* header) {
  const auto found = message.headers.find(header);
  const auto* text =
      found == message.headers.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? std::string() : *text;
}

}  // namespace

DeadSummary describe_dead(const std::string& queue, const Message& dead) {
  DeadSummary letter;
  letter.queue = queue;
  letter.id = key_of(dead);
  letter.reason = text_of(dead, copy_header::reason);
  letter.detail = text_of(dead, copy_header::detail);
  letter.worker = text_of(dead, copy_header::worker);
  letter.attempts = attempt_of(dead).value_or(0);
  letter.first = number_in(dead, copy_header::first);
  letter.died = number_in(dead, copy_header::died);
  const std::int64_t whole = number_in(dead, copy_header::size);
  letter.cut = whole > 0 || dead.oversized;
  letter.size = whole > 0 ? static_cast<std::uint64_t>(whole)
                          : (dead.oversized ? dead.size : dead.body.size());
  if (letter.cut) return letter;
  if (const auto request = parse_request(dead)) {
    letter.job_id = request->job_id;
    letter.package = request->package;
    letter.version = request->version;
  }
  return letter;
}

Message make_replay(const Message& dead, const std::string& queue, std::int64_t time) {
  Message fresh = dead;
  fresh.queue = queue;
  fresh.message_id = key_of(fresh);
  fresh.redelivered = false;
  fresh.persistent = true;
  std::erase_if(fresh.headers, [](const auto& one) { return !is_copied_header(one.first); });
  fresh.headers[replayed_header] = time;
  return fresh;
}

}  // namespace rbit
