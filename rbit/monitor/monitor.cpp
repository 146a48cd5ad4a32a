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
               std::move(options.declared), options.queues) {
  if (options.server.listen.empty()) return;
  server_ = std::make_unique<HttpServer>(
      loop, std::move(options.server), [this](std::string path) { return reply(std::move(path)); });
}

void Monitor::finished(const Job& job, const Outcome& outcome, std::optional<Status> verdict) {
  metrics_.processed(job, outcome, verdict);
  if (verdict == Status::done)  // of others nothing leaves
    for (const MetricChange& change : outcome.given.metrics) metrics_.change(job, change);
  // By verdict: a blocked or interrupted attempt may still become either.
  if (verdict == Status::done) health_.finished(true);
  if (verdict == Status::failed) health_.finished(false);
}

void Monitor::status(const Report& report) {
  if (report.status == Status::failed && report.reason == "lost-by-broker")
    metrics_.lost(report.queue);
}

void Monitor::connected() {
  metrics_.connected();
  health_.connected();
}

void Monitor::connection_failed() {
  metrics_.connection_failed();
  health_.connection_failed();
}

HttpReply Monitor::healthcheck() {
  const MonitorNumbers now = source_.numbers();
  std::vector<std::pair<std::string, bool>> modules{{"outbox", now.outbox_well}};
  if (!now.runners_well) modules.emplace_back("runners", false);
  if (!now.unread.empty()) modules.emplace_back("queues", false);
  const auto answer = health_.answer(modules, now.unread);
  return {answer.code, "text/plain; charset=utf-8", answer.body};
}

Task<HttpReply> Monitor::reply(std::string path) {
  if (path == "/live") {  // only a loop that turns gives it
    HttpReply alive{200, "application/json", "{\"status\": \"ok\"}"};
    co_return alive;
  }
  if (path == "/ready") co_return ready_answer(source_.numbers());
  if (path == "/healthcheck") co_return healthcheck();
  if (!metrics_path_.empty() && path == metrics_path_) {
    const Lifetime::Watch alive = lifetime_.watch();
    co_await source_.count_queues();
    HttpReply reply{503, "text/plain; charset=utf-8", "rbit ends\n"};
    if (alive.is_over()) co_return reply;
    reply = {200, "text/plain; version=0.0.4; charset=utf-8",
             metrics_.text(source_.numbers(), to_micros(clock_.wall()))};
    co_return reply;
  }
  HttpReply reply{404, "text/plain; charset=utf-8",
                  "nothing here; see /, /live, /ready, /healthcheck" +
                      (metrics_path_.empty() ? "" : ", " + metrics_path_) + "\n"};
  if (path == "/")
    reply = {200, "text/html; charset=utf-8",
             page(source_.numbers(), source_.details(), to_micros(clock_.wall()), metrics_path_)};
  if (path == "/style.css") reply = {200, "text/css; charset=utf-8", std::string(page_style())};
  co_return reply;
}

}  // namespace rbit
