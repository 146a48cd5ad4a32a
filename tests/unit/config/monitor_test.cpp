#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

MonitorSettings monitor(const std::string& keys) {
  return settings(sound + "[monitor]\n" + keys).monitor;
}
/// Keys begin at line 7.
std::string found(const std::string& keys) {
  return findings(sound + "[monitor]\n" + keys);
}

}  // namespace

TEST_CASE("every key of [monitor]") {
  const auto got = monitor(
      "listen = localhost:8080\nsuccess-rate = 0.5\nhealth-window = 2m\nmax-connection-fails = 7\n"
      "metrics-namespace = barterdude\nlabel.app_Name = x\n");
  CHECK(got.listen == "localhost:8080");
  CHECK(got.health.success_rate == doctest::Approx(0.5));
  CHECK(got.health.window == std::chrono::minutes(2));
  CHECK(got.health.max_connection_fails == 7);
  CHECK(got.metrics_namespace == "barterdude");
  CHECK(got.labels == std::map<std::string, std::string>{{"app_Name", "x"}});
}

TEST_CASE("a bare port is one of this machine; others need a token") {
  CHECK(monitor("listen = 8080\n").listen == "127.0.0.1:8080");
  CHECK(monitor("listen = [::1]:8080\n").listen == "[::1]:8080");
  CHECK(monitor("listen = 0.0.0.0:8080\ntoken-file = t\n").listen == "0.0.0.0:8080");
  CHECK(found("listen = 0.0.0.0:8080\n") ==
        "rbit.ini:7: [monitor] listen: '0.0.0.0:8080' is not on this machine alone (write "
        "token-file too, or 127.0.0.1:8080)\n");
}

TEST_CASE("wrong values of [monitor]") {
  CHECK(found("listen = localhost\n") ==
        "rbit.ini:7: [monitor] listen: 'localhost' is not HOST:PORT\n");
  CHECK(found("success-rate = 95\n") ==
        "rbit.ini:7: [monitor] success-rate: '95' is not a number from 0 to 1\n");
  CHECK(found("health-window = 0\n") ==
        "rbit.ini:7: [monitor] health-window: must be more than 0\n");
  CHECK(found("metrics-namespace = a-b\n") ==
        "rbit.ini:7: [monitor] metrics-namespace: must be letters, digits and '_', and not begin "
        "with a digit\n");
  for (const std::string name : {"le", "state", "error", "target", "place", "reason", "queue",
                                 "runner", "outcome", "version", "__x"})
    CHECK(found("label." + name + " = x\n") ==
          "rbit.ini:7: [monitor] label." + name + ": '" + name +
              "' is a label that metrics have already (name it otherwise)\n");
  CHECK(found("label.a-b = x\n") ==
        "rbit.ini:7: [monitor] label.a-b: 'a-b' cannot name a label (write letters, digits and "
        "'_')\n");
}
