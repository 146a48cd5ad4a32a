#include "rbit/core/job_observer.h"

namespace rbit {

Task<Standing> JobObserver::before(const Job&) {
  co_return Standing{};
}

void JobObservers::received(const Message& message) {
  for (JobObserver* one : all_) one->received(message);
}

void JobObservers::refused(const Message& message, const Error& why) {
  for (JobObserver* one : all_) one->refused(message, why);
}

Task<Standing> JobObservers::before(const Job& job) {
  Standing last;
  for (JobObserver* one : all_) {
    Standing standing = co_await one->before(job);
    if (standing.kind != Standing::Kind::unclear) co_return standing;
    if (!standing.said.empty()) last = std::move(standing);
  }
  co_return last;
}

void JobObservers::status(const Report& report) {
  for (JobObserver* one : all_) one->status(report);
}

void JobObservers::finished(const Job& job, const Outcome& outcome, std::optional<Status> told) {
  for (JobObserver* one : all_) one->finished(job, outcome, told);
}

}  // namespace rbit
