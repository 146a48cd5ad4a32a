#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "rbit/core/report_sink.h"
#include "rbit/report/http_client.h"

namespace rbit {

/// Where each status is posted to, as `[status] webhook-*` says it.
struct WebhookSettings {
  std::string url;         // http(s)://HOST[:PORT][/PATH]; what follows the host may be a secret
  std::string secret;      // of the signature; empty: it is not signed
  bool with_body = false;  // the body of the job's message goes along
  std::chrono::milliseconds connect_limit{5'000}, limit{30'000};
};

/// scheme://HOST:PORT of a URL: all of it that may be shown.
std::string origin_of(std::string_view url);

/// The value of X-Rbit-Signature: "sha256=" and the HMAC of `body`, hexadecimal.
std::string webhook_signature(std::string_view secret, std::string_view body);

/// Reports as one JSON object each, by POST to one URL (rbit/doc/formats.rst, webhook). It goes
/// nowhere else: no redirect is followed.
class WebhookSink : public ReportSink {
 public:
  WebhookSink(const asio::any_io_executor& loop, WebhookSettings settings);

  std::string_view target() const override { return "webhook"; }
  ReportTarget as_target() override;
  Task<SinkAnswer> send(const Report& report) override;

 private:
  HttpRequest request_for(const Report& report) const;
  SinkAnswer judge(const HttpAnswer& answer);

  HttpClient http_;
  const WebhookSettings settings_;
  const std::string origin_;
  /// It said that it is gone (410): nothing is sent before the next start. The journal asks too.
  std::shared_ptr<bool> is_gone_ = std::make_shared<bool>(false);
};

}  // namespace rbit
