#include "rbit/app/job_lines.h"

#include <string>
#include <vector>

#include "rbit/app/used_text.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// One of the lines that scripts grep for.
std::string artifacts_text(const std::vector<Artifact>& artifacts) {
  std::vector<std::string> paths;
  for (const Artifact& one : artifacts) paths.push_back("'" + text::one_line(one.path) + "'");
  return "Artifacts: " + text::join(paths, ", ");
}

}  // namespace

void JobLines::finished(const Job& job, const Outcome& outcome, std::optional<Status> told) {
  const log::Fields fields = facts_of(job);
  log::info("Job " + job.name() + " used " +
                used_text(outcome.wall_micros, outcome.cpu_micros, outcome.peak_memory_kib,
                          outcome.output_bytes) +
                (outcome.exit.empty() ? "" : "; " + outcome.exit),
            fields);
  if (told == Status::done && !outcome.artifacts.empty())
    log::debug(artifacts_text(outcome.artifacts), fields);
}

}  // namespace rbit
