#include "rbit/report/publication_sink.h"

#include <cstddef>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr std::size_t most_refusing = 1000;  // of a flood of destinations not each is said once

/// `message` of a publication's row is where it goes, as `may-publish` has it.
const std::string& destination(const Report& report) {
  return report.message;
}

bool is_reply(const Report& report) {
  return report.reason == "reply";
}

/// Of the broker's refusals those that are this message's, or its destination's, alone.
bool is_its_own(int code) {
  return code == amqp::no_route || code == amqp::access_refused || code == amqp::not_found ||
         code == amqp::precondition_failed || code == amqp::nacked;
}

std::string cure_of(const Report& report, int code) {
  const Message& message = report.carried;
  const std::string exchange = "exchange " + text::one_line(message.exchange, 260);
  const std::string key = text::one_line(message.routing_key, 260);
  switch (code) {
    case amqp::no_route:
      return message.exchange.empty() ? "declare the queue " + key
                                      : "bind a queue to " + exchange + " for the key " + key;
    case amqp::not_found:
      return "declare the " + exchange;
    case amqp::access_refused:
      return "give rbit's user the right to write to " +
             (message.exchange.empty() ? std::string("the default exchange, amq.default")
                                       : exchange);
    case amqp::nacked:
      return "look whether the queue is full";
    default:
      return "";
  }
}

}  // namespace

ReportTarget PublicationSink::as_target() {
  ReportTarget made = ReportSink::as_target();
  made.wants = [](const Report&) { return false; };
  made.hears_again = false;
  return made;
}

std::string PublicationSink::row(const Report& report) const {
  return "message " + std::to_string(report.seq) + " of job " + report.name() + " to " +
         destination(report);
}

Task<SinkAnswer> PublicationSink::send(const Report& report) {
  amqp::Outgoing message;
  static_cast<MessageProperties&>(message) = report.carried;
  message.exchange = report.carried.exchange;
  message.routing_key = report.carried.routing_key;
  message.body = report.carried.body;
  const amqp::Answer answer = co_await publish_(std::move(message));
  if (!answer.ok()) co_return refused(report, *answer.refusal);
  taken(report);
  co_return SinkAnswer{};
}

SinkAnswer PublicationSink::refused(const Report& report, const amqp::Refusal& why) {
  const std::string reason = text::one_line(why.text, 300);
  if (why.code == amqp::unsendable) {
    log::error("job " + report.name() + ": its message to " + destination(report) +
                   " can never be sent, and is dropped: " + reason,
               facts_of(report));
    SinkAnswer answer = SinkAnswer::dropped(reason);
    answer.is_said = true;
    return answer;
  }
  if (!is_its_own(why.code)) return SinkAnswer::retry(why.error("the broker").text());
  if (is_reply(report) && why.code == amqp::no_route) {
    log::info("job " + report.name() + ": nobody waits for its answer at " + destination(report) +
                  " any more",
              facts_of(report));
    SinkAnswer answer = SinkAnswer::dropped("nobody waits for it any more");
    answer.is_said = true;
    return answer;
  }
  const bool is_new =
      refusing_.size() < most_refusing && refusing_.insert(destination(report)).second;
  if (is_new) {
    const Error error("job " + report.name() + ": its message to " + destination(report) +
                          " waits, and so do all to there",
                      reason, cure_of(report, why.code));
    log::error(error.text(), facts_of(report));
  }
  return SinkAnswer::later(reason);
}

void PublicationSink::taken(const Report& report) {
  if (refusing_.erase(destination(report)) > 0)
    log::info("messages to " + destination(report) + " are taken again");
}

}  // namespace rbit
