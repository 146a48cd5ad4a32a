#include "rbit/monitor/monitor.h"

#include <utility>

#include "rbit/monitor/page.h"
#include "rbit/monitor/ready.h"

namespace rbit {

Monitor::Monitor(const asio::any_io_executor& loop, Clock& clock, MonitorOptions options,
                 MonitorSource source)
    : clock_(clock),
      source_(std::move(source)),
      health_(clock, options.health),
      metrics_path_(std::move(options.metrics_path)),
      metrics_(std::move(options.name_space), std::move(options.labels),
               std::move(options.declared), options.queues),
      page_(loop, source_.page) {
  if (options.server.listen.empty()) return;
  server_ = std::make_unique<HttpServer>(
      loop, std::move(options.server),
      [this](MonitorRequest request) { return reply(std::move(request)); });
  page_.serve_by(*server_);
}

void Monitor::finished(const Job& job, const Outcome& outcome, std::optional<Status> verdict) {
  metrics_.processed(job, outcome, verdict);
  page_.changed();
  if (verdict == Status::done)  // of others nothing leaves
    for (const MetricChange& change : outcome.given.metrics) metrics_.change(job, change);
  // By verdict: a blocked or interrupted attempt may still become either.
  if (verdict == Status::done) health_.finished(true);
  if (verdict == Status::failed) health_.finished(false);
}

void Monitor::status(const Report& report) {
  page_.changed();
  if (report.status == Status::failed && report.reason == "lost-by-broker")
    metrics_.lost(report.queue);
}

void Monitor::connected() {
  metrics_.connected();
  health_.connected();
  page_.changed();
}

void Monitor::connection_failed() {
  metrics_.connection_failed();
  health_.connection_failed();
  page_.changed();
}

HttpReply Monitor::healthcheck() {
  const MonitorNumbers now = source_.numbers();
  std::vector<std::pair<std::string, bool>> modules{{"outbox", now.outbox_well}};
  if (!now.runners_well) modules.emplace_back("runners", false);
  if (!now.unread.empty()) modules.emplace_back("queues", false);
  const auto answer = health_.answer(modules, now.unread);
  return {answer.code, "text/plain; charset=utf-8", answer.body};
}

Task<HttpReply> Monitor::metrics() {
  const Lifetime::Watch alive = lifetime_.watch();
  co_await source_.count_queues();
  HttpReply reply{503, "text/plain; charset=utf-8", "rbit ends\n"};
  if (alive.is_over()) co_return reply;
  reply = {200, "text/plain; version=0.0.4; charset=utf-8",
           metrics_.text(source_.numbers(), to_micros(clock_.wall()))};
  co_return reply;
}

Task<HttpReply> Monitor::reply(MonitorRequest request) {
  std::optional<HttpReply> of_page = co_await page_.reply(request);
  if (of_page) co_return std::move(*of_page);
  const std::string& path = request.path;
  HttpReply reply{404, "text/plain; charset=utf-8",
                  "nothing here; see /, /plain, /live, /ready, /healthcheck" +
                      (metrics_path_.empty() ? "" : ", " + metrics_path_) + "\n"};
  if (!request.visitor.may_read) {
    reply = {401, "text/plain; charset=utf-8", "a bearer token is needed\n"};
    reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    co_return reply;
  }
  if (request.is_post) {
    reply = {405, "text/plain; charset=utf-8", "only GET\n"};
    reply.headers.emplace_back("Allow", "GET, HEAD");
    co_return reply;
  }
  if (path == "/live") reply = {200, "application/json", "{\"status\": \"ok\"}"};  // the loop turns
  if (path == "/ready") reply = ready_answer(source_.numbers());
  if (path == "/healthcheck") reply = healthcheck();
  if (!metrics_path_.empty() && path == metrics_path_) co_return co_await metrics();
  if (path == "/" || path == "/plain")
    reply = {200, "text/html; charset=utf-8",
             page(source_.numbers(), source_.details(), to_micros(clock_.wall()), metrics_path_)};
  if (path == "/style.css") reply = {200, "text/css; charset=utf-8", std::string(page_style())};
  co_return reply;
}

}  // namespace rbit
