#include "rbit/monitor/health.h"

#include <nlohmann/json.hpp>

#include "rbit/monitor/number_text.h"

namespace rbit {

namespace {

constexpr int spans_a_window = 1024;

Health::Answer answer_of(const std::string& members, bool well) {
  return {well ? 200 : 500, "{" + members + ", \"status\": \"" + (well ? "ok" : "fail") + "\"}"};
}

}  // namespace

Health::Health(Clock& clock, const HealthSettings& settings) : clock_(clock), settings_(settings) {}

void Health::finished(bool success) {
  forget();
  const auto now = clock_.steady();
  if (spans_.empty() || now - spans_.back().first > settings_.window / spans_a_window)
    spans_.push_back({now, now});
  Span& span = spans_.back();
  span.last = now;
  ++(success ? span.success : span.fail);
}

void Health::forget() {
  const auto oldest = clock_.steady() - settings_.window;
  while (!spans_.empty() && spans_.front().last < oldest) spans_.pop_front();
}

Health::Answer Health::answer(const std::vector<std::pair<std::string, bool>>& modules,
                              const std::map<std::string, std::string>& unread) {
  std::string unread_member;
  if (!unread.empty()) {
    const auto replace = nlohmann::json::error_handler_t::replace;
    unread_member = "\"unread\": " + nlohmann::json(unread).dump(-1, ' ', true, replace) + ", ";
  }
  if (connection_fails_ >= settings_.max_connection_fails)
    return answer_of(unread_member + "\"message\": \"Reached max connection fails (" +
                         std::to_string(settings_.max_connection_fails) + ")\"",
                     false);
  forget();
  std::uint64_t success = 0, fail = 0;
  for (const Span& span : spans_) {
    success += span.success;
    fail += span.fail;
  }
  bool well = true;
  std::string members;
  for (const auto& [name, fine] : modules) {
    well = well && fine;
    members += "\"" + name + "\": \"" + (fine ? "ok" : "fail") + "\", ";
  }
  members += unread_member;
  if (success + fail == 0) {
    const double seconds = static_cast<double>(settings_.window.count()) / 1000;
    return answer_of(members + "\"message\": \"No messages in last " + number_text(seconds) + "s\"",
                     well);
  }
  const double rate = static_cast<double>(success) / static_cast<double>(success + fail);
  well = well && rate >= settings_.success_rate;
  return answer_of(members + "\"message\": \"Success rate: " + number_text(rate) +
                       " (expected: " + number_text(settings_.success_rate) + ")\", \"fail\": " +
                       std::to_string(fail) + ", \"success\": " + std::to_string(success),
                   well);
}

}  // namespace rbit
