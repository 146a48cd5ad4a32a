#include "rbit/dispatch/closing.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/text.h"

namespace rbit {

namespace {

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// PyBit's number as JSON wants it, without zeros in front.
std::string name_of(const Job& job) {
  long long number = 0;
  const bool is_number = text::parse_number(job.request.job_id, 0, 999'999'999'999'999'999, number);
  return is_number ? std::to_string(number) : json_text(job.name());
}

/// The reason word and the text, as reports have them.
std::string message_of(const Outcome& outcome) {
  if (outcome.reason.empty()) return outcome.message;
  if (outcome.message.empty() || outcome.message == outcome.reason) return outcome.reason;
  return outcome.reason + ": " + outcome.message;
}

}  // namespace

std::string answer_text(const Job& job, const Outcome& outcome, Status status) {
  const std::string& result = outcome.given.result;  // JSON already
  return "{\"job\": " + name_of(job) + ", \"status\": " + json_text(to_string(status)) +
         ", \"message\": " + json_text(message_of(outcome)) +
         ", \"result\": " + (result.empty() ? "null" : result) + "}";
}

std::vector<Publication> closing(const RunnerPolicy& policy, const Job& job, const Outcome& outcome,
                                 Status status) {
  std::vector<Publication> leaving;
  if (!is_final(status)) return leaving;
  if (policy.on_done_publish && status == Status::done) {
    Publication event;
    event.to = *policy.on_done_publish;
    event.body = Body(outcome.given.result);
    if (!outcome.given.result.empty()) event.properties.content_type = "application/json";
    leaving.push_back(std::move(event));
  }
  const std::string& reply_to = job.head.reply_to;
  if (policy.reply && !reply_to.empty() && reply_to.size() <= longest_queue_name) {
    Publication answer;
    answer.to = {"", reply_to};
    answer.properties.content_type = "application/json";
    answer.properties.correlation_id = job.head.correlation_id;
    answer.body = Body(answer_text(job, outcome, status));
    answer.is_reply = true;
    leaving.push_back(std::move(answer));
  }
  return leaving;
}

}  // namespace rbit
