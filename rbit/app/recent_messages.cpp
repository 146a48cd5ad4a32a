#include "rbit/app/recent_messages.h"

#include <algorithm>

namespace rbit {

namespace {

/// Whoever may publish may send large headers, too.
std::size_t bytes_of(const MessageHead& head) {
  std::size_t bytes = 0;
  for (const auto& [name, member] : head_texts) bytes += (head.*member).size();
  for (const auto& [name, value] : head.headers) {
    bytes += name.size() + sizeof value;
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
  }
  return bytes;
}

}  // namespace

void RecentMessages::finished(const Job& job, const Outcome&, std::optional<Status> told) {
  if (!told || !is_final(*told)) return;
  const std::size_t bytes = job.body.size() + bytes_of(job.head);
  if (bytes > most_bytes) return;
  Held& one = held_.emplace_back();
  one.bytes = bytes;
  one.key = job.key;
  static_cast<MessageHead&>(one.message) = job.head;
  one.message.queue = job.queue;
  one.message.body = job.body;
  bytes_ += bytes;
  while (held_.size() > most_jobs || bytes_ > most_bytes) {
    bytes_ -= held_.front().bytes;
    held_.pop_front();
  }
}

std::optional<Message> RecentMessages::of(const std::string& key) const {
  const auto found =
      std::find_if(held_.rbegin(), held_.rend(), [&](const Held& one) { return one.key == key; });
  if (found == held_.rend()) return std::nullopt;
  return found->message;
}

}  // namespace rbit
