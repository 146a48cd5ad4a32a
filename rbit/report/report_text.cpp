#include "rbit/report/report_text.h"

#include <string>

namespace rbit {

log::Fields log_fields(const Report& report) {
  return {{"job", report.name()},
          {"queue", report.queue},
          {"runner", report.runner},
          {"attempt", std::to_string(report.attempt)},
          {"key", report.job_key}};
}

std::string message_id(const Report& report) {
  return message_id_of(report.job_key, report.attempt, report.seq);
}

}  // namespace rbit
