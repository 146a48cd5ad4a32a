#pragma once

#include <string>

#include "rbit/core/report_sink.h"
#include "rbit/report/http_client.h"
#include "rbit/report/pybit_address.h"

namespace rbit {

/// Reports to a PyBit front-end over HTTP (rbit/doc/formats.rst, status-calls). The password goes
/// to the configured hosts alone, and over plain http only to this machine.
class PybitSink : public ReportSink {
 public:
  PybitSink(const asio::any_io_executor& loop, PybitSettings settings);

  std::string_view target() const override { return "pybit"; }
  /// It knows jobs by its own numbers alone.
  ReportTarget as_target() override;
  Task<SinkAnswer> send(const Report& report) override;

 private:
  Task<SinkAnswer> judge(const HttpAnswer& answer, const std::string& base,
                         const std::string& job_id);

  HttpClient http_;
  PybitAddress address_;
};

}  // namespace rbit
