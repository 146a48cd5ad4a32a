#include "rbit/base/secrets.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "rbit/base/text.h"

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

TEST_CASE("a secret is found in whatever spelling a tool gives it") {
  secrets::hide("s3cr/t&K\"y");
  for (const char* text : {"s3cr/t&K\"y", "s3cr%2Ft%26K%22y", "s3cr%2ft&K%22y", "s3cr\\/t&K\\\"y",
                           "s3cr/t\\u0026K\\x22y", "%733cr%2Ft%26K%22y", "s3cr\n/t&K\r\n\"y"})
    CHECK(secrets::redacted("<" + std::string(text) + ">") == "<***>");
  CHECK(secrets::redacted("s3cr%2Et&K\"y") == "s3cr%2Et&K\"y");
  secrets::hide("two words");
  CHECK(secrets::redacted("a=two+words&b=two%20words") == "a=***&b=***");
}

TEST_CASE("of a secret of several lines each one is hidden") {
  secrets::hide("-----BEGIN-----\nMIIEvQ\r\nAbCdEfGh\n");
  CHECK(secrets::redacted("x -----BEGIN-----\nMIIEvQ\nAbCdEfGh y") == "x *** y");
  CHECK(secrets::redacted("x AbCdEfGh y") == "x *** y");
}

namespace {

std::string base64(std::string_view bytes, bool url_safe, bool padded) {
  const std::string digits =
      std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") +
      (url_safe ? "-_" : "+/");
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t j = i; j < i + 3; ++j)
      group = group * 256u + (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0u);
    for (int digit = 0; digit < 4; ++digit) {
      const bool said = digit <= static_cast<int>(std::min<std::size_t>(bytes.size() - i, 3));
      if (said) out += digits[(group >> (18 - 6 * digit)) & 63u];
      if (!said && padded) out += '=';
    }
  }
  return out;
}

}  // namespace

TEST_CASE(
    "base64 of a secret: wherever it begins, in both alphabets, padded or not, wrapped or not") {
  for (const std::string secret : {">>>>???~", "hunter2-", "Tr0ub4dor&3\xff\xfe", "q7z!"}) {
    secrets::hide(secret);
    for (const std::string before : {"", "u", "us", "user:", "a\xffZ"})
      for (const std::string after : {"", "@", "@h", "@host"})
        for (const bool url_safe : {false, true})
          for (const bool padded : {false, true}) {
            const std::string whole = base64(before + secret + after, url_safe, padded);
            CAPTURE(whole);
            const std::string shown = secrets::redacted(whole);
            CHECK(shown.find("***") != std::string::npos);
            // What is left are digits of the neighbours alone.
            const auto left = std::count_if(shown.begin(), shown.end(),
                                            [](char c) { return c != '*' && c != '='; });
            CHECK(left <=
                  static_cast<std::ptrdiff_t>(before.size() * 8 / 6 + (after.size() * 8 + 5) / 6));
            std::string wrapped;
            for (const char c : whole) wrapped += std::string(1, c) + "\n";
            std::string joined;
            for (const char c : secrets::redacted(wrapped))
              if (c != '\n') joined += c;
            CHECK(joined == shown);
          }
  }
  CHECK(secrets::redacted(base64("hunter2-", false, true)) == "***");
  CHECK(secrets::redacted("Basic " + base64("me:hunter2-", false, true) + " x") ==
        "Basic bWU6*** x");
}

TEST_CASE("at the cut of somebody else the rest of a secret is hidden too") {
  using secrets::Missing;
  secrets::hide("correct horse");
  CHECK(secrets::redacted("said corr", Missing::end) == "said ***");
  CHECK(secrets::redacted("said corr...", Missing::end) == "said ***...");
  CHECK(secrets::redacted("said correct%20h", Missing::end) == "said ***");
  CHECK(secrets::redacted("said correct%2", Missing::end) == "said ***");
  CHECK(secrets::redacted("said correct horse", Missing::end) == "said ***");
  CHECK(secrets::redacted("ct horse, said", Missing::beginning) == "***, said");
  CHECK(secrets::redacted("at http://me:pw1", Missing::end) == "at http://me:***");
  CHECK(secrets::redacted("w1@host said", Missing::beginning) == "***@host said");
  CHECK(secrets::redacted("no more", Missing::end) == "no more");
  CHECK(secrets::redacted("no more", Missing::beginning) == "no more");
  CHECK(secrets::redacted("", Missing::end).empty());
}

TEST_CASE("secrets that overlap leave nothing of each other") {
  secrets::hide("abcdXefgh");
  secrets::hide("efghYijkl");
  CHECK(secrets::redacted("1 abcdXefghYijkl 2") == "1 *** 2");
}

TEST_CASE("what is cut is hidden first") {
  secrets::hide("battery-staple");
  const std::string text = std::string(70, 'x') + "battery-staple" + std::string(100, 'y');
  CHECK(text::one_line(text, 80) == std::string(70, 'x') + "***yyyyyyy...");
  CHECK(text::shortened(text, 72) == std::string(70, 'x') + "**...");
  CHECK(text::one_line("battery-\nstaple") == "***");
  CHECK(text::printable("battery-staple\n") == "battery-staple\\x0a");  // to the letter
  CHECK(text::shortened("short", 5) == "short");
  CHECK(text::shortened("\u00e4\u00e4", 3) == "\u00e4...");
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
