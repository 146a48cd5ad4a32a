#pragma once

#include "rbit/core/report_sink.h"

namespace rbit {

/// Reports as lines of rbit's own log, in the texts that old scripts grep for
/// (rbit/doc/formats.rst, log-lines).
class LogSink : public ReportSink {
 public:
  std::string_view target() const override { return "log"; }
  Task<SinkAnswer> send(const Report& report) override;
};

}  // namespace rbit
