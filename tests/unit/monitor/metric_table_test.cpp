#include "rbit/monitor/metric_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "rbit/base/text.h"
#include "rbit/core/metric_rules.h"
#include "rbit/core/monitor_names.h"
#include "rbit/monitor/metrics.h"
#include "tests/support/files.h"
#include "tests/support/metric_reference.h"
#include "tests/support/text.h"

using namespace rbit;
using Type = MetricEntry::Type;

TEST_CASE("what is served is what the table says, with name, help and type, all of it once") {
  const std::string text = Metrics("rbit", {}).text({}, 0);
  std::multiset<std::string> served, wanted;
  for (const std::string& line : text::split(text, '\n'))
    if (line.starts_with("# ")) served.insert(line);
  for (const MetricEntry* entry : metric::all) {
    const std::string name = name_of(*entry, "rbit");
    wanted.insert("# HELP " + name + " " + entry->help);
    wanted.insert("# TYPE " + name + " " + std::string(to_string(entry->type)));
  }
  CHECK(served == wanted);
}

TEST_CASE("the table is sound: names as Prometheus wants them, a text for each") {
  std::set<std::string> names;
  for (const MetricEntry* entry : metric::all) {
    const std::string name = name_of(*entry, "rbit");
    CAPTURE(name);
    CHECK(names.insert(name).second);
    CHECK(name.ends_with("_total") == (entry->type == Type::counter));
    CHECK(text::has_only(name, "_"));
    CHECK(std::string_view(entry->help).size() > 10);
    CHECK_FALSE(std::string_view(entry->help).ends_with("."));
    CHECK(is_process_metric(name) == entry->is_standard);
    bool ended = false;  // no label behind one that is none
    for (const char* label : entry->labels) {
      CHECK_FALSE((ended && label != nullptr));
      ended = label == nullptr;
      CHECK((ended || is_own_label(label)));  // [monitor] label.NAME may not be one
    }
  }
}

TEST_CASE("man/rbit-monitor.7 has the metrics of the table (metric_reference)") {
  const std::string page = test::read_file(std::string(RBIT_SOURCE_DIR) + "/man/rbit-monitor.7");
  CHECK(page.find(test::man_metrics()) != std::string::npos);
}
