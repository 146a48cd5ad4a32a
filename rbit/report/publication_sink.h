#pragma once

#include "rbit/amqp/publisher.h"
#include "rbit/core/report_sink.h"

namespace rbit {

/// Sends what jobs publish, which rows of the target `publication_target` carry.
class PublicationSink : public ReportSink {
 public:
  /// `publisher` must outlive this.
  explicit PublicationSink(amqp::Publisher& publisher) : publisher_(publisher) {}

  std::string_view target() const override { return publication_target; }
  /// Its rows come from the jobs alone: it hears no status.
  ReportTarget as_target() override;
  Task<SinkAnswer> send(const Report& report) override;

 private:
  amqp::Publisher& publisher_;
};

}  // namespace rbit
