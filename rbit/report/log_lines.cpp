#include "rbit/report/log_lines.h"

#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// The runner's own word: the first Building of an attempt has none.
bool is_own_status(const Report& report) {
  return report.status == Status::waiting || !report.message.empty();
}

}  // namespace

void say_in_log(const Report& report) {
  const std::string status(to_string(report.status));
  const std::string why =
      text::one_line(explanation(report.reason, report.message));  // text of a job: one line, cut
  const log::Fields fields = facts_of(report);
  if (report.status == Status::waiting || report.status == Status::building) {
    if (!is_own_status(report))  // those are in the log since the runner set them
      log::info("Job '" + report.name() +
                    "', timestamp: " + std::to_string(to_seconds(from_micros(report.time))),
                fields);
  } else {
    log::info("Job " + report.name() + "'s state is now '" + status + "'.", fields);
    if (report.status == Status::failed || report.status == Status::blocked)
      log::debug("Job " + report.name() + " had issues. " + why, fields);
    // Whoever runs without DEBUG must not be left with a bare 'Failed'.
    if (report.status == Status::failed)
      log::warning("Job " + report.name() + " failed in " + report.queue + ", attempt " +
                       std::to_string(report.attempt) + ": " + why + " (`rbit log CONFIG " +
                       report.name() + "` shows its output)",
                   fields);
  }
}

}  // namespace rbit
