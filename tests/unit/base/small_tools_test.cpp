#include <doctest/doctest.h>

#include <optional>

#include "rbit/base/backoff.h"
#include "rbit/base/lifetime.h"
#include "rbit/base/sha256.h"
#include "rbit/base/text.h"

using namespace rbit;
using namespace std::chrono_literals;

TEST_CASE("bytes as hexadecimal digits and in the percent form of URLs") {
  CHECK(text::hex(std::string_view("\0\x7f\xff", 3)) == "007fff");
  CHECK(text::percent_encoded("a b/\xe9%.", ".") == "a%20b%2F%E9%25.");
  CHECK(text::percent_encoded("", "").empty());
}

TEST_CASE("a cut leaves whole letters") {
  CHECK(text::first_bytes("abc", 3) == "abc");
  CHECK(text::first_bytes("abc", 2) == "ab");
  CHECK(text::first_bytes("a\xc3\xa9", 2) == "a");
  CHECK(text::first_bytes("\xe2\x82\xac", 2).empty());
}

TEST_CASE("a text has only letters, digits and what else is allowed") {
  CHECK(text::has_only("aZ09_", "_"));
  CHECK_FALSE(text::has_only("a-b", "_"));
  CHECK_FALSE(text::has_only(std::string_view("a\0b", 3), "_-"));
  CHECK_FALSE(text::has_only("\xc3\xa9", ""));
}

TEST_CASE("a digest of pieces is that of the whole") {
  CHECK(Sha256().add("a").add("").add("bc").hex() == text::sha256_hex("abc"));
  CHECK(text::sha256_hex("abc").substr(0, 16) == "ba7816bf8f01cfea");
}

TEST_CASE("pauses double up to their cap, and begin again") {
  Backoff pauses(1s, 5s);
  CHECK(pauses.next_step() == 1s);
  CHECK(pauses.next_step() == 2s);
  CHECK(pauses.step() == 4s);
  CHECK(pauses.next() <= 4s);
  CHECK(pauses.next_step() == 5s);
  CHECK(pauses.next_step() == 5s);
  pauses.reset();
  CHECK(pauses.next_step() == 1s);
}

TEST_CASE("a watch sees the end of a lifetime") {
  std::optional<Lifetime> one(std::in_place);
  const Lifetime::Watch watch = one->watch();
  CHECK_FALSE(watch.is_over());
  one.reset();
  CHECK(watch.is_over());
  Lifetime other;
  const Lifetime::Watch second = other.watch();
  other.end();
  CHECK(second.is_over());
}
