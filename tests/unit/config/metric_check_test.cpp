#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

/// Two runners, whose metrics stand in lines 5 and 8.
std::string file(const std::string& one, const std::string& other,
                 const std::string& monitor = "listen = 8080\n") {
  return "[rbit]\nqueue-mappings = q:a r:b\n[runner:a]\nrunner = shell!true\nmetrics = " + one +
         "\n[runner:b]\nrunner = shell!true\nmetrics = " + other + "\n[monitor]\n" + monitor;
}

}  // namespace

TEST_CASE("metrics of two runners may have one name, with the same labels in any order") {
  CHECK(findings(file("x_total(a,b) y", "x_total(b,a) z(a)")).empty());
  CHECK(findings(file("x_total(a,b)", "x_total(a)")) ==
        "rbit.ini:8: [runner:b] metrics: x_total has other labels than in [runner:a], line 5 "
        "(write the same ones, or name it otherwise)\n");
}

TEST_CASE("no metric of a job may be taken for rbit's own") {
  CHECK(findings(file("rbit_slots", "y")) ==
        "rbit.ini:5: [runner:a] metrics: rbit_slots begins as rbit's own metrics do (name it "
        "otherwise, or set [monitor] metrics-namespace)\n");
  const std::string other = "listen = 8080\nmetrics-namespace = barterdude\n";
  CHECK(findings(file("rbit_slots", "rbitten", other)).empty());
  CHECK(findings(file("x", "barterdude_x", other)) ==
        "rbit.ini:8: [runner:b] metrics: barterdude_x begins as rbit's own metrics do (name it "
        "otherwise, or set [monitor] metrics-namespace)\n");
}

TEST_CASE("a label is the job's or [monitor]'s, and there once") {
  CHECK(findings(file("x(team)", "y", "listen = 8080\nlabel.team = a\n")) ==
        "rbit.ini:5: [runner:a] metrics: x: [monitor] label.team gives every metric this label "
        "(leave one of them out)\n");
  CHECK(findings(file("x(a,a)", "y")) ==
        "rbit.ini:5: [runner:a] metrics: 'x(a,a)' is no metric (write NAME or NAME(LABEL,LABEL), "
        "of letters, digits and _)\n");
}

TEST_CASE("metrics that nobody can read are doubted") {
  const Loaded loaded = ConfigFile(file("x", "y", "")).load();
  CHECK(loaded.ok());
  REQUIRE(loaded.doubts.size() == 2);
  CHECK(loaded.doubts[0].text == "[runner:a] metrics: nobody can read them (set [monitor] listen)");
}
