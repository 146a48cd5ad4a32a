#include "rbit/intake/ack_barrier.h"

#include <utility>

namespace rbit {

Task<amqp::Answer> AckBarrier::pass() {
  std::function<void(amqp::Channel::Done)> start =
      [self = shared_from_this()](amqp::Channel::Done done) {
        self->waiting_.push_back(std::move(done));
        if (!self->asking_) self->ask();
      };
  amqp::Answer answer = co_await amqp::answer_of(std::move(start));
  co_return answer;
}

void AckBarrier::ask() {
  asking_ = true;
  channel_->request(
      amqp::SetPrefetch{1},
      [self = shared_from_this(), asked = std::exchange(waiting_, {})](const amqp::Answer& answer) {
        self->asking_ = false;
        if (!self->waiting_.empty()) self->ask();
        for (const auto& done : asked) done(answer);
      });
}

}  // namespace rbit
