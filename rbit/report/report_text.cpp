#include "rbit/report/report_text.h"

#include <string>

#include "rbit/base/text.h"

namespace rbit {

std::string explanation(const Report& report) {
  if (report.reason.empty()) return report.message;
  if (report.message.empty() || report.message == report.reason) return report.reason;
  return report.reason + ": " + report.message;
}

log::Fields log_fields(const Report& report) {
  return {
      {"job", report.job_id}, {"queue", report.queue}, {"attempt", std::to_string(report.attempt)}};
}

std::string message_id(const Report& report) {
  const std::string tail = ":" + std::to_string(report.attempt) + ":" + std::to_string(report.seq);
  // AMQP's short strings end at 255 bytes, and a key may be a message id of that length.
  if (report.job_key.size() + tail.size() > 255) return text::sha256_hex(report.job_key) + tail;
  return report.job_key + tail;
}

}  // namespace rbit
