#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "rbit/log/log.h"
#include "rbit/report/amqp_sink.h"
#include "rbit/report/log_lines.h"
#include "tests/support/log_capture.h"
#include "tests/support/loop.h"

using namespace rbit;

namespace {

Report report_of(Status status, std::string reason = "", std::string message = "") {
  Report report;
  report.job_key = "the-key";
  report.job_id = "36";
  report.queue = "Debian_all_sid_deb";
  report.attempt = 2;
  report.seq = 5;
  report.status = status;
  report.reason = std::move(reason);
  report.message = std::move(message);
  report.time = 1367322533'904134;
  return report;
}

struct FakePublisher : amqp::Publisher {
  Task<Result<void>> publish(amqp::Outgoing message) override {
    if (!trouble.empty()) co_return Error{"acme-status", trouble, ""};
    published.push_back(std::move(message));
    co_return Result<void>();
  }
  Task<Result<void>> declare_queue(const std::string& name) override {
    declared.push_back(name);
    co_return Result<void>();
  }
  std::vector<amqp::Outgoing> published;
  std::vector<std::string> declared;
  std::string trouble;
};

amqp::Outgoing message_for(const Report& report) {
  asio::io_context loop;
  FakePublisher broker;
  AmqpSink sink(broker, "acme-status");
  CHECK(test::run(loop, sink.send(report)).kind == SinkAnswer::Kind::sent);
  CHECK(broker.declared == std::vector<std::string>{"acme-status"});
  REQUIRE(broker.published.size() == 1);
  return broker.published.front();
}

/// What the log says for the reports, without time and level's padding.
std::string logged(const std::vector<Report>& reports, bool json = false) {
  log::Settings settings;
  settings.level = log::Level::debug;
  settings.json = json;
  const test::LogCapture log(settings);
  for (const auto& report : reports) say_in_log(report);
  std::string lines;
  for (const auto& line : log.lines()) lines += (json ? line : line.substr(24)) + "\n";
  return lines;
}

}  // namespace

TEST_CASE("the status queue gets exactly three members, the job as a number") {
  const auto message = message_for(report_of(Status::building));
  CHECK(message.body == R"({"status": "Building", "job": 36, "message": ""})");
  CHECK(message.exchange.empty());
  CHECK(message.routing_key == "acme-status");
  CHECK(message.persistent);
  CHECK(message.content_type.empty());
  CHECK(message.message_id == "the-key:2:5");
  CHECK(message.timestamp == 1367322533);
}

TEST_CASE("what an attempt used is in the headers, once it has ended") {
  Report report = report_of(Status::building);
  CHECK(message_for(report).headers.count("x-rbit-wall-us") == 0);
  report = report_of(Status::failed, "exit 2");
  report.exit = "exit 2";
  report.wall_micros = 1'500'000;
  report.cpu_micros = 20'000;
  report.peak_memory_kib = 1024;
  report.output_bytes = 7;
  const auto headers = message_for(report).headers;
  CHECK(std::get<std::string>(headers.at("x-rbit-exit")) == "exit 2");
  CHECK(std::get<std::int64_t>(headers.at("x-rbit-wall-us")) == 1'500'000);
  CHECK(std::get<std::int64_t>(headers.at("x-rbit-cpu-us")) == 20'000);
  CHECK(std::get<std::int64_t>(headers.at("x-rbit-memory-kib")) == 1024);
  CHECK(std::get<std::int64_t>(headers.at("x-rbit-output-bytes")) == 7);
}

TEST_CASE("reason and text go into the message, whatever they hold") {
  CHECK(message_for(report_of(Status::failed, "exit 2", "make: \"x\"\n\xff\xc3\xa9")).body ==
        R"({"status": "Failed", "job": 36, "message": "exit 2: make: \"x\"\n\ufffd\u00e9"})");
  CHECK(message_for(report_of(Status::failed, "timeout")).body ==
        R"({"status": "Failed", "job": 36, "message": "timeout"})");
}

TEST_CASE("ids that JSON or AMQP would refuse") {
  Report report = report_of(Status::done);
  report.job_id = "0036";
  CHECK(message_for(report).body == R"({"status": "Done", "job": 36, "message": ""})");
  report.job_id = "0";
  CHECK(message_for(report).body == R"({"status": "Done", "job": 0, "message": ""})");
  report.job_key = std::string(255, 'k');
  CHECK(message_for(report).message_id.size() == 64 + 4);
}

TEST_CASE("what the broker does not confirm is tried again") {
  asio::io_context loop;
  FakePublisher broker;
  broker.trouble = "returned: no such queue";
  AmqpSink sink(broker, "acme-status", false);
  const auto answer = test::run(loop, sink.send(report_of(Status::done)));
  CHECK(answer.kind == SinkAnswer::Kind::retry);
  CHECK(answer.reason == "acme-status: returned: no such queue");
  CHECK(broker.declared.empty());
}

TEST_CASE("a queue that we may not write to is tried again every minute") {
  asio::io_context loop;
  FakePublisher broker;
  broker.trouble = "ACCESS_REFUSED - write access to exchange refused";
  AmqpSink sink(broker, "acme-status", false);
  const auto answer = test::run(loop, sink.send(report_of(Status::done)));
  CHECK(answer.kind == SinkAnswer::Kind::paused);
  CHECK(answer.after == std::chrono::seconds(60));
}

TEST_CASE("the log lines that scripts grep for") {
  CHECK(logged({report_of(Status::building)}) == "INFO  [rbit] Job '36', timestamp: 1367322533\n");
  CHECK(logged({report_of(Status::done)}) == "INFO  [rbit] Job 36's state is now 'Done'.\n");
  CHECK(logged({report_of(Status::building, "", "step 2 of 3")}).empty());  // the runner's word
  CHECK(logged({report_of(Status::blocked, "exit 75", "no disk")}) ==
        "INFO  [rbit] Job 36's state is now 'Blocked'.\n"
        "DEBUG [rbit] Job 36 had issues. exit 75: no disk\n");
  CHECK(logged({report_of(Status::failed, "exit 2", "make: ***\nNo rule")}) ==
        "INFO  [rbit] Job 36's state is now 'Failed'.\n"
        "DEBUG [rbit] Job 36 had issues. exit 2: make: ***\\x0aNo rule\n"
        "WARNI [rbit] Job 36 failed in Debian_all_sid_deb, attempt 2: exit 2: make: ***\\x0aNo "
        "rule (`rbit log CONFIG 36` shows its output)\n");
}

TEST_CASE("a JSON log has job, queue and attempt") {
  const auto line = nlohmann::json::parse(logged({report_of(Status::done)}, true));
  CHECK(line["message"] == "Job 36's state is now 'Done'.");
  CHECK(line["name"] == "rbit");
  CHECK(line["job"] == "36");
  CHECK(line["queue"] == "Debian_all_sid_deb");
  CHECK(line["attempt"] == "2");
}
