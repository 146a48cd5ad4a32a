#include "rbit/dispatch/closing.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/core/report.h"

namespace rbit {

namespace {

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string answer_text(const Job& job, const Outcome& outcome, Status status) {
  const std::string& result = outcome.given.result;  // JSON already
  const std::string name = json_name_of(job.request.job_id, job.key);
  return "{\"job\": " + (name.empty() ? json_text(job.name()) : name) +
         ", \"status\": " + json_text(to_string(status)) +
         ", \"message\": " + json_text(explanation(outcome.reason, outcome.message)) +
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
