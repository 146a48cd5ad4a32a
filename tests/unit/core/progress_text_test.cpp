#include "rbit/core/progress_text.h"

#include <doctest/doctest.h>

#include <limits>

using namespace rbit;

namespace {
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string text(double done, double total, const std::string& said = "") {
  return to_text(cleaned({done, total, said}));
}
}  // namespace

TEST_CASE("progress in words") {
  CHECK(text(3, 9, "pages") == "3/9 pages");
  CHECK(text(3, 9) == "3/9");
  CHECK(text(0, 9) == "0/9");
  CHECK(text(3, 0, "pages") == "3 pages");
  CHECK(text(0, 0, "unpacking") == "unpacking");
  CHECK(text(0, 0) == "0");
  CHECK(text(0.25, 1) == "0.25/1");
  CHECK(text(5'368'709'120.0, 1e13, "bytes") == "5368709120/10000000000000 bytes");
  CHECK(text(1e300, 1e301) == "1e+300/1e+301");
}

TEST_CASE("whatever a job says of its progress can be shown") {
  CHECK(text(nan, infinity, "x") == "x");
  CHECK(text(-3, -9) == "0");
  CHECK(text(1, 2, "\x1b[2J\n\xff") == "1/2 \\x1b[2J\\x0a\\xff");
  CHECK(text(1, 2, std::string(10'000, 'x')).size() < 120);
  const std::string redacted = text(1, 2, "amqp://guest:hunter2@broker/");
  CHECK(redacted.find("hunter2") == std::string::npos);
}

TEST_CASE("a bar is as long as there is done, and no longer than its line") {
  CHECK(progress_bar({4, 10, "pages"}, std::nullopt, 80) ==
        "[########............] 40% 4/10 pages");
  CHECK(progress_bar({0, 10, ""}, std::nullopt, 80) == "[....................] 0% 0/10");
  CHECK(progress_bar({12, 10, ""}, std::nullopt, 80) == "[####################] 100% 12/10");
  CHECK(progress_bar({4, 0, "pages"}, std::nullopt, 80) == "4 pages");
  CHECK(progress_bar({4, 10, "pages"}, std::nullopt, 30) == "[########............] 40% 4/1");
  CHECK(progress_bar({1e-300, 1e300, ""}, std::nullopt, 80)
            .starts_with("[....................] 0% "));
}

TEST_CASE("what is left is told by the pace so far, once there is one") {
  constexpr std::int64_t second = 1'000'000;
  CHECK(time_left({4, 10, ""}, 60 * second) == 90 * second);
  CHECK(time_left({5, 10, ""}, 60 * second) == 60 * second);
  CHECK_FALSE(time_left({4, 10, ""}, second));  // too early
  CHECK_FALSE(time_left({4, 10, ""}, -5 * second));
  CHECK_FALSE(time_left({0, 10, ""}, 60 * second));
  CHECK_FALSE(time_left({4, 0, ""}, 60 * second));
  CHECK_FALSE(time_left({10, 10, ""}, 60 * second));
  CHECK_FALSE(time_left({12, 10, ""}, 60 * second));  // its total was a guess
  CHECK_FALSE(time_left({1e-300, 1e300, ""}, 60 * second));
  CHECK_FALSE(time_left({1, 1e9, ""}, 3600 * second));  // 114,000 years
}

TEST_CASE("an estimate is told as what it is") {
  constexpr std::int64_t second = 1'000'000;
  CHECK(left_text(0) == "about 0 s left");
  CHECK(left_text(1) == "about 1 s left");
  CHECK(left_text(9 * second) == "about 9 s left");
  CHECK(left_text(11 * second) == "about 20 s left");
  CHECK(left_text(55 * second) == "about 1 min left");
  CHECK(left_text(61 * second) == "about 2 min left");
  CHECK(left_text(7 * 3600 * second) == "about 7 h left");
  CHECK(left_text(6 * 86400 * second) == "about 6 days left");
  CHECK(progress_bar({4, 10, "pages"}, 90 * second, 80) ==
        "[########............] 40% 4/10 pages, about 2 min left");
}
