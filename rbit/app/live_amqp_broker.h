#pragma once

#include <memory>
#include <string>

#include "rbit/amqp/publish_connection.h"
#include "rbit/base/clock.h"
#include "rbit/config/settings.h"
#include "rbit/core/live_broker.h"
#include "rbit/intake/amqp_transport.h"
#include "rbit/intake/command_queue.h"
#include "rbit/intake/presence.h"
#include "rbit/intake/queue_counter.h"

namespace rbit {

/// RabbitMQ as the rbit that runs has it: a connection that reads, with the command queue and the
/// consumer that shows us to other rbits, and one that publishes reports and copies.
class LiveAmqpBroker : public LiveBroker {
 public:
  /// Settings and clock outlive this.
  LiveAmqpBroker(const asio::any_io_executor& loop, Clock& clock, const config::Settings& settings);

  void listen(BrokerNews news) override;
  Transport& transport() override { return *transport_; }
  std::unique_ptr<ReportSink> status_sink() override;
  Enqueue enqueue() override { return nullptr; }
  std::unique_ptr<ReportSink> publication_sink() override;
  std::string mistake_of(const Destination&) const override { return ""; }
  void take_cancels(Cancel cancel) override;
  void opened() override;
  Task<void> close_cancels() override;
  std::optional<CopyLinks> copy_links() override;
  Task<Result<std::string>> submit(Message message, std::chrono::milliseconds delay) override;
  bool has(const std::string&) const override { return false; }
  std::unique_ptr<DeadLetters> dead_letters() override { return nullptr; }
  BrokerState state() const override;
  std::string name() const override { return transport_->broker(); }
  std::map<std::string, std::string> unread_queues(milliseconds grace) const override {
    return transport_->troubles(grace);
  }
  Task<QueueCounts> count_queues(std::chrono::milliseconds patience) override {
    return counter_.counts(settings_.queue_names(), patience);
  }
  Task<void> close() override;

 private:
  asio::any_io_executor loop_;
  const config::Settings& settings_;
  std::unique_ptr<amqp::PublishConnection> publisher_;
  std::unique_ptr<AmqpTransport> transport_;
  QueueCounter counter_;
  Presence presence_;
  std::unique_ptr<CommandQueue> command_queue_;  // none: no front-end can cancel here
  std::function<void(const Error&)> name_taken_;
};

}  // namespace rbit
