#include "rbit/app/moment.h"

#include <doctest/doctest.h>

using namespace rbit;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t now = 1'795'921'924 * second;  // 2026-11-29 03:12:04 UTC

std::string told(const std::string& text) {
  const auto moment = parse_moment(text, now, Zone::utc);
  return moment ? time_text(*moment / second, "%Y-%m-%d %H:%M:%S", Zone::utc) : "none";
}

}  // namespace

TEST_CASE("a moment is so long ago, a time of today or of another day") {
  CHECK(told("90s") == "2026-11-29 03:10:34");
  CHECK(told("90m") == "2026-11-29 01:42:04");
  CHECK(told("2h") == "2026-11-29 01:12:04");
  CHECK(told("1d") == "2026-11-28 03:12:04");
  CHECK(told("01:02") == "2026-11-29 01:02:00");
  CHECK(told(" 01:02:03 ") == "2026-11-29 01:02:03");
  CHECK(told("2026-11-28") == "2026-11-28 00:00:00");
  CHECK(told("2026-11-28 01:02") == "2026-11-28 01:02:00");
  CHECK(told("2026-11-28T01:02:03") == "2026-11-28 01:02:03");
}

TEST_CASE("what is no moment is none") {
  for (const char* text : {"", " ", "17", "yesterday", "2h ago", "25:00", "01:60", "2026-13-01",
                           "2026-02-30", "2026-11-28 1", "-2h", "2026-11-28 01:02:03 UTC", "h"})
    CHECK_MESSAGE(told(text) == "none", text);
}
