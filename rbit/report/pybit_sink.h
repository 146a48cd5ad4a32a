#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/core/report_sink.h"
#include "rbit/report/http_client.h"

namespace rbit {

/// Where a PyBit front-end is and how it wants to be spoken to.
struct PybitSettings {
  std::string url;                       // http(s)://HOST[:PORT][/PATH]; empty: as the message says
  std::vector<std::string> allow_hosts;  // host:port a message may name; without `url` only
  std::string username, password;        // Basic; empty: none
  std::map<Status, std::string> names;   // where the front-end calls a status otherwise
  std::optional<std::string> client;     // our command queue, sent with Building
  std::chrono::milliseconds connect_limit{5'000}, limit{30'000};
};

/// Reports to a PyBit front-end over HTTP (INTEROP.md 5). The password goes to the configured hosts
/// alone, and over plain http only to this machine (RELIABILITY.md 7, rule 4).
class PybitSink : public ReportSink {
 public:
  PybitSink(const asio::any_io_executor& loop, PybitSettings settings);

  std::string_view target() const override { return "pybit"; }
  Task<SinkAnswer> send(const Report& report) override;

 private:
  Result<std::string> base_of(const Report& report) const;
  HttpRequest request(std::string method, std::string url) const;
  Task<SinkAnswer> judge(const HttpAnswer& answer, const std::string& base,
                         const std::string& job_id);

  HttpClient http_;
  PybitSettings settings_;
  std::set<std::string> allowed_;
};

}  // namespace rbit
