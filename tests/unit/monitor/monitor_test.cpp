#include "rbit/monitor/monitor.h"

#include <doctest/doctest.h>

#include <iterator>

#include "rbit/base/notice.h"
#include "tests/support/text.h"
#include "tests/unit/monitor/watched.h"

using namespace rbit;
using namespace std::chrono_literals;
using test::body_of;
using test::has;
using test::Watched;

TEST_CASE("health fails while queues wait for a broken runner") {
  Watched rbit;
  rbit.numbers.runners_well = false;
  const auto answer = rbit.get("/healthcheck");
  CHECK(answer.starts_with("HTTP/1.1 500 "));
  CHECK(has(body_of(answer), R"({"outbox": "ok", "runners": "fail", )"));
  rbit.numbers.runners_well = true;
  CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("health over HTTP") {
  Watched rbit;
  auto answer = rbit.get("/healthcheck");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(answer, "Content-Type: text/plain; charset=utf-8\r\n"));
  CHECK(body_of(answer) ==
        R"({"outbox": "ok", "message": "No messages in last 60.0s", "status": "ok"})");
  Outcome crash;
  crash.kind = Outcome::Kind::crashed;
  rbit.monitor().finished(Job(), crash, Status::blocked);
  CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 200 "));
  rbit.monitor().finished(Job(), crash, Status::failed);
  CHECK(rbit.get("/healthcheck").starts_with("HTTP/1.1 500 "));
}

TEST_CASE("alive: whoever answers is; ready: with the reason if not") {
  Watched rbit;
  auto answer = rbit.get("/live");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(body_of(answer) == R"({"status": "ok"})");
  answer = rbit.get("/ready");
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(has(answer, "Content-Type: application/json\r\n"));
  CHECK(has(body_of(answer), R"("broker": "not connected")"));
  rbit.numbers.away = "mq:5672: Connection refused";
  CHECK(has(body_of(rbit.get("/ready")), R"("broker": "mq:5672: Connection refused")"));
  rbit.numbers.connected = true;
  CHECK(rbit.get("/ready?verbose").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a failed job makes nobody unready") {
  Watched rbit;
  rbit.numbers.connected = true;
  Outcome failed;
  failed.kind = Outcome::Kind::failed;
  rbit.monitor().finished(Job(), failed, Status::failed);
  CHECK(rbit.get("/ready").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a job that the broker lost is counted, and no other that failed") {
  Watched rbit;
  Report report;
  report.queue = "pdf";
  report.status = Status::failed;
  rbit.monitor().status(report);
  report.reason = "lost-by-broker";
  rbit.monitor().status(report);
  CHECK(has(rbit.get("/metrics"), "\nrbit_lost_by_broker_total{queue=\"pdf\"} 1.0\n"));
}

TEST_CASE("a scrape waits for the counts of the queues, and outlives the monitor") {
  Watched rbit;
  Notice counted(rbit.loop.get_executor());
  int asked = 0;
  rbit.count_queues = [&]() -> Task<void> {
    ++asked;
    co_await counted.wait();
  };
  const std::string scrape = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::list<test::Tcp::socket> held;
  auto& socket = rbit.open(held);
  asio::write(socket, asio::buffer(scrape));
  rbit.until([&] { return asked == 1; });
  rbit.numbers.running = 17;
  counted.notify();
  rbit.until([&] { return socket.available() > 0; });
  CHECK(has(rbit.received(socket), "\nrbit_jobs_running 17.0\n"));
  asio::write(socket, asio::buffer(scrape));
  rbit.until([&] { return asked == 2; });
  rbit.running.reset();
  counted.notify();
  rbit.loop.restart();
  rbit.loop.poll();
  CHECK(Watched::is_closed(socket));
}

TEST_CASE("metrics over HTTP") {
  Watched rbit;
  rbit.monitor().received(Message());
  const auto answer = rbit.get("/metrics?x=1");
  CHECK(has(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  CHECK(has(answer, "\nrbit_received_number_before_consume_messages_total 1.0\n"));
}

TEST_CASE("metrics elsewhere, or nowhere") {
  Watched other;
  other.options.metrics_path = "/prometheus";
  CHECK(has(other.get("/prometheus"), "\nrbit_received_number_before_consume"));
  CHECK(other.get("/metrics").starts_with("HTTP/1.1 404 "));
  CHECK(has(other.get("/"), "<a href=\"/prometheus\">metrics</a>"));
  Watched none;
  none.options.metrics_path = "";
  CHECK(none.get("/metrics").starts_with("HTTP/1.1 404 "));
  CHECK_FALSE(has(none.get("/"), "metrics"));
}

TEST_CASE("the page shows what goes on, and runs nothing of it") {
  Watched rbit;
  rbit.details.name = "box<1>";
  rbit.details.broker = "localhost:5672, connected";
  rbit.details.queues = {{"Debian_all_sid_deb", "deb", "consuming", 1}};
  JobRecord job;
  job.job_id = "36";
  job.package = "<script>alert(1)</script>";
  job.version = "1.0\n&\"'";
  job.attempt = 1;
  job.begun = 1367322533'000000 - 65'000'000;
  rbit.details.running = {job};
  rbit.numbers.targets = {{"pybit", "down", "refused", 0, 0, 0, std::nullopt}};
  const auto answer = rbit.get("/");
  const auto page = body_of(answer);
  CHECK(has(answer, "Content-Type: text/html; charset=utf-8\r\n"));
  CHECK(has(page, "box&lt;1&gt;"));
  CHECK(has(page, "<td>Debian_all_sid_deb</td><td>deb</td><td>consuming</td>"));
  CHECK(has(page, "<td>&lt;script&gt;alert(1)&lt;/script&gt; 1.0\\x0a&amp;&quot;&#39;</td>"));
  CHECK(has(page, "<td>1m 05s</td>"));
  CHECK_FALSE(has(page, "<script"));
  CHECK(has(answer, "X-Content-Type-Options: nosniff\r\n"));
  CHECK(has(answer, "Content-Security-Policy: default-src 'none';"));
}

TEST_CASE("the page has a name for a job without a number, and how far it is") {
  Watched rbit;
  JobRecord job;
  job.key = "order-17";
  job.queue = "orders";
  rbit.details.running = {job};
  rbit.details.last = {job};
  CHECK(has(rbit.get("/"), "<td>order-17</td><td></td><td>orders</td>"));
  CHECK_FALSE(has(rbit.get("/"), "<progress"));
  rbit.details.progress["order-17"] = {3, 9, "<pages>"};
  CHECK(has(rbit.get("/"),
            "<td><progress value=\"3.0\" max=\"9.0\"></progress> 3/9 &lt;pages&gt;</td></tr>"));
  rbit.details.progress["order-17"].due = 1367322533'000000 + 240'000'000;
  CHECK(has(rbit.get("/"), " 3/9 &lt;pages&gt;, about 4 min left</td></tr>"));
  rbit.details.progress["order-17"] = {12, 9, ""};  // its total was a guess
  CHECK(has(rbit.get("/"), "<progress value=\"9.0\" max=\"9.0\"></progress> 12/9</td>"));
  rbit.details.progress["order-17"] = {12, 0, "pages"};
  CHECK(has(rbit.get("/"), "<td>12 pages</td></tr>"));
}

TEST_CASE("metrics of jobs: those of a done job with its end, those of others never") {
  Watched rbit;
  rbit.options.declared["shop"] = {{"orders_total", {}}};
  Job job;
  job.key = "order-17";
  job.runner = "shop";
  Outcome outcome;
  outcome.given.metrics = {{"orders_total", MetricChange::Kind::add, 2, {}}};
  for (const auto kind : {Outcome::Kind::failed, Outcome::Kind::blocked, Outcome::Kind::interrupted,
                          Outcome::Kind::crashed}) {
    outcome.kind = kind;
    rbit.monitor().finished(
        job, outcome,
        kind == Outcome::Kind::interrupted
            ? std::nullopt
            : std::optional(kind == Outcome::Kind::blocked ? Status::blocked : Status::failed));
  }
  CHECK_FALSE(has(rbit.get("/metrics"), "\norders_total"));
  outcome.kind = Outcome::Kind::done;
  rbit.monitor().finished(job, outcome, Status::done);
  CHECK(has(rbit.get("/metrics"), "\norders_total 2.0\n"));
  rbit.monitor().metric(job, {"orders_total", MetricChange::Kind::add, 1, {}});  // at once
  CHECK(has(rbit.get("/metrics"), "\norders_total 3.0\n"));
}
