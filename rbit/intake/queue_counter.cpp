#include "rbit/intake/queue_counter.h"

#include <algorithm>
#include <utility>

#include "rbit/amqp/protocol.h"
#include "rbit/intake/queue_names.h"

namespace rbit {

namespace {

constexpr std::chrono::milliseconds least_pause{5'000};
constexpr int times_as_long = 10;

}  // namespace

QueueCounter::QueueCounter(const asio::any_io_executor& loop, const Clock& clock,
                           amqp::PublishConnection& publisher)
    : loop_(loop), clock_(clock), publisher_(publisher), answered_(loop) {}

Task<QueueCounts> QueueCounter::counts(std::vector<std::string> queues,
                                       std::chrono::milliseconds patience) {
  QueueCounts none;
  queues_ = std::move(queues);
  if (!publisher_.is_up()) co_return none;
  if (!asking_ && clock_.steady() >= not_before_) {
    asking_ = true;
    spawn(loop_, ask_all(lifetime_.watch()), "counting the broker's queues");
  }
  const Lifetime::Watch alive = lifetime_.watch();
  if (asking_) co_await answered_.wait_for(patience);
  if (alive.is_over()) co_return none;
  co_return last_;
}

Task<void> QueueCounter::ask_all(Lifetime::Watch alive) {
  const SteadyTime begun = clock_.steady();
  QueueCounts counts;
  for (std::size_t i = 0; !alive.is_over() && i < queues_.size(); ++i) {
    const std::string queue = queues_[i];
    QueueCount count;
    bool answers = co_await ask(queue, count.waiting);
    if (answers && !alive.is_over()) answers = co_await ask(dead_queue(queue), count.dead);
    if (!answers) {
      counts.clear();
      break;
    }
    counts.emplace(queue, count);
  }
  if (alive.is_over()) co_return;
  last_ = std::move(counts);
  const auto took = clock_.steady() - begun;
  not_before_ = clock_.steady() + std::max<SteadyTime::duration>(least_pause, times_as_long * took);
  asking_ = false;
  answered_.notify();
}

/// Returns false if there is no connection. A queue that is not there is empty; of one that we may
/// not ask about nothing is known.
Task<bool> QueueCounter::ask(std::string queue, std::optional<std::int64_t>& count) {
  const amqp::Answer answer = co_await publisher_.count(queue);
  if (answer.ok())
    count = answer.reply.messages;
  else if (answer.refusal->code == amqp::not_found)
    count = 0;
  co_return answer.ok() || answer.refusal->code != amqp::lost;
}

}  // namespace rbit
