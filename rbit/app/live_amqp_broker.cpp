#include "rbit/app/live_amqp_broker.h"

#include <algorithm>
#include <utility>

#include "rbit/app/amqp_wiring.h"
#include "rbit/intake/queue_names.h"
#include "rbit/report/amqp_sink.h"
#include "rbit/report/publication_sink.h"

namespace rbit {

namespace {

/// Then who publishes hears that the broker is away.
constexpr milliseconds publish_patience{10'000};

AmqpTransportSettings transport_settings(const config::Settings& settings) {
  AmqpTransportSettings made;
  made.connection = connection_settings(settings, "intake");
  for (const auto& mapping : settings.queues)
    made.queues.push_back({mapping.queue, mapping.dotted_route});
  made.declare = settings.declare == config::Declare::yes       ? Topology::Declare::yes
                 : settings.declare == config::Declare::passive ? Topology::Declare::passive
                                                                : Topology::Declare::no;
  made.quorum = settings.quorum;
  made.exchange = settings.exchange;
  if (settings.poll_time) made.poll_time = *settings.poll_time;
  made.worker = settings.name;
  if (settings.command_queue) ++made.channels_for_others;
  return made;
}

CommandQueueSettings command_queue_settings(const config::Settings& settings) {
  CommandQueueSettings made;
  made.name = *settings.command_queue;
  made.exchange = settings.exchange;
  made.declare_exchange = settings.declare == config::Declare::yes;
  // Two heartbeats and a third: 70 s of the usual 30, as the broker needs to give a dead connection
  // up.
  const milliseconds heartbeat = settings.broker.heartbeat;
  made.ghost_limit = 2 * heartbeat + heartbeat / 3;
  made.locked_retry = std::min(made.locked_retry, heartbeat / 3);
  return made;
}

Task<std::optional<CopyLinks::QueueCount>> ask(amqp::PublishConnection& publisher,
                                               std::string queue) {
  const amqp::Answer answer = co_await publisher.count(queue);
  std::optional<CopyLinks::QueueCount> count;
  if (answer.ok())
    count = CopyLinks::QueueCount{true, answer.reply.messages, answer.reply.consumers};
  else if (answer.refusal->code == amqp::not_found)
    count = CopyLinks::QueueCount{};
  co_return count;
}

}  // namespace

LiveAmqpBroker::LiveAmqpBroker(const asio::any_io_executor& loop, Clock& clock,
                               const config::Settings& settings)
    : loop_(loop),
      settings_(settings),
      publisher_(make_publisher(loop, settings, "publish", publish_patience)),
      transport_(
          std::make_unique<AmqpTransport>(loop, clock, transport_settings(settings), *publisher_)),
      counter_(loop, clock, *publisher_),
      presence_(loop) {
  publisher_->hold_while_blocked();  // reports wait; copies are tried again by the job's flow
  transport_->on_connection([this](std::shared_ptr<amqp::Connection> connection) {
    presence_.connected(connection);
    if (command_queue_) command_queue_->connected(std::move(connection));
  });
}

void LiveAmqpBroker::listen(BrokerNews news) {
  transport_->on_state(std::move(news.connection));
  transport_->on_acknowledgement_timeout(std::move(news.acknowledgement_timeout));
  transport_->on_not_welcome(std::move(news.not_welcome));
  publisher_->on_hopeless(
      [tell = news.hopeless](const amqp::Refusal& why) { tell(why.error("broker")); });
  transport_->on_hopeless(std::move(news.hopeless));
  name_taken_ = std::move(news.name_taken);
}

std::unique_ptr<ReportSink> LiveAmqpBroker::status_sink() {
  return std::make_unique<AmqpSink>(*publisher_, settings_.status.queue,
                                    settings_.declare == config::Declare::yes);
}

std::unique_ptr<ReportSink> LiveAmqpBroker::publication_sink() {
  return std::make_unique<PublicationSink>(
      [this](amqp::Outgoing message) { return publisher_->send_patiently(std::move(message)); });
}

void LiveAmqpBroker::take_cancels(Cancel cancel) {
  if (!settings_.command_queue) return;
  command_queue_ =
      std::make_unique<CommandQueue>(loop_, command_queue_settings(settings_), std::move(cancel));
  command_queue_->on_taken([this](const Error& why) { name_taken_(why); });
}

void LiveAmqpBroker::opened() {
  if (command_queue_) command_queue_->open();  // not before a cancel can find its job
}

Task<void> LiveAmqpBroker::close_cancels() {
  if (command_queue_) co_await command_queue_->close();
}

std::optional<CopyLinks> LiveAmqpBroker::copy_links() {
  CopyLinks links;
  links.ask = [this](std::string queue) { return ask(*publisher_, std::move(queue)); };
  links.own_consumers = [this](const std::string& queue) { return transport_->consumers(queue); };
  links.delay_queue = [](const AwaitedCopy& copy) { return retry_queue(copy.queue, copy.delay); };
  links.presence_queue = Presence::queue;
  return links;
}

/// A command publishes by itself, also where no rbit runs.
Task<Result<std::string>> LiveAmqpBroker::submit(Message, std::chrono::milliseconds) {
  co_return Error{"the running rbit", "has no embedded queue", "publish to its broker"};
}

BrokerState LiveAmqpBroker::state() const {
  const std::string away = transport_->away();
  return {away.empty(), away,
          away.empty() ? "connected to the broker" : "the broker is away: " + away,
          publisher_->blocked()};
}

Task<void> LiveAmqpBroker::close() {
  co_await publisher_->close();
  co_await transport_->close();
}

}  // namespace rbit
