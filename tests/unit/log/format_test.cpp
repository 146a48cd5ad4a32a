#include "rbit/log/format.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/unit/log/recorded_python.h"

using namespace rbit;
using namespace rbit::log;

namespace {

std::string line(const std::string& format, std::string_view message = "text") {
  const Location where("/src/rbit/app/run.cpp", 42, "run");
  const Fields none;
  return Format(format, "")
      .line({Level::info, "rbit", message, none, where,
             std::chrono::system_clock::time_point(std::chrono::seconds(1))});
}

std::string mistake(const std::string& format) {
  const auto good = Format::check(format);
  return good ? "" : good.error().text();
}

}  // namespace

TEST_CASE("a format makes the line that Python makes of it") {
  const auto cases = test::recorded_python("formatted");
  REQUIRE(cases.size() == 39);
  const Location where("/src/rbit/app/run.cpp", 42, "run");
  const Fields none;
  for (const auto& one : cases) {
    const std::string format = one["format"], date = one["date_format"], name = one["name"],
                      message = one["message"];
    CAPTURE(format);
    const auto level = static_cast<Level>(one["level"].get<int>() / 10);
    const std::chrono::microseconds since(one["micros"].get<std::int64_t>());
    const std::chrono::system_clock::time_point time(since);
    CHECK(Format(format, date).line({level, name, message, none, where, time}) ==
          one["line"].get<std::string>());
  }
}

TEST_CASE("whatever a message holds, it stays on its line") {
  CHECK(line("%(message)s", "a\nb\x1b[0m") == "a\\x0ab\\x1b[0m");
}

TEST_CASE("the process and the thread are ours") {
  CHECK(line("%(process)d %(thread)d") ==
        std::to_string(::getpid()) + " " + std::to_string(::getpid()));
  CHECK(line("%(relativeCreated)d").front() == '-');  // 1970 is before the program began
}

TEST_CASE("what no field is stays as it is written") {
  CHECK(line("%(colour)s %(name)s %(colour)-5d") == "%(colour)s rbit %(colour)-5d");
}

TEST_CASE("formats at which Python failed with each record") {
  CHECK(mistake("%(message)s %%") == "");
  CHECK(mistake("%d") == "'%d' is no %(name)s (write %% for a percent sign)");
  CHECK(mistake("100%") == "'%' is no %(name)s (write %% for a percent sign)");
  CHECK(mistake("%(name") == "'%(name' is no %(name)s (write %% for a percent sign)");
  CHECK(mistake("%(name)") == "'%(name)' has no s, d or f at its end (write %(name)s)");
  CHECK(mistake("%(name)d") == "%(name) is text (write %(name)s)");
  CHECK(line("%(name)99999999999s").size() == 1024);  // and none is endless
}
