#include "rbit/app/log_piece.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

using namespace rbit;

TEST_CASE("a log comes in pieces, the end of it first") {
  test::TempDir dir;
  const std::string path = dir.path() + "/log";
  test::write_file(path, "0123456789");
  auto piece = read_piece(path, -1, 4);
  REQUIRE(piece.has_value());
  CHECK(piece->bytes == "6789");
  CHECK(piece->from == 6);
  CHECK(piece->next == 10);
  piece = read_piece(path, 0, 4);
  CHECK(piece->bytes == "0123");
  CHECK(piece->next == 4);
  CHECK(piece->size == 10);
  CHECK(read_piece(path, 10, 4)->bytes.empty());
  CHECK(read_piece(path, 11, 4)->from == 6);  // the middle was taken out meanwhile
  CHECK(read_piece(dir.path() + "/none", -1, 4)->size == 0);
  CHECK_FALSE(read_piece(dir.path(), -1, 4).has_value());
  REQUIRE(::symlink(path.c_str(), (dir.path() + "/link").c_str()) == 0);
  CHECK_FALSE(read_piece(dir.path() + "/link", -1, 4).has_value());
}

TEST_CASE("the last line that is not blank, as it looks in the end") {
  test::TempDir dir;
  const std::string path = dir.path() + "/log";
  CHECK(last_line_of(path).empty());
  test::write_file(path, "one\n 10%\r 20%\r\n\n  \n");
  CHECK(last_line_of(path) == "20%");
  test::write_file(path, std::string(10'000, 'x') + "\n\x1b[2Jtwo");
  CHECK(last_line_of(path) == "\\x1b[2Jtwo");
}
