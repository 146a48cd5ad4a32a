#include "rbit/config/values.h"

#include <doctest/doctest.h>

#include <csignal>

using namespace rbit::config;

TEST_CASE("durations: seconds unless a unit says otherwise") {
  const auto ms = [](std::string_view text) {
    const auto value = parse_duration(text);
    return value ? value->count() : -1;
  };
  CHECK(ms("30") == 30'000);
  CHECK(ms("90s") == 90'000);
  CHECK(ms("2m") == 120'000);
  CHECK(ms("1h") == 3'600'000);
  CHECK(ms("1d") == 86'400'000);
  CHECK(ms("500ms") == 500);
  CHECK(ms("60.0") == 60'000);
  CHECK(ms("0.5") == 500);
  CHECK(ms(" 3 m ") == 180'000);
  CHECK(ms("0") == 0);
  for (const char* wrong :
       {"", "x", "-1", "+1", "1x", "1h30m", "1e3", "99999999999", "25d", ".5", "inf"})
    CHECK_MESSAGE(ms(wrong) == -1, wrong);
}

TEST_CASE("sizes are in powers of 1024") {
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("16M") == 16 << 20);
  CHECK(parse_size("512k") == 512 << 10);
  CHECK(parse_size("2 GiB") == 2LL << 30);
  for (const char* wrong : {"", "M", "-1", "1.5M", "1T", "9999999999999G", "1MM"})
    CHECK_MESSAGE(!parse_size(wrong), wrong);
}

TEST_CASE("free space is a size, a share, or both") {
  const auto of = [](std::string_view text, std::int64_t total) {
    const auto limit = parse_space(text);
    return limit ? limit->of(total) : -1;
  };
  constexpr std::int64_t gib = std::int64_t{1} << 30;
  CHECK(of("1G, 5%", 100 * gib) == gib);
  CHECK(of("5%,1G", 10 * gib) == gib / 2);
  CHECK(of("512M", gib / 4) == gib / 4);
  CHECK(of("2.5 %", 1000) == 25);
  CHECK(of("0", gib) == 0);
  CHECK(of("0%", gib) == 0);
  CHECK(of("100%", gib) == gib);
  for (const char* wrong : {"", "%", "101%", "-1%", "1G 5%", "1G,", "1G,2G", "5%,6%", "1G,5%,1"})
    CHECK_MESSAGE(!parse_space(wrong), wrong);
}

TEST_CASE("flags") {
  for (const char* yes : {"yes", "true", "on", "1", "YES"}) CHECK(parse_flag(yes) == true);
  for (const char* no : {"no", "false", "off", "0", "No"}) CHECK(parse_flag(no) == false);
  CHECK(!parse_flag("maybe"));
  CHECK(!parse_flag(""));
}

TEST_CASE("fractions go from 0 to 1") {
  CHECK(parse_fraction("0.95") == doctest::Approx(0.95));
  CHECK(parse_fraction("1") == doctest::Approx(1));
  CHECK(!parse_fraction("1.1"));
  CHECK(!parse_fraction("95%"));
}

TEST_CASE("signals by name and number") {
  CHECK(parse_signal("TERM") == SIGTERM);
  CHECK(parse_signal("sigint") == SIGINT);
  CHECK(parse_signal("15") == 15);
  CHECK(!parse_signal("0"));
  CHECK(!parse_signal("FOO"));
  CHECK(!parse_signal(""));
}

TEST_CASE("lists have commas or blanks between") {
  CHECK(parse_list(" a,b  c\n,d,") == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(parse_list("").empty());
}

TEST_CASE("defaults are written in the largest unit that has no fraction, and read so again") {
  using std::chrono::milliseconds;
  for (const auto& [time, text] : {std::pair(0, "0"),
                                   {500, "500ms"},
                                   {90'000, "90s"},
                                   {600'000, "10m"},
                                   {7'200'000, "2h"},
                                   {86'400'000, "1d"}}) {
    CHECK(written(milliseconds(time)) == text);
    CHECK(parse_duration(text) == milliseconds(time));
  }
  CHECK(written_size(0) == "0");
  CHECK(written_size(4097) == "4097");
  CHECK(written_size(512 << 10) == "512K");
  CHECK(written_size(10LL << 30) == "10G");
  CHECK(written(*parse_space("1G, 5%")) == "1G, 5%");
  CHECK(written(0.95) == "0.95");
  CHECK(written(true) == "yes");
}
