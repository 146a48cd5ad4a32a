#include "rbit/report/amqp_sink.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/clock.h"
#include "rbit/base/text.h"
#include "rbit/report/report_text.h"

namespace rbit {

namespace {

constexpr std::chrono::milliseconds refused_retry{60'000};  // rights are given by people

SinkAnswer later(const Error& error) {
  // What a broker says of 403 begins with the name of that code.
  const bool is_refused = error.reason.starts_with("ACCESS_REFUSED");
  return is_refused ? SinkAnswer::paused(error.text(), refused_retry)
                    : SinkAnswer::retry(error.text());
}

/// Exactly three members, spaced as Python's json.dumps spaces them; ASCII whatever the text is.
std::string body(const Report& report, const std::string& name) {
  const nlohmann::json message = explanation(report.reason, report.message);
  return "{\"status\": \"" + std::string(to_string(report.status)) + "\", \"job\": " + name +
         ", \"message\": " + message.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) +
         "}";
}

}  // namespace

AmqpSink::AmqpSink(amqp::Publisher& publisher, std::string queue, bool declare)
    : publisher_(publisher), queue_(std::move(queue)), declare_(declare) {}

Task<SinkAnswer> AmqpSink::send(const Report& report) {
  const std::string name = json_name_of(report.job_id, report.job_key);
  if (name.empty()) co_return SinkAnswer::dropped("the job's id is not a number");
  if (declare_) {
    const auto declared = co_await publisher_.declare_queue(queue_);
    if (!declared) co_return later(declared.error());
  }
  amqp::Outgoing message;
  message.routing_key = queue_;  // of the default exchange
  message.body = body(report, name);
  message.message_id = message_id(report);
  message.timestamp = to_seconds(from_micros(report.time));
  // The body has room for nothing more; a reader who cares finds the order here, and what an
  // attempt that has ended used.
  message.headers["x-rbit-attempt"] = std::int64_t{report.attempt};
  message.headers["x-rbit-seq"] = std::int64_t{report.seq};
  if (report.wall_micros > 0) {
    message.headers["x-rbit-exit"] = report.exit;
    message.headers["x-rbit-wall-us"] = report.wall_micros;
    message.headers["x-rbit-cpu-us"] = report.cpu_micros;
    message.headers["x-rbit-memory-kib"] = report.peak_memory_kib;
    message.headers["x-rbit-output-bytes"] = report.output_bytes;
  }
  const auto published = co_await publisher_.publish(std::move(message));
  if (!published) co_return later(published.error());
  co_return SinkAnswer{};
}

}  // namespace rbit
