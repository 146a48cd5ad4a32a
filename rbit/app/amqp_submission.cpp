#include "rbit/app/amqp_submission.h"

#include <utility>

#include "rbit/app/amqp_wiring.h"
#include "rbit/intake/amqp_copy.h"
#include "rbit/intake/amqp_message.h"
#include "rbit/intake/queue_names.h"

namespace rbit {

namespace {

/// How long a message that is submitted waits for the broker.
constexpr std::chrono::seconds submit_patience(5);
// What is not confirmed yet: the broker confirms many at once, once they are on its disk.
constexpr std::size_t most_under_way = 128;            // messages
constexpr std::size_t most_bytes_under_way = 8 << 20;  // of their bodies, or one message

Fatal not_submitted(const Message& message, const amqp::Refusal& why,
                    const amqp::PublishConnection& publisher) {
  Error error = why.error("queue " + message.queue);
  if (why.unsure) {
    error.reason += "; message " + message.message_id + " may still arrive and run";
    error.cure = "ask rbit explain for it before it is sent again";
    if (const auto blocked = publisher.blocked())
      error.reason = "the broker takes no messages now (" + *blocked + "): " + error.reason;
    return Fatal(ExitCode::temporary, error);
  }
  if (!publisher.is_up() && error.cure.empty()) {  // it was tried until patience ended
    error.reason = "it did not answer within " + std::to_string(submit_patience.count()) + " s";
    error.cure = "see whether the broker runs, and what its log says; nothing was sent";
  }
  const ExitCode code = publisher.is_up()           ? ExitCode::failed
                        : publisher.refused_login() ? ExitCode::no_permission
                                                    : ExitCode::unavailable;
  return Fatal(code, error);
}

}  // namespace

AmqpSubmission::AmqpSubmission(asio::io_context& loop, const config::Settings& settings)
    : loop_(loop.get_executor()),
      settings_(settings),
      publisher_(make_publisher(loop_, settings, "submit", submit_patience)),
      changed_(loop_) {}

Task<bool> AmqpSubmission::run(MessageSource& messages, std::chrono::milliseconds delay,
                               std::size_t& safe) {
  for (;;) {
    // The loop stands still while `next` waits for somebody: nothing may be under way then.
    const bool more = messages.is_ready();
    const std::size_t most = more ? most_under_way - 1 : 0;
    const std::size_t most_bytes = more ? most_bytes_under_way - 1 : 0;
    while (under_way_ > most || bytes_under_way_ > most_bytes) co_await changed_.wait();
    if (failure_) break;
    std::optional<Message> message = messages.next();
    if (!message) break;
    if (delay.count() > 0) {
      const bool is_there = co_await make_place(*message, delay);
      if (!is_there) break;
    }
    ++under_way_;
    bytes_under_way_ += message->body.size();
    spawn(loop_, send(std::move(*message), delay, safe), "submitting");
  }
  while (under_way_ > 0) co_await changed_.wait();
  if (publisher_->is_up()) co_await publisher_->close();
  co_return !failure_;
}

/// The queue where a message waits lets it into its work queue, which must be there: nobody would
/// hear that it is not.
Task<bool> AmqpSubmission::make_place(const Message& message, std::chrono::milliseconds delay) {
  if (delayed_.contains(message.queue)) co_return true;
  if (settings_.declare != config::Declare::yes) {
    failure_.emplace(ExitCode::failed,
                     Error{"--delay", "needs a queue of such a delay, which is not made",
                           "set [rbit] declare = yes, or send it without"});
    co_return false;
  }
  amqp::DeclareQueue work;
  work.name = message.queue;
  work.passive = true;
  amqp::Answer answer = co_await publisher_->declare(std::move(work));
  if (answer.ok()) {
    const Settlement later = Settlement::retry(delay, 1, "");
    for (const bool quorum : {settings_.quorum, !settings_.quorum}) {
      amqp::DeclareQueue queue = AmqpCopy::queue_for(message, later, quorum);
      answer = co_await publisher_->declare(std::move(queue));
      if (answer.ok() || !answer.refusal->has_other_arguments()) break;
    }
  }
  if (answer.ok())
    delayed_.insert(message.queue);
  else
    fail(message, *answer.refusal);
  co_return answer.ok();
}

Task<void> AmqpSubmission::send(Message message, std::chrono::milliseconds delay,
                                std::size_t& safe) {
  const std::size_t bytes = message.body.size();
  amqp::Outgoing outgoing = outgoing_of(message);
  outgoing.routing_key = delay.count() > 0 ? retry_queue(message.queue, delay) : message.queue;
  const amqp::Answer sent = co_await publisher_->send(std::move(outgoing));
  if (sent.ok())
    ++safe;
  else
    fail(message, *sent.refusal);
  --under_way_;
  bytes_under_way_ -= bytes;
  changed_.notify();
}

/// The first failure is told.
void AmqpSubmission::fail(const Message& message, const amqp::Refusal& why) {
  if (!failure_) failure_ = not_submitted(message, why, *publisher_);
}

}  // namespace rbit
