#include "rbit/app/job_chart.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace rbit {

namespace {

constexpr double growth = 1.2;
constexpr std::int64_t step_micros = std::chrono::microseconds(JobChart::step).count();

std::size_t class_of(std::int64_t micros, std::size_t classes) {
  const double place =
      std::log(static_cast<double>(std::max<std::int64_t>(micros, 1))) / std::log(growth);
  return std::min(static_cast<std::size_t>(place), classes - 1);
}

}  // namespace

std::int64_t JobChart::now() const {
  return to_micros(clock_.wall()) / step_micros;
}

void JobChart::add(std::int64_t when, Status status, std::int64_t micros) {
  const std::int64_t n = when / step_micros;
  if (n < 0 || n > now() || n <= now() - static_cast<std::int64_t>(steps)) return;
  Step& its = ended_[static_cast<std::size_t>(n) % steps];
  if (its.n != n) its = Step{n};
  (status == Status::done ? its.done : status == Status::failed ? its.failed : its.cancelled)++;
  its.longest = std::max(its.longest, micros);
  ++its.durations[class_of(micros, classes)];
}

void JobChart::fill_from(const History& history) {
  JobFilter filter;
  filter.limit = 3000;  // it is read before any job may begin
  filter.since = (now() - static_cast<std::int64_t>(steps)) * step_micros;
  for (const JobRecord& job : history.jobs(filter))
    if (is_final(job.last_status) && job.ended > 0)
      add(job.ended, job.last_status, std::max<std::int64_t>(0, job.ended - job.begun));
}

void JobChart::finished(const Job&, const Outcome& outcome, std::optional<Status> told) {
  if (told && is_final(*told)) add(to_micros(clock_.wall()), *told, outcome.wall_micros);
}

nlohmann::json JobChart::to_json() const {
  nlohmann::json all;
  all["step"] = std::chrono::seconds(step).count();
  all["steps"] = steps;
  nlohmann::json& ended = all["ended"] = nlohmann::json::array();
  for (std::int64_t n = std::max<std::int64_t>(0, now() - static_cast<std::int64_t>(steps) + 1);
       n <= now(); ++n) {
    const Step& its = ended_[static_cast<std::size_t>(n) % steps];
    if (its.n != n) continue;
    const std::uint32_t half = (its.done + its.failed + its.cancelled + 1) / 2;
    std::size_t middle = 0;
    for (std::uint32_t seen = 0; middle < classes; ++middle)
      if ((seen += its.durations[middle]) >= half) break;
    const auto median =
        static_cast<std::int64_t>(std::pow(growth, static_cast<double>(middle) + 0.5));
    ended.push_back(
        {n, its.done, its.failed, its.cancelled, std::min(median, its.longest), its.longest});
  }
  return all;
}

}  // namespace rbit
