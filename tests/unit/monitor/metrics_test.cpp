#include "rbit/monitor/metrics.h"

#include <doctest/doctest.h>

#include "rbit/base/result.h"
#include "tests/support/text.h"

using namespace rbit;

namespace {

using test::has_line;

Outcome outcome_of(Outcome::Kind kind, std::string reason = "", std::int64_t micros = 0) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.reason = std::move(reason);
  outcome.wall_micros = micros;
  return outcome;
}

}  // namespace

TEST_CASE("BarterDude's series, to the letter") {
  Metrics metrics("barterdude", {{"team_name", "my_team"}, {"app_name", "my_app"}});
  metrics.received();
  metrics.connection_failed();
  metrics.processed(Job(), outcome_of(Outcome::Kind::done, "exit 0", 20'000), Status::done);
  metrics.processed(Job(), outcome_of(Outcome::Kind::failed, "exit 2", 2'000'000'000),
                    Status::failed);
  const auto text = metrics.text({}, 0);
  CHECK(has_line(text, "# TYPE barterdude_received_number_before_consume_messages_total counter"));
  CHECK(has_line(text,
                 "barterdude_received_number_before_consume_messages_total"
                 "{app_name=\"my_app\",team_name=\"my_team\"} 1.0"));
  CHECK(has_line(text,
                 "barterdude_connection_fail_errors_total"
                 "{app_name=\"my_app\",team_name=\"my_team\"} 1.0"));
  CHECK(has_line(text, "# TYPE barterdude_processing_message_seconds histogram"));
  CHECK(has_line(text,
                 "barterdude_processing_message_seconds_bucket{app_name=\"my_app\",error=\"\","
                 "le=\"0.025\",state=\"success\",team_name=\"my_team\"} 1.0"));
  CHECK(has_line(text,
                 "barterdude_processing_message_seconds_bucket{app_name=\"my_app\",error=\"exit\","
                 "le=\"1800.0\",state=\"fail\",team_name=\"my_team\"} 0.0"));
  CHECK(has_line(text,
                 "barterdude_processing_message_seconds_bucket{app_name=\"my_app\",error=\"exit\","
                 "le=\"+Inf\",state=\"fail\",team_name=\"my_team\"} 1.0"));
  CHECK(has_line(text,
                 "barterdude_processing_message_seconds_count{app_name=\"my_app\",error=\"\","
                 "state=\"success\",team_name=\"my_team\"} 1.0"));
  CHECK(text.find("le=\"1.0\"") != std::string::npos);
}

TEST_CASE("messages that are no job are counted by the reason") {
  Metrics metrics("rbit", {});
  for (const char* reason : {"invalid", "undecodable", "invalid", "no-route", "what\"ever"})
    metrics.refused(reason);
  const auto text = metrics.text({}, 0);
  CHECK(has_line(text, "rbit_refused_messages_total{reason=\"invalid\"} 2.0"));
  CHECK(has_line(text, "rbit_refused_messages_total{reason=\"no-route\"} 1.0"));
  CHECK(has_line(text, "rbit_refused_messages_total{reason=\"undecodable\"} 1.0"));
  CHECK(has_line(text, "rbit_refused_messages_total{reason=\"other\"} 1.0"));
}

TEST_CASE("the error is a reason word, or else the outcome; never a job's own text") {
  using Kind = Outcome::Kind;
  CHECK(Metrics::error_of(outcome_of(Kind::done, "exit 0")).empty());
  CHECK(Metrics::error_of(outcome_of(Kind::failed, "exit 2")) == "exit");
  CHECK(Metrics::error_of(outcome_of(Kind::crashed, "signal SEGV")) == "signal");
  CHECK(Metrics::error_of(outcome_of(Kind::timed_out, "timeout")) == "timeout");
  CHECK(Metrics::error_of(outcome_of(Kind::failed, "no\"such\nthing 17")) == "failed");
  CHECK(Metrics::error_of(outcome_of(Kind::failed, "publish")) == "publish");
  CHECK(Metrics::error_of(outcome_of(Kind::failed, "hook")) == "hook");
  CHECK(Metrics::error_of(outcome_of(Kind::blocked)) == "blocked");
  Metrics metrics("rbit", {});
  for (int i = 0; i < 1000; ++i)
    metrics.processed(Job(), outcome_of(Kind::failed, "reason-" + std::to_string(i)),
                      Status::failed);
  CHECK(metrics.text({}, 0).size() < 12000);
}

TEST_CASE("jobs by queue, runner, outcome and reason; retries apart") {
  using Kind = Outcome::Kind;
  Metrics metrics("rbit", {{"site", "here"}}, {}, {"pdf", "epub"});
  Job job;
  job.queue = "pdf";
  job.runner = "print";
  metrics.processed(job, outcome_of(Kind::done, "exit 0", 40), Status::done);
  metrics.processed(job, outcome_of(Kind::done, "exit 0", 50), Status::done);
  metrics.processed(job, outcome_of(Kind::failed, "exit 2", 9'000'000), Status::failed);
  metrics.processed(job, outcome_of(Kind::blocked, "exit 75", 200), Status::blocked);
  metrics.processed(job, outcome_of(Kind::timed_out, "timeout", 300), Status::failed);
  metrics.processed(job, outcome_of(Kind::interrupted, "interrupted", 70), std::nullopt);
  metrics.processed(job, outcome_of(Kind::not_started, "not-started"), Status::blocked);
  metrics.processed(job, outcome_of(Kind::failed, "no\"such", 80), Status::failed);
  const auto text = metrics.text({}, 0);
  const auto jobs = [](const std::string& outcome, const std::string& reason) {
    return "rbit_jobs_total{outcome=\"" + outcome + "\",queue=\"pdf\",reason=\"" + reason +
           "\",runner=\"print\",site=\"here\"} ";
  };
  CHECK(has_line(text, jobs("done", "") + "2.0"));
  CHECK(has_line(text, jobs("failed", "exit") + "1.0"));
  CHECK(has_line(text, jobs("timed-out", "timeout") + "1.0"));
  CHECK(has_line(text, jobs("failed", "") + "1.0"));
  CHECK_FALSE(test::has(text, jobs("blocked", "exit")));
  CHECK_FALSE(test::has(text, "such"));
  CHECK(has_line(text,
                 "rbit_job_retries_total{queue=\"pdf\",reason=\"exit\",runner=\"print\","
                 "site=\"here\"} 1.0"));
  CHECK(has_line(text,
                 "rbit_job_retries_total{queue=\"pdf\",reason=\"not-started\","
                 "runner=\"print\",site=\"here\"} 1.0"));
  const std::string of_pdf = "queue=\"pdf\",runner=\"print\",site=\"here\"} ";
  CHECK(has_line(text, "rbit_job_duration_seconds_count{" + of_pdf + "7.0"));
  CHECK(has_line(text, "rbit_job_duration_seconds_bucket{le=\"1e-05\"," + of_pdf + "0.0"));
  CHECK(has_line(text, "rbit_job_duration_seconds_bucket{le=\"0.0001\"," + of_pdf + "4.0"));
  CHECK(has_line(text, "rbit_job_duration_seconds_bucket{le=\"15.0\"," + of_pdf + "7.0"));
  CHECK(has_line(text, "rbit_job_duration_seconds_bucket{le=\"43200.0\"," + of_pdf + "7.0"));
}

TEST_CASE("what came again or was lost is counted from 0, and connections after the first") {
  Metrics metrics("rbit", {}, {}, {"pdf", "epub"});
  metrics.connected();
  auto text = metrics.text({}, 0);
  CHECK(has_line(text, "rbit_redeliveries_joined_total{queue=\"pdf\"} 0.0"));
  CHECK(has_line(text, "rbit_lost_by_broker_total{queue=\"epub\"} 0.0"));
  CHECK(has_line(text, "rbit_broker_reconnects_total 0.0"));
  metrics.joined("pdf");
  metrics.lost("epub");
  metrics.connected();
  text = metrics.text({}, 0);
  CHECK(has_line(text, "rbit_redeliveries_joined_total{queue=\"pdf\"} 1.0"));
  CHECK(has_line(text, "rbit_lost_by_broker_total{queue=\"epub\"} 1.0"));
  CHECK(has_line(text, "rbit_broker_reconnects_total 1.0"));
}

TEST_CASE("queues: what is known of them, and whether they are read") {
  Metrics metrics("rbit", {});
  MonitorNumbers numbers;
  numbers.connected = true;
  QueueNumbers pdf, epub;
  pdf.queue = "pdf";
  pdf.running = 3;
  pdf.is_paused = true;
  pdf.count = {7, 2, 1};
  epub.queue = "ep\"ub";
  epub.unread = "NOT_FOUND";
  numbers.queues = {pdf, epub};
  const auto text = metrics.text(numbers, 0);
  CHECK(has_line(text, "rbit_queue_waiting_messages{queue=\"pdf\"} 7.0"));
  CHECK(has_line(text, "rbit_queue_running_jobs{queue=\"pdf\"} 3.0"));
  CHECK(has_line(text, "rbit_queue_due_jobs{queue=\"pdf\"} 2.0"));
  CHECK(has_line(text, "rbit_queue_dead_messages{queue=\"pdf\"} 1.0"));
  CHECK(has_line(text, "rbit_queue_read{queue=\"pdf\"} 1.0"));
  CHECK(has_line(text, "rbit_queue_paused{queue=\"pdf\"} 1.0"));
  CHECK(has_line(text, "rbit_queue_read{queue=\"ep\\\"ub\"} 0.0"));
  CHECK(has_line(text, "rbit_queue_running_jobs{queue=\"ep\\\"ub\"} 0.0"));
  CHECK_FALSE(test::has(text, "rbit_queue_waiting_messages{queue=\"ep"));
  CHECK(has_line(text, "rbit_ready 0.0"));
  numbers.queues = {pdf};
  CHECK(has_line(metrics.text(numbers, 0), "rbit_ready 1.0"));
}

TEST_CASE("the process, by the names that all processes have") {
  const auto text = Metrics("barterdude", {{"site", "here"}}).text({}, 0);
  for (const char* name :
       {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
        "process_virtual_memory_bytes", "process_start_time_seconds"})
    CHECK_MESSAGE(test::has(text, std::string("\n") + name + "{site=\"here\"} "), name);
  CHECK(test::has(text, "\nbarterdude_build_info{site=\"here\",version=\""));
}

TEST_CASE("the outbox shows in the metrics") {
  Metrics metrics("rbit", {});
  MonitorNumbers numbers;
  numbers.connected = true;
  numbers.blocked = true;
  numbers.running = 2;
  numbers.slots = 4;
  numbers.reports_waiting = 17;
  numbers.targets = {{"pybit", "down", "refused", 5, 1, 9, 1'000'000}};
  const auto text = metrics.text(numbers, 61'500'000);
  CHECK(has_line(text, "rbit_broker_connected 1.0"));
  CHECK(has_line(text, "rbit_broker_blocked 1.0"));
  CHECK(has_line(text, "rbit_jobs_running 2.0"));
  CHECK(has_line(text, "rbit_outbox_reports 17.0"));
  CHECK(has_line(text, "rbit_outbox_oldest_seconds{target=\"pybit\"} 60.5"));
  CHECK(has_line(text, "rbit_outbox_up{target=\"pybit\"} 0.0"));
  CHECK(has_line(text, "rbit_outbox_dropped_total{target=\"pybit\"} 1.0"));
}

TEST_CASE("a paused intake and the room on the disk show in the metrics") {
  Metrics metrics("rbit", {});
  MonitorNumbers numbers;
  CHECK(has_line(metrics.text(numbers, 0), "rbit_intake_paused 0.0"));
  numbers.paused = "state-dir /s has 3 bytes free";
  numbers.disks = {{"state-dir", 3, 4096}, {"work-dir", 512, 4096}};
  const auto text = metrics.text(numbers, 0);
  CHECK(has_line(text, "rbit_intake_paused 1.0"));
  CHECK(has_line(text, "rbit_disk_free_bytes{place=\"state-dir\"} 3.0"));
  CHECK(has_line(text, "rbit_disk_free_bytes{place=\"work-dir\"} 512.0"));
}

TEST_CASE("label values are escaped, names are checked at the start") {
  Metrics metrics("rbit", {{"a", "x\"y\\z\n"}});
  CHECK(metrics.text({}, 0).find(R"({a="x\"y\\z\n"})") != std::string::npos);
  CHECK_THROWS_AS(Metrics("r bit", {}), Fatal);
  CHECK_THROWS_AS(Metrics("rbit", {{"1st", "x"}}), Fatal);
  CHECK_THROWS_AS(Metrics("rbit", {{"state", "x"}}), Fatal);
  CHECK_THROWS_AS(Metrics("rbit", {{"queue", "x"}}), Fatal);
}
