#include "rbit/intake/kept_dead_letters.h"

#include <set>
#include <utility>

#include "rbit/base/clock.h"
#include "rbit/intake/copy.h"

namespace rbit {

namespace {

bool waits_here(const JobRecord& job) {
  return !job.settled && !is_unfinished(job.state) &&
         job.settlement.kind == Settlement::Kind::dead_letter;
}

/// With the headers that its copy at the broker will have.
Message letter_of(const JobRecord& job, Message message) {
  message = copy_of(message, job.settlement,
                    {"", to_seconds(from_micros(job.begun)), to_seconds(from_micros(job.ended))});
  message.size = message.body.size();
  return message;
}

}  // namespace

class KeptDeadLetters::Row : public Letter {
 public:
  Row(const End& end, std::string key, Message message)
      : end_(end), key_(std::move(key)), message_(std::move(message)) {}

  const Message& message() const override { return message_; }
  Task<Result<void>> replay(Message fresh) override {
    std::optional<Message> again(std::move(fresh));
    co_return co_await end_(key_, std::move(again));
  }
  Task<Result<void>> drop() override {
    std::optional<Message> nothing;
    co_return co_await end_(key_, std::move(nothing));
  }

 private:
  const End& end_;
  std::string key_;
  Message message_;
};

Task<Result<void>> KeptDeadLetters::walk(const std::string& queue, const Visit& visit) {
  for (const std::string& key : journal_.owned_jobs()) {
    const auto job = journal_.find(key);
    if (!job || job->queue != queue || !waits_here(*job)) continue;
    auto owned = journal_.owned_job(key);
    if (!owned) co_return owned.error();
    if (!*owned) continue;
    Row letter(end_, key, letter_of(*job, std::move((*owned)->message)));
    const bool more = co_await visit(letter);
    if (!more) break;
  }
  co_return Result<void>();
}

Result<std::vector<std::string>> KeptDeadLetters::queues() const {
  std::set<std::string> queues;
  for (const std::string& key : journal_.owned_jobs())
    if (const auto job = journal_.find(key); job && waits_here(*job)) queues.insert(job->queue);
  return std::vector<std::string>(queues.begin(), queues.end());
}

}  // namespace rbit
