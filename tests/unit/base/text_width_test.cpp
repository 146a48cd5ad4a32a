#include "rbit/base/text_width.h"

#include <doctest/doctest.h>

using namespace rbit;

TEST_CASE("wide letters take two columns, accents none") {
  CHECK(text::columns_of("") == 0);
  CHECK(text::columns_of("abc") == 3);
  CHECK(text::columns_of("\xc3\xa4") == 1);
  CHECK(text::columns_of("a\xcc\x88") == 1);                 // a and a diaeresis upon it
  CHECK(text::columns_of("\xe6\x9c\xac\xe8\xaa\x9e") == 4);  // two Chinese letters
  CHECK(text::columns_of("\xf0\x9f\x9a\x80") == 2);          // a rocket
  CHECK(text::columns_of("\xff\xfe") == 2);                  // no text at all
}

TEST_CASE("a beginning never ends within a letter, nor between it and its accent") {
  CHECK(text::first_columns("\xe6\x9c\xac\xe8\xaa\x9e", 3) == "\xe6\x9c\xac");
  CHECK(text::first_columns("\xe6\x9c\xac", 1).empty());
  CHECK(text::first_columns("a\xcc\x88z", 1) == "a\xcc\x88");
  CHECK(text::first_columns("abc", 100) == "abc");
}
