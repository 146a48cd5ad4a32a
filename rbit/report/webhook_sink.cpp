#include "rbit/report/webhook_sink.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/base64.h"
#include "rbit/base/clock.h"
#include "rbit/base/json.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/base/time_text.h"
#include "rbit/log/log.h"
#include "rbit/report/report_text.h"

namespace rbit {

namespace {

using nlohmann::ordered_json;

/// RFC 3339, in UTC, with microseconds. 0 is not known: null.
ordered_json time_of(std::int64_t micros) {
  if (micros <= 0) return nullptr;
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%06dZ", static_cast<int>(micros % 1'000'000));
  return time_text(to_seconds(from_micros(micros)), "%Y-%m-%dT%H:%M:%S", Zone::utc) + fraction;
}

/// As the status queue has it; a number that is none is a text here.
ordered_json name_of(const Report& report) {
  const std::string name = json_name_of(report.job_id, report.job_key);
  return name.empty() ? ordered_json(report.name()) : ordered_json::parse(name);
}

/// What the job gave, once it is over; the journal knows the last one only.
ordered_json result_of(const Report& report) {
  if (!is_final(report.status) || report.result.empty()) return nullptr;
  const auto result = json::parse(json::redacted(report.result));
  return result ? ordered_json(*result) : nullptr;
}

ordered_json artifacts_of(const Report& report) {
  auto list = ordered_json::array();
  if (is_final(report.status))
    for (const Artifact& one : report.artifacts)
      list.push_back({{"path", one.path}, {"kind", one.kind}});
  return list;
}

/// By the names that the status queue has them under (rbit/doc/formats.rst, status-queue).
ordered_json resources_of(const Report& report) {
  if (report.wall_micros <= 0) return nullptr;
  return {{"wall_us", report.wall_micros},
          {"cpu_us", report.cpu_micros},
          {"memory_kib", report.peak_memory_kib},
          {"output_bytes", report.output_bytes},
          {"exit", report.exit}};
}

std::string body_of(const Report& report, bool with_message) {
  ordered_json body{{"job", name_of(report)},
                    {"key", report.job_key},
                    {"queue", report.queue},
                    {"runner", report.runner},
                    {"attempt", report.attempt},
                    {"seq", report.seq},
                    {"status", to_string(report.status)},
                    {"reason", secrets::redacted(report.reason)},
                    {"message", secrets::redacted(report.message)},
                    {"result", result_of(report)},
                    {"artifacts", artifacts_of(report)},
                    {"times",
                     {{"begun", time_of(report.begun)},
                      {"ended", time_of(report.ended)},
                      {"time", time_of(report.time)}}},
                    {"resources", resources_of(report)}};
  if (with_message && !report.request.empty()) {  // else the row carries none
    const std::string& bytes = report.carried.body;
    if (text::is_utf8(bytes))
      body["body"] = bytes;
    else
      body["body_base64"] = base64::encoded(bytes);
  }
  return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// A key may be any printable text, and a header is ASCII without blanks: the rest as %XX.
std::string delivery_of(const Report& report) {
  return text::percent_encoded(message_id(report), "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~");
}

}  // namespace

std::string origin_of(std::string_view url) {
  const auto scheme = url.find("://");
  const auto host = scheme == std::string_view::npos ? 0 : scheme + 3;
  std::string_view origin = url.substr(0, url.find_first_of("/?#", host));
  const auto at = origin.rfind('@');
  return std::string(origin.substr(0, host)) +
         std::string(origin.substr(at == std::string_view::npos ? host : at + 1));
}

std::string webhook_signature(std::string_view secret, std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &size);
  return "sha256=" + text::hex({reinterpret_cast<const char*>(digest.data()), size});
}

WebhookSink::WebhookSink(const asio::any_io_executor& loop, WebhookSettings settings)
    : http_(loop), settings_(std::move(settings)), origin_(origin_of(settings_.url)) {}

ReportTarget WebhookSink::as_target() {
  ReportTarget made = ReportSink::as_target();
  made.wants = [is_gone = is_gone_](const Report&) { return !*is_gone; };
  made.carries_message = settings_.with_body;
  return made;
}

HttpRequest WebhookSink::request_for(const Report& report) const {
  HttpRequest post;
  post.method = "POST";
  post.url = settings_.url;
  post.shown_as = origin_;
  post.body = body_of(report, settings_.with_body);
  post.headers = {"Content-Type: application/json",
                  "X-Rbit-Event: " + text::lower(to_string(report.status)),
                  "X-Rbit-Delivery: " + delivery_of(report)};
  if (!settings_.secret.empty())
    post.headers.push_back("X-Rbit-Signature: " + webhook_signature(settings_.secret, post.body));
  post.connect_limit = settings_.connect_limit;
  post.limit = settings_.limit;
  return post;
}

Task<SinkAnswer> WebhookSink::send(const Report& report) {
  if (*is_gone_) {
    SinkAnswer forgotten = SinkAnswer::dropped(origin_ + " is gone (410)");
    forgotten.is_said = true;
    co_return forgotten;
  }
  HttpRequest post = request_for(report);
  const Result<HttpAnswer> answer = co_await http_.send(std::move(post));
  if (!answer) co_return SinkAnswer::retry(answer.error().text());
  co_return judge(*answer);
}

/// What an answer means (rbit/doc/formats.rst, webhook).
SinkAnswer WebhookSink::judge(const HttpAnswer& answer) {
  const long status = answer.status;
  std::string said = origin_ + " answered " + std::to_string(status);
  if (status >= 200 && status < 300) return {};
  if (status == 410) {
    if (!std::exchange(*is_gone_, true))
      log::warning("reports to webhook end here: " + said +
                   ", it is gone; what waits for it is dropped, and nothing more is sent before "
                   "the next start (correct [status] webhook-url, or take webhook out of report)");
    SinkAnswer forgotten = SinkAnswer::dropped(std::move(said));
    forgotten.is_said = true;
    return forgotten;
  }
  if (status == 401 || status == 403 || status == 407)
    return SinkAnswer::paused(said + "; check [status] webhook-url and webhook-secret-file");
  if (status >= 300 && status < 400)
    return SinkAnswer::dropped(
        said + ", a redirect to " + text::one_line(origin_of(answer.location), 100) +
        ", which is not followed; write where it leads into [status] webhook-url");
  if (status == 408 || status == 425 || status == 429 || status >= 500 || status < 200)
    return SinkAnswer::retry(std::move(said), answer.retry_after);
  return SinkAnswer::dropped(std::move(said));
}

}  // namespace rbit
