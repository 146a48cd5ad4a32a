#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/lifetime.h"
#include "rbit/base/task.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/outcome.h"
#include "rbit/core/status.h"
#include "rbit/monitor/health.h"
#include "rbit/monitor/http_server.h"
#include "rbit/monitor/metrics.h"
#include "rbit/monitor/monitor_source.h"
#include "rbit/monitor/page_service.h"

namespace rbit {

struct MonitorOptions {
  HttpServerSettings server;  // `listen` empty: nothing is served
  HealthSettings health;
  std::string metrics_path = "/metrics";      // empty: not served
  std::string name_space = "rbit";            // metrics-namespace
  std::map<std::string, std::string> labels;  // label.NAME
  DeclaredMetrics declared;                   // what jobs may change
  std::vector<std::string> queues;            // that are read
};

/// What goes on here, for people and machines: /live, /ready, /healthcheck, /metrics, a page at /
/// and a plain one at /plain. Told of events by the app; asks `source` for the rest when somebody
/// asks it. On the loop's thread.
class Monitor : public JobObserver {
 public:
  /// Throws Fatal (78) if it cannot listen. `clock` must outlive it, `source` must answer until
  /// then.
  Monitor(const asio::any_io_executor& loop, Clock& clock, MonitorOptions options,
          MonitorSource source);

  void received(const Message&) override {
    metrics_.received();
    page_.changed();
  }
  void refused(const Message&, const Error& why) override {
    metrics_.refused(why.thing);
    page_.changed();
  }
  void joined(const Message& message) override { metrics_.joined(message.queue); }
  void progress(const Job&, const Progress&) override { page_.changed(); }
  void status(const Report& report) override;
  void metric(const Job& job, const MetricChange& change) override { metrics_.change(job, change); }
  void finished(const Job&, const Outcome& outcome, std::optional<Status> verdict) override;
  void connected();
  void connection_failed();  // a try to connect, or the connection

  /// The reply to a request, as the server gives it.
  Task<HttpReply> reply(MonitorRequest request);
  /// The port of the server; 0 if there is none.
  int port() const { return server_ ? server_->port() : 0; }

 private:
  HttpReply healthcheck();
  Task<HttpReply> metrics();

  Clock& clock_;
  MonitorSource source_;
  Health health_;
  std::string metrics_path_;
  Metrics metrics_;
  Lifetime lifetime_;
  PageService page_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace rbit
