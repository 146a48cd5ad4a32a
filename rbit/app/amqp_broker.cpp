#include <boost/asio/io_context.hpp>
#include <utility>

#include "rbit/app/amqp_checks.h"
#include "rbit/app/amqp_dead.h"
#include "rbit/app/amqp_wiring.h"
#include "rbit/app/brokers.h"
#include "rbit/app/live_amqp_broker.h"
#include "rbit/app/run_alone.h"
#include "rbit/intake/queue_names.h"

namespace rbit {

namespace {

/// How long a message that is submitted waits for the broker.
constexpr std::chrono::seconds submit_patience(5);

Task<amqp::Answer> publish_once(amqp::PublishConnection& publisher, amqp::Outgoing message) {
  amqp::Answer sent = co_await publisher.send(std::move(message));
  if (sent.ok()) co_await publisher.close();
  co_return sent;
}

class AmqpBroker : public Broker {
 public:
  explicit AmqpBroker(const config::Settings& settings) : settings_(settings) {
    traits_.patience = std::chrono::minutes(30);  // RabbitMQ's consumer_timeout
    traits_.is_shared = true;
    traits_.descriptors = 8;  // two connections, and the threads that read them
  }

  const BrokerTraits& traits() const override { return traits_; }
  std::string retry_place(const std::string& queue,
                          std::chrono::milliseconds delay) const override {
    return retry_queue(queue, delay);
  }

  /// Persistent, mandatory and confirmed.
  void submit(Message message) const override {
    asio::io_context loop;
    const auto publisher =
        make_publisher(loop.get_executor(), settings_, "submit", submit_patience);
    amqp::Outgoing outgoing;
    outgoing.routing_key = message.queue;
    outgoing.body = std::move(message.body);
    outgoing.content_type = message.content_type;
    outgoing.message_id = message.message_id;
    outgoing.timestamp = message.timestamp;
    const amqp::Answer sent = run_alone(loop, publish_once(*publisher, std::move(outgoing)));
    if (!sent.ok()) throw not_submitted(message, *sent.refusal, *publisher);
  }

  void do_with_the_dead(DeadOrder order, const TellDead& tell) const override {
    do_with_the_dead_at_broker(settings_, std::move(order), tell);
  }

  void check(Findings& findings) const override { check_broker(settings_, findings); }
  void check_live(std::optional<int> management, Findings& findings) const override {
    check_broker_live(settings_, !management, findings);
    if (management) {
      check_bindings(settings_, *management, findings);
      check_drops(settings_, *management, findings);
    } else {
      findings.ok(
          "policies, by which the broker may drop messages, are not looked at without --management "
          "PORT");
    }
  }

  std::unique_ptr<LiveBroker> open(const asio::any_io_executor& loop, Clock& clock,
                                   Database&) const override {
    return std::make_unique<LiveAmqpBroker>(loop, clock, settings_);
  }

 private:
  static Fatal not_submitted(const Message& message, const amqp::Refusal& why,
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

  const config::Settings& settings_;
  BrokerTraits traits_;
};

}  // namespace

std::unique_ptr<Broker> make_amqp_broker(const config::Settings& settings) {
  return std::make_unique<AmqpBroker>(settings);
}

}  // namespace rbit
