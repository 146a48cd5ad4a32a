#include "rbit/monitor/job_metrics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "rbit/monitor/metrics.h"
#include "tests/support/log_capture.h"
#include "tests/support/text.h"

using namespace rbit;
using test::has;
using test::has_line;
using Kind = MetricChange::Kind;
using Labels = std::map<std::string, std::string>;

namespace {

const char* const refused = "rbit_job_metrics_refused_total";

struct Shop {
  void add(const std::string& name, double value, Labels labels = {}) {
    say({name, Kind::add, value, std::move(labels)});
  }
  void set(const std::string& name, double value, Labels labels = {}) {
    say({name, Kind::set, value, std::move(labels)});
  }
  void say(const MetricChange& change) {
    Job job;
    job.key = "order-17";
    job.runner = runner;
    metrics.change(job, change);
  }
  std::string text() const { return metrics.text({}, 0); }
  bool has_sample(const std::string& line) const { return has_line(text(), line); }

  test::LogCapture log;
  std::string runner = "shop";
  Metrics metrics{"rbit",
                  {{"team", "a"}},
                  {{"shop", {{"orders_total", {"kind", "country"}}, {"stock", {}}}},
                   {"bar", {{"orders_total", {"country", "kind"}}}}}};
};

/// With the label that all have.
std::string sample(const std::string& name, const std::string& labels, const std::string& value) {
  return name + "{" + labels + (labels.empty() ? "" : ",") + "team=\"a\"} " + value;
}

}  // namespace

TEST_CASE("a counter is added to, a gauge is set and added to") {
  Shop shop;
  shop.add("orders_total", 2, {{"kind", "book"}, {"country", "de"}});
  shop.add("orders_total", 0.5, {{"kind", "book"}, {"country", "de"}});
  shop.add("orders_total", 1, {{"kind", "pen"}, {"country", "de"}});
  shop.set("stock", 12);
  shop.add("stock", -2.5);
  CHECK(has_line(shop.text(), "# TYPE orders_total counter"));
  CHECK(has_line(shop.text(), "# TYPE stock gauge"));
  CHECK(shop.has_sample(sample("orders_total", R"(country="de",kind="book")", "2.5")));
  CHECK(shop.has_sample(sample("orders_total", R"(country="de",kind="pen")", "1.0")));
  CHECK(shop.has_sample(sample("stock", "", "9.5")));
  CHECK(shop.has_sample(sample(refused, "", "0.0")));
  CHECK(shop.log.lines().empty());
}

TEST_CASE("two runners that declare the same name share it") {
  Shop shop;
  const Labels book{{"kind", "book"}, {"country", "de"}};
  shop.add("orders_total", 2, book);
  shop.runner = "bar";
  shop.add("orders_total", 3, book);
  CHECK(shop.has_sample(sample("orders_total", R"(country="de",kind="book")", "5.0")));
}

TEST_CASE("what is not declared is refused, said once a name, and counted") {
  Shop shop;
  for (int i = 0; i < 3; ++i) shop.add("visitors", 1);
  shop.runner = "bar";  // another runner's is not its own
  shop.set("stock", 1);
  shop.runner = "nobody";
  shop.set("stock", 1);
  CHECK(shop.has_sample(sample(refused, "", "5.0")));
  CHECK_FALSE(has(shop.text(), "visitors"));
  CHECK_FALSE(has(shop.text(), "stock{"));
  REQUIRE(shop.log.lines().size() == 3);
  CHECK(has(shop.log.lines()[0],
            "metric visitors is not declared (add it to metrics in [runner:shop]); "
            "job order-17 is the first that tried"));
}

TEST_CASE("labels are those that are declared, all and no others") {
  Shop shop;
  shop.add("orders_total", 1);
  shop.add("orders_total", 1, {{"kind", "book"}});
  shop.add("orders_total", 1, {{"kind", "book"}, {"country", "de"}, {"x", "y"}});
  shop.add("orders_total", 1, {{"kind", "book"}, {"land", "de"}});
  shop.set("stock", 1, {{"kind", "book"}});
  CHECK(shop.has_sample(sample(refused, "", "5.0")));
  CHECK_FALSE(has(shop.text(), "orders_total{"));
  REQUIRE(shop.log.lines().size() == 2);
  CHECK(has(shop.log.lines()[0],
            "metric orders_total has the labels country, kind (give it exactly these, or change "
            "metrics in "));
}

TEST_CASE("numbers that no counter or gauge has are refused") {
  Shop shop;
  const Labels book{{"kind", "book"}, {"country", "de"}};
  const double most = std::numeric_limits<double>::max();
  shop.add("orders_total", 1, book);
  shop.set("stock", most);
  shop.add("orders_total", -1, book);
  shop.set("orders_total", 7, book);
  for (const double bad : {double{NAN}, HUGE_VAL, -HUGE_VAL}) {
    shop.add("orders_total", bad, book);
    shop.set("stock", bad);
  }
  shop.add("stock", most);
  CHECK(shop.has_sample(sample(refused, "", "9.0")));
  CHECK(shop.has_sample(sample("orders_total", R"(country="de",kind="book")", "1.0")));
  CHECK(has(shop.text(), "stock{team=\"a\"} 1.79769"));
  CHECK(shop.log.lines("is a counter, to which 0 or more can be added").size() == 1);
}

TEST_CASE("a hundred sets of label values a name and no more; those that are there go on") {
  Shop shop;
  for (int i = 0; i < 1'000; ++i)
    shop.add("orders_total", 1, {{"kind", std::to_string(i)}, {"country", "de"}});
  shop.add("orders_total", 1, {{"kind", "7"}, {"country", "de"}});
  shop.set("stock", 1);
  CHECK(shop.has_sample(sample(refused, "", "900.0")));
  CHECK(shop.has_sample(sample("orders_total", R"(country="de",kind="7")", "2.0")));
  CHECK(has(shop.text(), "kind=\"99\""));
  CHECK_FALSE(has(shop.text(), "kind=\"100\""));
  CHECK(shop.has_sample(sample("stock", "", "1.0")));
  REQUIRE(shop.log.lines().size() == 1);
  CHECK(has(shop.log.lines()[0], "has 100 sets of label values, and gets no more"));
}

TEST_CASE("label values are one short line of text, without secrets") {
  Shop shop;
  shop.add("orders_total", 1, {{"kind", "\"}\n# x\x1b\xff"}, {"country", std::string(5000, 'x')}});
  const std::string text = shop.text();
  CHECK(has(text, R"(kind="\"}\\x0a# x\\x1b\\xff")"));
  CHECK(text.size() < 7'000);
  shop.add("orders_total", 1, {{"kind", "amqp://guest:hunter2@broker/"}, {"country", ""}});
  CHECK_FALSE(has(shop.text(), "hunter2"));
}

TEST_CASE("a job that invents names floods neither the log nor the memory") {
  Shop shop;
  for (int i = 0; i < 1'000; ++i) shop.add("n" + std::to_string(i), 1);
  shop.add(std::string(100'000, 'x') + "\n", 1);
  CHECK(shop.has_sample(sample(refused, "", "1001.0")));
  CHECK(shop.log.lines().size() == 101);
  CHECK(shop.log.lines("which ones is not said any more").size() == 1);
  CHECK(shop.text().size() < 7'000);
}
