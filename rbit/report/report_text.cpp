#include "rbit/report/report_text.h"

#include <string>

namespace rbit {

std::string message_id(const Report& report) {
  return message_id_of(report.job_key, report.attempt, report.seq);
}

}  // namespace rbit
