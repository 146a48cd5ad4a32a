#include "rbit/core/job_facts.h"

#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::size_t longest = 200;  // bytes of one fact: most are a stranger's text

JobFacts facts(const std::string& name, const std::string& queue, const std::string& runner,
               int attempt, const std::string& key) {
  return {{"job", text::one_line(name, longest)},
          {"queue", queue},
          {"runner", runner},
          {"attempt", std::to_string(attempt)},
          {"key", text::one_line(key, longest)}};
}

void add_package(JobFacts& facts, const std::string& package, const std::string& version) {
  if (package.empty()) return;
  facts.emplace_back("package", text::one_line(package, longest));
  if (!version.empty()) facts.emplace_back("version", text::one_line(version, longest));
}

}  // namespace

JobFacts facts_of(const Job& job) {
  JobFacts all = facts(job.name(), job.queue, job.runner, job.attempt, job.key);
  add_package(all, job.request.package, job.request.version);
  return all;
}

JobFacts facts_of(const JobRecord& job) {
  JobFacts all = facts(job.name(), job.queue, job.runner, job.attempt, job.key);
  add_package(all, job.package, job.version);
  return all;
}

JobFacts facts_of(const Report& report) {
  JobFacts all = facts(report.name(), report.queue, report.runner, report.attempt, report.job_key);
  add_package(all, report.package, report.version);
  return all;
}

JobFacts facts_of(const Delivery& delivery) {
  const std::string key = text::one_line(delivery.key(), longest);
  return {{"job", key}, {"queue", delivery.message().queue}, {"key", key}};
}

std::string what_is_asked(const Job& job) {
  const BuildRequest& request = job.request;
  if (request.package.empty())
    return "a message of " + std::to_string(job.body.bytes().size()) + " bytes";
  return "package " + text::one_line(request.package, longest) +
         (request.version.empty() ? "" : " " + text::one_line(request.version, longest));
}

}  // namespace rbit
