#pragma once

#include <string>

#include "rbit/amqp/publisher.h"
#include "rbit/core/report_sink.h"

namespace rbit {

/// Reports as messages on coyote's status queue (rbit/doc/formats.rst, status-queue).
class AmqpSink : public ReportSink {
 public:
  /// Declares `queue` before the first report of a connection if `declare` is set. `publisher` must
  /// outlive the sink.
  AmqpSink(amqp::Publisher& publisher, std::string queue, bool declare = true);

  std::string_view target() const override { return "amqp"; }
  Task<SinkAnswer> send(const Report& report) override;

 private:
  amqp::Publisher& publisher_;
  std::string queue_;
  bool declare_;
};

}  // namespace rbit
