#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "rbit/core/report_sink.h"

namespace rbit::test {

/// A front-end that remembers what it was told and answers as the test says; by default it takes
/// everything. `answer` may be a coroutine that waits, to be slow.
class RecordingSink : public ReportSink {
 public:
  explicit RecordingSink(std::string target = "log") : target_(std::move(target)) {}

  std::string_view target() const override { return target_; }

  bool is_patient() const override { return patient; }

  Task<SinkAnswer> send(const Report& report) override {
    ++calls;
    ++under_way;
    most_under_way = std::max(most_under_way, under_way);
    SinkAnswer given;
    if (answer) given = co_await answer(report);
    --under_way;
    if (given.kind == SinkAnswer::Kind::sent) taken.push_back(report);
    co_return given;
  }

  /// "36 Building", "36 Done", ... in the order they were taken.
  std::vector<std::string> story() const {
    std::vector<std::string> lines;
    for (const auto& report : taken)
      lines.push_back(report.job_id + " " + std::string(to_string(report.status)));
    return lines;
  }

  std::function<Task<SinkAnswer>(Report)> answer;
  std::vector<Report> taken;
  bool patient = false;
  int calls = 0;
  int under_way = 0, most_under_way = 0;

 private:
  std::string target_;
};

}  // namespace rbit::test
