#include "rbit/monitor/form.h"

#include <doctest/doctest.h>

using namespace rbit;

TEST_CASE("escapes are bytes, and what is none stays") {
  CHECK(unescaped("a%2Fb%20%e2%82%ac+c", false) == "a/b \u20ac+c");
  CHECK(unescaped("a+b%2B", true) == "a b+");
  CHECK(unescaped("%", false) == "%");
  CHECK(unescaped("%2", false) == "%2");
  CHECK(unescaped("%2g%%41", false) == "%2g%A");
  CHECK(unescaped("%252F", false) == "%2F");
}

TEST_CASE("a form gives the first field of a name, and numbers that are some") {
  const char* form = "x&token=a%26b&token=c&from=17&attempt=-1&big=99999999999999999999&=e";
  CHECK(field_of(form, "token") == "a&b");
  CHECK(field_of(form, "toke") == "");
  CHECK(field_of(form, "x") == "");
  CHECK(field_of(form, "") == "e");
  CHECK(number_of(form, "from", -1) == 17);
  CHECK(number_of(form, "attempt", 0) == 0);
  CHECK(number_of(form, "big", 5) == 5);
  CHECK(number_of("", "from", -1) == -1);
}
