#pragma once

#include <functional>
#include <set>
#include <string>

#include "rbit/amqp/protocol.h"
#include "rbit/core/report_sink.h"

namespace rbit {

/// Sends what jobs publish, which rows of the target `publication_target` carry: with `mandatory`
/// and a publisher confirm. It declares nothing. A destination that does not take them is these
/// rows' affair: they are tried again for ever, with growing pauses, and the others go on. Only
/// what is too large to be ever sent is dropped, and an answer for whom nobody waits any more.
class PublicationSink : public ReportSink {
 public:
  using Publish = std::function<Task<amqp::Answer>(amqp::Outgoing)>;
  explicit PublicationSink(Publish publish) : publish_(std::move(publish)) {}

  std::string_view target() const override { return publication_target; }
  /// Its rows come from the jobs alone: it hears no status.
  ReportTarget as_target() override;
  Task<SinkAnswer> send(const Report& report) override;
  bool is_patient() const override { return true; }
  std::string rows() const override { return "messages of jobs"; }
  std::string row(const Report& report) const override;

 private:
  SinkAnswer refused(const Report& report, const amqp::Refusal& why);
  void taken(const Report& report);

  Publish publish_;
  std::set<std::string> refusing_;  // destinations of which the log knows that they do not take
};

}  // namespace rbit
