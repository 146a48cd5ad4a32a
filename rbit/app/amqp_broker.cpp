#include <utility>

#include "rbit/app/amqp_checks.h"
#include "rbit/app/amqp_dead.h"
#include "rbit/app/amqp_submit.h"
#include "rbit/app/amqp_wiring.h"
#include "rbit/app/brokers.h"
#include "rbit/app/live_amqp_broker.h"
#include "rbit/intake/queue_names.h"

namespace rbit {

namespace {

class AmqpBroker : public Broker {
 public:
  explicit AmqpBroker(const config::Settings& settings) : settings_(settings) {
    traits_.patience = std::chrono::minutes(30);  // RabbitMQ's consumer_timeout
    traits_.is_shared = true;
    traits_.answers_by_reply = true;
    traits_.descriptors = 8;  // two connections, and the threads that read them
  }

  const BrokerTraits& traits() const override { return traits_; }
  std::string retry_place(const std::string& queue,
                          std::chrono::milliseconds delay) const override {
    return retry_queue(queue, delay);
  }

  void submit(MessageSource& messages, std::chrono::milliseconds delay,
              std::size_t& safe) const override {
    submit_to_broker(settings_, messages, delay, safe);
  }
  JobAnswer ask(Message message, std::chrono::milliseconds delay,
                std::optional<std::chrono::milliseconds> patience) const override {
    return ask_broker(settings_, std::move(message), delay, patience);
  }

  void do_with_the_dead(DeadOrder order, const TellDead& tell) const override {
    do_with_the_dead_at_broker(settings_, std::move(order), tell);
  }

  QueueCounts counts_in(Database&) const override { return {}; }
  std::int64_t next_due_in(Database&, const std::string&) const override { return 0; }
  void queued_in(Database&, const std::string&, const TellQueued&) const override {}
  /// "amqp://one:5672,two:5672/builds"
  std::string address() const override {
    std::string hosts;
    for (const amqp::Endpoint& host : connection_settings(settings_, "").endpoints)
      hosts += (hosts.empty() ? "" : ",") + host.text();
    const std::string& virtual_host = settings_.broker.virtual_host;
    return (settings_.broker.tls ? "amqps://" : "amqp://") + hosts +
           (virtual_host == "/" ? "" : "/" + virtual_host);
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
  const config::Settings& settings_;
  BrokerTraits traits_;
};

}  // namespace

std::unique_ptr<Broker> make_amqp_broker(const config::Settings& settings) {
  return std::make_unique<AmqpBroker>(settings);
}

}  // namespace rbit
