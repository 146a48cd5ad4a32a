// The files of Python's handlers: what is in which of them, under which name.
#include <doctest/doctest.h>
#include <spdlog/details/log_msg.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "rbit/log/python_files.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/log/recorded_python.h"

using namespace rbit;
using namespace rbit::log;

namespace {

using test::names_in;
using test::read_file;

void write(LogFile& file, const std::string& text, std::time_t at = 1'000'000) {
  file.log({std::chrono::system_clock::from_time_t(at), spdlog::source_loc{}, "",
            spdlog::level::info, text});
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a file is appended to or begun anew, its directory is made") {
  const test::TempDir dir;
  const std::string path = dir.path() + "/sub/log";
  {
    LogFile file(path, false);
    write(file, "a");
  }
  {
    LogFile file(path, false);
    write(file, "b");
  }
  CHECK(read_file(path) == "a\nb\n");
  {
    LogFile file(path, true);
    write(file, "c");
  }
  CHECK(read_file(path) == "c\n");
  CHECK_THROWS_AS(LogFile(dir.path(), false), spdlog::spdlog_ex);
}

TEST_CASE("a watched file that was moved away is opened anew") {
  const test::TempDir dir;
  const std::string path = dir.path() + "/log";
  WatchedFile file(path, false);
  write(file, "a");
  std::filesystem::rename(path, path + ".old");
  write(file, "b");
  std::filesystem::remove(path);
  write(file, "c");
  write(file, "d");
  CHECK(read_file(path + ".old") == "a\n");
  CHECK(read_file(path) == "c\nd\n");
}

TEST_CASE("a file that would reach its limit becomes NAME.1, that one NAME.2") {
  const test::TempDir dir;
  const std::string path = dir.path() + "/rbit.log";
  RotatingFile file(path, true, 10, 2);  // with a limit, 'w' begins nothing anew
  for (const char* text : {"1234", "5678", "90", "abcdefghijklmn", "x", "y"}) write(file, text);
  CHECK(names_in(dir.path()) == Names{"rbit.log", "rbit.log.1", "rbit.log.2"});
  CHECK(read_file(path) == "x\ny\n");
  CHECK(read_file(path + ".1") == "abcdefghijklmn\n");
  CHECK(read_file(path + ".2") == "5678\n90\n");
}

TEST_CASE("without a limit or without backups a file never turns") {
  const test::TempDir dir;
  RotatingFile none(dir.path() + "/a", false, 0, 5), keeps(dir.path() + "/b", false, 5, 0);
  for (int i = 0; i < 5; ++i) write(none, "line"), write(keeps, "line");
  CHECK(names_in(dir.path()) == Names{"a", "b"});
  CHECK(read_file(dir.path() + "/b").size() == 25);
}

TEST_CASE("when a line cannot rotate its file it is written all the same") {
  const test::TempDir dir;
  std::filesystem::create_directories(dir.path() + "/log.1/full");
  RotatingFile file(dir.path() + "/log", false, 5, 1);
  write(file, "a");
  CHECK_THROWS_AS(write(file, "bcdef"), spdlog::spdlog_ex);
  CHECK(read_file(dir.path() + "/log") == "a\nbcdef\n");
}

TEST_CASE("the turns of a timed file are Python's") {
  const auto cases = test::recorded_python("turns");
  REQUIRE(cases.size() == 48);
  for (const auto& one : cases) {
    const TimedFile::Turn turn{one["when"], one["interval"]};
    const std::time_t now = one["now"];
    CAPTURE(one.dump());
    CHECK(turn.after(now) == one["turn"].get<std::time_t>());
    CHECK(turn.suffix(turn.after(now)) == one["began"].get<std::string>());
  }
}

TEST_CASE("a timed file is renamed after its turn, the oldest ones go") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  const test::TempDir dir;
  const std::string path = dir.path() + "/log";
  test::write_file(path + ".mine", "no turn of ours");
  TimedFile file(path, {"D", 1}, 2);
  const std::time_t day = 86400, today = std::time(nullptr) / day * day, later = today + 2 * day;
  write(file, "0", today);  // its first turn is within a day from now
  write(file, "1", later);
  write(file, "2", later + day);
  write(file, "3", later + 2 * day + 10);
  write(file, "4", later + 3 * day);
  const auto there = names_in(dir.path());
  REQUIRE(there.size() == 4);
  CHECK(there.front() == "log");
  CHECK(there.back() == "log.mine");
  CHECK(read_file(path) == "3\n4\n");
  CHECK(read_file(dir.path() + "/" + there[1]) == "1\n");
  CHECK(read_file(dir.path() + "/" + there[2]) == "2\n");
}

TEST_CASE("a link in a log's place is followed if it is ours, and not if it is a stranger's") {
  const test::TempDir dir;
  std::filesystem::create_symlink("elsewhere", dir.path() + "/log");
  {
    WatchedFile file(dir.path() + "/log", false);
    write(file, "ours");
  }
  CHECK(read_file(dir.path() + "/elsewhere") == "ours\n");
  if (::geteuid() != 0) return;
  REQUIRE(::lchown((dir.path() + "/log").c_str(), 12345, 12345) == 0);
  CHECK_THROWS(WatchedFile(dir.path() + "/log", false));
  CHECK(read_file(dir.path() + "/elsewhere") == "ours\n");
}
