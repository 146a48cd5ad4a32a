#include "rbit/app/keeper_lines.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace rbit;

namespace {

template <class T>
T there_and_back(const T& news) {
  const auto read = news_from(to_json(KeptNews(news)));
  REQUIRE(read);
  REQUIRE(std::holds_alternative<T>(*read));
  return std::get<T>(*read);
}

}  // namespace

TEST_CASE("a keeper's words come through as they were") {
  const Progress progress = there_and_back(Progress{3, 9, "linking"});
  CHECK(progress.done == 3);
  CHECK(progress.total == 9);
  CHECK(progress.text == "linking");
  MetricChange change;
  change.name = "pages";
  change.kind = MetricChange::Kind::set;
  change.value = 1.5;
  change.labels = {{"suite", "latex"}};
  const MetricChange metric = there_and_back(change);
  CHECK(metric.name == "pages");
  CHECK(metric.kind == MetricChange::Kind::set);
  CHECK(metric.value == 1.5);
  CHECK(metric.labels == change.labels);
  const KeptStatus status = there_and_back(KeptStatus{Status::waiting, "for a mirror"});
  CHECK(status.status == Status::waiting);
  CHECK(status.message == "for a mirror");
  there_and_back(KeptEnd{});
}

TEST_CASE("what another version says, or nobody, is passed over") {
  for (const char* line : {R"({})", R"({"status": "Odd"})", R"({"status": 3})", R"({"metric": 7})",
                           R"({"metric": {"labels": [1]}})", R"({"progress": []})",
                           R"({"progress": {"done": "3"}})", R"({"later": true})"}) {
    CAPTURE(line);
    CHECK_FALSE(news_from(nlohmann::json::parse(line)));
  }
}
