// How the App finds out that the broker has lost a copy.
#include "rbit/app/app.h"
#include "rbit/intake/amqp_copy.h"
#include "rbit/intake/presence.h"

namespace rbit {

namespace {

Task<std::optional<MissedCopies::QueueCount>> ask(amqp::PublishConnection& publisher,
                                                  std::string queue) {
  const amqp::Answer answer = co_await publisher.count(queue);
  std::optional<MissedCopies::QueueCount> count;
  if (answer.ok())
    count = MissedCopies::QueueCount{true, answer.reply.messages, answer.reply.consumers};
  else if (answer.refusal->code == amqp::not_found)
    count = MissedCopies::QueueCount{};
  co_return count;
}

std::string delay_queue(const AwaitedCopy& copy) {
  Message message;
  message.queue = copy.queue;
  const Settlement retry = Settlement::retry(copy.delay, copy.next_attempt, "");
  return AmqpCopy::queue_for(message, retry, false).name;
}

}  // namespace

void App::make_missed_copies() {
  if (amqp_ == nullptr) return;
  MissedCopies::Links links;
  links.ask = [this](std::string queue) { return ask(*publisher_, std::move(queue)); };
  links.own_consumers = [this](const std::string& queue) { return amqp_->consumers(queue); };
  links.delay_queue = delay_queue;
  links.presence_queue = Presence::queue;
  links.told = [this](const Report& report) { observers_.status(report); };
  missed_copies_ = std::make_unique<MissedCopies>(clock_, *journal_, std::move(links));
}

}  // namespace rbit
