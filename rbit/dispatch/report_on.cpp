#include "rbit/dispatch/report_on.h"

#include <utility>

namespace rbit {

Report report_on(const Job& job, Status status, std::string reason, std::string message,
                 const Clock& clock) {
  Report report;
  report.job_key = job.key;
  report.job_id = job.request.job_id;
  report.queue = job.queue;
  report.web_host = job.request.web_host;
  report.attempt = job.attempt;
  report.status = status;
  report.reason = std::move(reason);
  report.message = std::move(message);
  report.time = to_micros(clock.wall());
  return report;
}

}  // namespace rbit
