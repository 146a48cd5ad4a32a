#include "rbit/base/secrets.h"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace rbit;

TEST_CASE("a hidden text is shown nowhere, the longest first") {
  secrets::hide("open sesame");
  secrets::hide("open sesame, please");
  CHECK(secrets::redacted("open sesame, please") == "***");
  CHECK(secrets::redacted("said open sesame and open sesame") == "said *** and ***");
  CHECK(secrets::redacted("open sesam") == "open sesam");
}

TEST_CASE("a text too short or known to all is not hidden: it would black out what is none of it") {
  for (const char* text : {"abc", "guest", ""}) {
    secrets::hide(text);
    CHECK(secrets::redacted("abc guest") == "abc guest");
  }
}

TEST_CASE("a part of the word password is hidden everywhere but there: PyBit's old one is pass") {
  secrets::hide("swor");
  CHECK(secrets::redacted("write [status] password and password-file: swor, swords, passwor") ==
        "write [status] password and password-file: ***, ***ds, pas***");
  CHECK(secrets::redacted("swor") == "***");
  CHECK(secrets::redacted("passwordswor") == "password***");
}

TEST_CASE("the user part of a URL loses its password, whoever wrote it") {
  CHECK(secrets::redacted("amqp://me:pw1@host/v") == "amqp://***@host/v");
  CHECK(secrets::redacted("at 'http://a:b@c:1/x' and //d:e@f") ==
        "at 'http://***@c:1/x' and //***@f");
  CHECK(secrets::redacted("http://u:p@ss@host/") == "http://***@host/");
  for (const char* harmless :
       {"http://host:80/a@b", "http://me@host/", "//", "a // b:c@d", "x@y:z"})
    CHECK(secrets::redacted(harmless) == harmless);
}

TEST_CASE("a variable is taken out of the environment, its bytes too") {
  ::setenv("RBIT_TEST_SECRET", "swordfish", 1);
  const char* bytes = std::getenv("RBIT_TEST_SECRET");
  CHECK(secrets::take_variable("RBIT_TEST_SECRET") == "swordfish");
  CHECK(std::getenv("RBIT_TEST_SECRET") == nullptr);
  CHECK(bytes[0] == '\0');
  CHECK(secrets::take_variable("RBIT_TEST_SECRET").empty());
}

TEST_CASE("what is wiped is gone from memory") {
  std::string text = "a secret that is too long for the string itself";
  const char* bytes = text.data();
  secrets::wipe(text);
  CHECK(text.empty());
  CHECK(bytes[2] == '\0');  // the string keeps its memory
}
