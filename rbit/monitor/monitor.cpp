#include "rbit/monitor/monitor.h"

#include <utility>

#include "rbit/monitor/page.h"

namespace rbit {

Monitor::Monitor(const asio::any_io_executor& loop, Clock& clock, MonitorOptions options,
                 MonitorSource source)
    : clock_(clock),
      source_(std::move(source)),
      health_(clock, options.health),
      metrics_path_(std::move(options.metrics_path)),
      metrics_(std::move(options.name_space), std::move(options.labels),
               std::move(options.declared)) {
  if (options.server.listen.empty()) return;
  server_ = std::make_unique<HttpServer>(loop, std::move(options.server),
                                         [this](const std::string& path) { return reply(path); });
}

void Monitor::finished(const Job& job, const Outcome& outcome, std::optional<Status> verdict) {
  metrics_.processed(outcome);
  if (verdict == Status::done)  // of others nothing leaves
    for (const MetricChange& change : outcome.given.metrics) metrics_.change(job, change);
  // By verdict: a blocked or interrupted attempt may still become either.
  if (verdict == Status::done) health_.finished(true);
  if (verdict == Status::failed) health_.finished(false);
}

void Monitor::connection_failed() {
  metrics_.connection_failed();
  health_.connection_failed();
}

HttpReply Monitor::reply(const std::string& path) {
  if (path == "/healthcheck") {
    const MonitorNumbers numbers = source_.numbers();
    std::vector<std::pair<std::string, bool>> modules{{"outbox", numbers.outbox_well}};
    if (!numbers.runners_well) modules.emplace_back("runners", false);
    if (!numbers.unread.empty()) modules.emplace_back("queues", false);
    const auto answer = health_.answer(modules, numbers.unread);
    return {answer.code, "text/plain; charset=utf-8", answer.body};
  }
  const auto now = to_micros(clock_.wall());
  if (!metrics_path_.empty() && path == metrics_path_)
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text(source_.numbers(), now)};
  if (path == "/")
    return {200, "text/html; charset=utf-8",
            page(source_.numbers(), source_.details(), now, metrics_path_)};
  if (path == "/style.css") return {200, "text/css; charset=utf-8", std::string(page_style())};
  return {404, "text/plain; charset=utf-8",
          "nothing here; see /, /healthcheck" +
              (metrics_path_.empty() ? "" : ", " + metrics_path_) + "\n"};
}

}  // namespace rbit
