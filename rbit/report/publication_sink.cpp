#include "rbit/report/publication_sink.h"

#include <utility>

namespace rbit {

ReportTarget PublicationSink::as_target() {
  ReportTarget made = ReportSink::as_target();
  made.wants = [](const Report&) { return false; };
  return made;
}

Task<SinkAnswer> PublicationSink::send(const Report& report) {
  amqp::Outgoing message;
  static_cast<MessageProperties&>(message) = report.carried;
  message.exchange = report.carried.exchange;
  message.routing_key = report.carried.routing_key;
  message.body = report.carried.body;
  const auto published = co_await publisher_.publish(std::move(message));
  if (!published) co_return SinkAnswer::retry(published.error().text());
  co_return SinkAnswer{};
}

}  // namespace rbit
