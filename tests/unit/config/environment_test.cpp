// BarterDude's variables count where the INI says nothing.
#include "tests/support/environment.h"
#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

const std::string logging =
    "[loggers]\nkeys = root\n[handlers]\nkeys =\n[formatters]\nkeys =\n[logger_root]\nhandlers =\n";

}  // namespace

TEST_CASE("BARTERDUDE_DEFAULT_LOG_LEVEL") {
  const auto level = [](const char* number, const std::string& more = "") {
    const Variable variable("BARTERDUDE_DEFAULT_LOG_LEVEL", number);
    return settings(sound + more).log.level;
  };
  CHECK(level("10") == "DEBUG");
  CHECK(level("20") == "INFO");
  CHECK(level("25") == "WARNING");
  CHECK(level("50") == "CRITICAL");
  CHECK(level("40", "[log]\nlevel = INFO\n") == "INFO");
  CHECK(level("40", logging + "level = DEBUG\n") == "DEBUG");
  const Variable variable("BARTERDUDE_DEFAULT_LOG_LEVEL", "40");
  const auto log = settings(sound + logging).log;
  CHECK(log.loggers.at(0).level == log::Level::error);
  CHECK(show(ConfigFile(sound).load()).find("(environment) level = ERROR\n") != std::string::npos);
}

TEST_CASE("ASYNCWORKER_HTTP_HOST and _PORT") {
  CHECK(settings(sound).monitor.listen.empty());
  {
    const Variable port("ASYNCWORKER_HTTP_PORT", "9000");
    CHECK(settings(sound).monitor.listen == "127.0.0.1:9000");
    CHECK(settings(sound + "[monitor]\nlisten = 1\n").monitor.listen == "127.0.0.1:1");
    const Variable host("ASYNCWORKER_HTTP_HOST", "0.0.0.0");
    CHECK(findings(sound).find("'0.0.0.0:9000' is not on this machine alone") != std::string::npos);
    CHECK(settings(sound + "[monitor]\ntoken-file = t\n").monitor.listen == "0.0.0.0:9000");
  }
  const Variable host("ASYNCWORKER_HTTP_HOST", "localhost");
  CHECK(settings(sound).monitor.listen == "localhost:8080");
}

TEST_CASE("ASYNCWORKER_METRICS_ROUTE_PATH and _ENABLED") {
  CHECK(settings(sound).monitor.metrics_path == "/metrics");
  const Variable path("ASYNCWORKER_METRICS_ROUTE_PATH", "/prometheus");
  CHECK(settings(sound).monitor.metrics_path == "/prometheus");
  const Variable enabled("ASYNCWORKER_METRICS_ROUTE_ENABLED", "False");
  CHECK(settings(sound).monitor.metrics_path.empty());
}

TEST_CASE("BARTERDUDE_DEFAULT_APP_NAME and _LOG_REDACTED") {
  CHECK(settings(sound).log.shown_as.empty());
  const Variable name("BARTERDUDE_DEFAULT_APP_NAME", "builds");
  CHECK(settings(sound).log.shown_as == "builds");
  const Variable redacted("BARTERDUDE_LOG_REDACTED", "1");
  CHECK(settings(sound).log.shown_as == "builds");  // and nothing is found
  const Variable open("BARTERDUDE_LOG_REDACTED", "0");
  CHECK(findings(sound).starts_with("environment: warning: BARTERDUDE_LOG_REDACTED: no bodies"));
  const Variable wrong("BARTERDUDE_LOG_REDACTED", "maybe");
  CHECK(findings(sound) == "environment: BARTERDUDE_LOG_REDACTED: 'maybe' is not 0 or 1\n");
  const Variable two("BARTERDUDE_DEFAULT_APP_NAME", "two words");
  CHECK(findings(sound).find("'two words' is not one word") != std::string::npos);
}

TEST_CASE("metrics have a path of their own") {
  for (const char* taken : {"/", "/plain", "/events", "/login", "/ready", "/live", "/api/state"}) {
    const Variable path("ASYNCWORKER_METRICS_ROUTE_PATH", taken);
    CHECK(findings(sound).find("is not a path such as /metrics") != std::string::npos);
  }
}

TEST_CASE("a malformed variable is a start error, no crash") {
  const Variable level("BARTERDUDE_DEFAULT_LOG_LEVEL", "INFO");
  const Variable port("ASYNCWORKER_HTTP_PORT", "http");
  const Variable path("ASYNCWORKER_METRICS_ROUTE_PATH", "metrics");
  const Variable enabled("ASYNCWORKER_METRICS_ROUTE_ENABLED", "perhaps");
  const std::string all = findings(sound);
  for (const char* line :
       {"environment: BARTERDUDE_DEFAULT_LOG_LEVEL: 'INFO' is not a number from 0 to 50\n",
        "environment: ASYNCWORKER_HTTP_PORT: 'http' is not a number from 1 to 65535\n",
        "environment: ASYNCWORKER_METRICS_ROUTE_PATH: 'metrics' is not a path such as /metrics\n",
        "environment: ASYNCWORKER_METRICS_ROUTE_ENABLED: 'perhaps' is not True or False\n"})
    CHECK_MESSAGE(all.find(line) != std::string::npos, all);
}
