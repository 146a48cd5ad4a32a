#include "rbit/base/base64.h"

#include <doctest/doctest.h>

#include "tests/support/print.h"

using namespace rbit;

TEST_CASE("base64: the vectors of RFC 4648") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64::encoded(bytes) == text);
    CHECK(base64::decoded(text) == std::string(bytes));
  }
}

TEST_CASE("base64: any bytes come back") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    CHECK(base64::decoded(base64::encoded(bytes)) == bytes);
    bytes += static_cast<char>(i * 7);
  }
  CHECK(base64::encoded(std::string("\0\xff", 2)) == "AP8=");
}

TEST_CASE("base64: what is none is nothing") {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Zm9v\n", "Zm 9v===",
                           "Zm9v\n\n\n\n", "Zh==", "Zm9=", "Zg==Zg==", "Z-_=", "\xff\xff\xff\xff"})
    CHECK_MESSAGE(!base64::decoded(text), text);
}
