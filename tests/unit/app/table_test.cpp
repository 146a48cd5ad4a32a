#include "rbit/app/table.h"

#include <doctest/doctest.h>

using namespace rbit;

TEST_CASE("columns are as wide as what they hold, and empty ones are left out") {
  Table table({{"NAME"}, {"NOTHING"}, {"COUNT", true}, {"LAST"}});
  table.add({"a", "", "7", "x"});
  table.add({"longer", "", "1234567", ""});
  table.add({"\xc3\xa4\xc3\xb6", "", "", "y"});
  CHECK(table.text(0, false) ==
        "NAME      COUNT  LAST\n"
        "a             7  x\n"
        "longer  1234567\n"
        "\xc3\xa4\xc3\xb6               y\n");
}

TEST_CASE("a line that is too long loses of its widest column first") {
  Table table({{"A", false, true}, {"B", false, true}, {"C"}});
  table.add({std::string(40, 'a'), std::string(12, 'b'), "c"});
  CHECK(table.text(30, false) == "A              B             C\n" + std::string(10, 'a') +
                                     "...  " + std::string(12, 'b') + "  c\n");
  // Below 8 letters nothing is cut: then the line is as long as it is.
  CHECK(table.text(5, false).find("aaaaa...  bbbbb...  c\n") != std::string::npos);
}

TEST_CASE("wide letters stand in line with the others") {
  Table table({{"NAME", false, true}, {"NEXT"}});
  table.add({"\xe6\x9c\xac\xe8\xaa\x9e", "x"});
  table.add({"abcd", "y"});
  CHECK(table.text(0, false) == "NAME  NEXT\n\xe6\x9c\xac\xe8\xaa\x9e  x\nabcd  y\n");
}

TEST_CASE("colours are put around the text, not around the blanks") {
  Table table({{"A"}, {"B"}});
  table.add({{"bad", Colour::bad}, "x"});
  CHECK(table.text(0, true) == "\x1b[2mA\x1b[0m    \x1b[2mB\x1b[0m\n\x1b[31mbad\x1b[0m  x\n");
}

TEST_CASE("a text is cut after whole letters") {
  CHECK(cut_to("abcdef", 6) == "abcdef");
  CHECK(cut_to("abcdefg", 6) == "abc...");
  CHECK(cut_to("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 4) == "\xc3\xa4...");
  CHECK(cut_to("abcdef", 2) == "..");
  CHECK(cut_to("", 0).empty());
}
