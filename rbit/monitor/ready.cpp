#include "rbit/monitor/ready.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::size_t most_reason = 500;  // the log has all of it

/// What a queue is called or a broker says may hold anything.
std::string in_quotes(std::string_view text) {
  const auto replace = nlohmann::json::error_handler_t::replace;
  return nlohmann::json(text::one_line(text, most_reason)).dump(-1, ' ', true, replace);
}

std::string ok_or(std::string_view why) {
  return why.empty() ? "\"ok\"" : in_quotes(why);
}

std::string broker_trouble(const MonitorNumbers& numbers) {
  if (numbers.connected) return "";
  return numbers.away.empty() ? "not connected" : numbers.away;
}

bool is_read(const QueueNumbers& queue) {
  return queue.unread.empty();
}

std::string queues_text(const std::vector<QueueNumbers>& queues) {
  std::string members;
  for (const QueueNumbers& queue : queues)
    if (!is_read(queue))
      members +=
          (members.empty() ? "" : ", ") + in_quotes(queue.queue) + ": " + in_quotes(queue.unread);
  return members.empty() ? "\"ok\"" : "{" + members + "}";
}

}  // namespace

bool is_ready(const MonitorNumbers& numbers) {
  return numbers.standstill.empty() && numbers.paused.empty() && numbers.connected &&
         std::all_of(numbers.queues.begin(), numbers.queues.end(), is_read);
}

HttpReply ready_answer(const MonitorNumbers& numbers) {
  const bool ready = is_ready(numbers);
  std::string body = "{";
  if (!numbers.standstill.empty()) body += "\"rbit\": " + in_quotes(numbers.standstill) + ", ";
  body += "\"journal\": " + ok_or(numbers.paused) +
          ", \"broker\": " + ok_or(broker_trouble(numbers)) +
          ", \"queues\": " + queues_text(numbers.queues) + ", \"status\": \"" +
          (ready ? "ok" : "fail") + "\"}";
  return {ready ? 200 : 503, "application/json", body};
}

}  // namespace rbit
