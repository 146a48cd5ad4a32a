#include "rbit/report/pybit_sink.h"

#include <utility>

#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

PybitSink::PybitSink(const asio::any_io_executor& loop, PybitSettings settings)
    : http_(loop), address_(std::move(settings)) {}

ReportTarget PybitSink::as_target() {
  ReportTarget target = ReportSink::as_target();
  target.wants = [](const Report& report) { return !report.job_id.empty(); };
  return target;
}

Task<SinkAnswer> PybitSink::send(const Report& report) {
  const auto number = PybitAddress::number_of(report.job_id);
  if (!number) co_return SinkAnswer::dropped(number.error().text());
  if (!*number) {
    log::debug("job " + report.job_id + " is rbit's own, PyBit is not told of it",
               facts_of(report));
    co_return SinkAnswer{};
  }
  const auto base = address_.base_of(report.web_host);
  if (!base) co_return SinkAnswer::dropped(base.error().text());

  const PybitSettings& settings = address_.settings();
  const auto renamed = settings.names.find(report.status);
  const std::string status =
      renamed == settings.names.end() ? std::string(to_string(report.status)) : renamed->second;
  const std::string& job = **number;
  HttpRequest put = address_.request("PUT", *base + "/job/" + job);
  put.body = "status=" + HttpClient::escape(status);
  // With Building only: it ties the job to us, so that a cancel finds its way here.
  if (settings.client && report.status == Status::building)
    put.body += "&client=" + HttpClient::escape(*settings.client);
  address_.authorise(put, *base);
  const auto answer = co_await http_.send(std::move(put));
  if (!answer) co_return SinkAnswer::retry(answer.error().text());
  const SinkAnswer judged = co_await judge(*answer, *base, job);
  co_return judged;
}

/// What an answer means (rbit/doc/formats.rst, status-calls).
Task<SinkAnswer> PybitSink::judge(const HttpAnswer& answer, const std::string& base,
                                  const std::string& job_id) {
  const long status = answer.status;
  std::string said = base + " answered " + std::to_string(status);
  if (status >= 200 && status < 300) co_return SinkAnswer{};
  if (status == 401 || status == 403 || status == 407)
    co_return SinkAnswer::paused(
        said + (address_.has_password_for(base) ? "; check [status] username and password"
                : address_.settings().username.empty()
                    ? "; set [status] username and password"
                    : "; a password goes over plain http to this machine only, use https"));
  if (status >= 300 && status < 400)
    co_return SinkAnswer::dropped(said + ", a redirect to '" +
                                  text::one_line(answer.location, 100) +
                                  "', which is not followed; check [status] url");
  if (status == 500) {
    // Its 404 cannot be reached: an unknown job is a 500, as is a status it does not know.
    HttpRequest get = address_.request("GET", base + "/job/" + job_id + "/status");
    const auto known = co_await http_.send(std::move(get));
    if (known && known->status == 404)
      co_return SinkAnswer::dropped("the front-end knows no job " + job_id);
  }
  if (status == 408 || status == 425 || status == 429 || status >= 500 || status < 200)
    co_return SinkAnswer::retry(std::move(said), answer.retry_after);
  co_return SinkAnswer::dropped(std::move(said));
}

}  // namespace rbit
