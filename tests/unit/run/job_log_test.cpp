#include "rbit/run/job_log.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace rbit {

namespace {

using test::TempDir;
namespace fs = std::filesystem;

constexpr std::int64_t mebibyte = 1 << 20;

Job sample(int attempt = 1) {
  Job job;
  job.key = "0a1b";
  job.queue = "any_any_latex_pdf";
  job.attempt = attempt;
  job.timestamp = 1367322533;
  job.request.package = "m9000";
  job.request.version = "1:1.1";
  job.request.arch = "any";
  return job;
}

std::string numbered(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a job log keeps what came, byte by byte, under a made name") {
  const TempDir place;
  const std::string raw("out\r\n\x1b[1m\xff\0no line end", 22);
  JobLog log(place / "logs", sample(), mebibyte);
  log.write(raw.substr(0, 5));
  log.write(raw.substr(5));
  log.close();
  CHECK(log.path() == (place / "logs/any_any_latex_pdf/0a1b-1.log"));
  CHECK(test::read_file(log.path()) == raw);
  CHECK(log.bytes() == static_cast<std::int64_t>(raw.size()));
  CHECK_FALSE(log.trouble().has_value());
}

TEST_CASE("a job without output has no log; one is written before it is closed") {
  const TempDir place;
  { const JobLog log(place.path(), sample(), mebibyte); }
  CHECK_FALSE(fs::exists(place / "any_any_latex_pdf"));

  JobLog log(place.path(), sample(2), mebibyte);
  log.write("half a line");
  log.flush();
  CHECK(test::read_file(log.path()) == "half a line");
  log.write(std::string(100'000, '\n'));  // more than is gathered
  CHECK(fs::file_size(log.path()) > 60'000);
}

TEST_CASE("a job that writes nothing leaves its file to the next, one that writes takes it") {
  const TempDir place;
  const SpareLogs logs(place.path());
  const auto spares = [&] { return test::names_in(place / ".spare"); };
  std::vector<std::string> first;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    JobLog log(logs, sample(attempt), mebibyte);
    REQUIRE(log.begin().has_value());
    if (first.empty()) first = spares();
    log.close();
    CHECK(log.is_empty());
    CHECK(first.size() == 1);
    CHECK(spares() == first);
  }
  CHECK(test::names_in(place.path()) == std::vector<std::string>{".spare"});
  JobLog note(logs, sample(4), mebibyte);
  REQUIRE(note.begin().has_value());
  note.note("said");
  CHECK_FALSE(note.is_empty());
  note.close();
  CHECK_FALSE(note.is_empty());
  CHECK(spares().empty());
  CHECK(test::read_file(note.path()) == "rbit: said\n");
  CHECK((test::mode_of(note.path()) & 07) == 0);
}

TEST_CASE("without output the log of an earlier attempt of that name is gone all the same") {
  const TempDir place;
  for (const char* text : {"old\n", ""}) {
    JobLog log(place.path(), sample(), mebibyte);
    REQUIRE(log.begin().has_value());
    log.write(text);
    log.close();
    CHECK(fs::exists(log.path()) == (*text != '\0'));
  }
}

TEST_CASE("spare files that somebody or an earlier life left") {
  const TempDir place;
  SpareLogs logs(place.path());
  JobLog log(logs, sample(), mebibyte);
  REQUIRE(log.begin().has_value());
  fs::remove_all(place / ".spare");
  log.write("text\n");
  log.close();
  CHECK(test::read_file(log.path()) == "text\n");
  JobLog next(logs, sample(2), mebibyte);
  REQUIRE(next.begin().has_value());
  CHECK(test::names_in(place / ".spare").size() == 1);
  SpareLogs next_life(place.path());
  next_life.give_back(std::move(*next_life.take()));
  next_life.remove_leftovers();
  CHECK(test::names_in(place / ".spare").size() == 1);
  next_life.close();
  CHECK(test::names_in(place / ".spare").empty());
}

TEST_CASE("an attempt that is made once more has a fresh log, and links are not followed") {
  const TempDir place;
  test::write_file(place / "precious", "precious");
  fs::create_directory(place / "any_any_latex_pdf");
  fs::create_symlink(place / "precious", place / "any_any_latex_pdf/0a1b-1.log");
  JobLog log(place.path(), sample(), mebibyte);
  log.write("new\n");
  log.close();
  CHECK(test::read_file(log.path()) == "new\n");
  CHECK(test::read_file(place / "precious") == "precious");
}

TEST_CASE("the old name links to the log, the second of a name gets .2") {
  const TempDir place;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    for (int again = 0; again < 2; ++again) {
      JobLog log(place.path(), sample(attempt), mebibyte);
      log.write("attempt " + std::to_string(attempt));
    }
  }
  const std::string name = place / "m9000_1:1.1-any-1367322533";
  CHECK(test::read_file(name) == "attempt 1");
  CHECK(test::read_file(name + ".2") == "attempt 2");
  CHECK(test::read_file(name + ".3") == "attempt 3");
  CHECK_FALSE(fs::exists(name + ".4"));
}

TEST_CASE("the old name is made of checked names only") {
  const TempDir place;
  for (const std::string package : {"../x", "", "a/b", "a b", "a\nb"}) {
    Job job = sample();
    job.request.package = package;
    JobLog log(place.path(), job, mebibyte);
    log.write("output");
  }
  CHECK(test::names_in(place.path()) == std::vector<std::string>{"any_any_latex_pdf"});
}

TEST_CASE("of too much output the first and the last half are kept") {
  const TempDir place;
  for (const int lines : {3000, 20'000, 200'000}) {
    JobLog log(place.path(), sample(), 64 * 1024);
    const std::string all = numbered(0, lines);
    for (std::size_t at = 0; at < all.size(); at += 999) log.write(all.substr(at, 999));
    log.close();
    const std::string kept = test::read_file(log.path());
    CHECK(log.bytes() == static_cast<std::int64_t>(all.size()));
    if (all.size() <= 64 * 1024) {
      CHECK(kept == all);
      continue;
    }
    const std::size_t half = 32 * 1024;
    std::string expected = all.substr(0, half);
    if (expected.back() != '\n') expected += '\n';
    expected += std::to_string(all.size() - 2 * half) + " bytes left out\n";
    expected += all.substr(all.size() - half);
    CHECK(kept == expected);
  }
}

TEST_CASE("long lines are cut, the mark says by how much") {
  const TempDir place;
  JobLog log(place.path(), sample(), mebibyte);
  for (int i = 0; i < 100; ++i) log.write(std::string(1000, 'x'));
  log.write("\nshort\n");
  log.write(std::string(16 * 1024, 'y') + "\n");
  log.write(std::string(16 * 1024 + 1, 'z'));
  log.close();
  const std::string x(16 * 1024, 'x'), y(16 * 1024, 'y'), z(16 * 1024, 'z');
  CHECK(test::read_file(log.path()) ==
        x + "... [83616 bytes cut]\nshort\n" + y + "\n" + z + "... [1 bytes cut]");
}

TEST_CASE("a progress bar drawn with CR is not a long line") {
  const TempDir place;
  JobLog log(place.path(), sample(), mebibyte);
  std::string bar;
  for (int i = 0; i < 5000; ++i) bar += "\r" + std::to_string(i / 50) + " %";
  log.write(bar + "\n");
  CHECK(log.last_lines(1) == std::vector<std::string>{"99 %"});
  log.close();
  CHECK(test::read_file(log.path()) == bar + "\n");
}

TEST_CASE("the last lines are those with words in them, safe to print") {
  const TempDir place;
  JobLog log(place.path(), sample(), mebibyte);
  CHECK(log.last_lines(3).empty());
  log.write("one\n\n  two \x1b[1m\n   \nthr");
  log.write("ee\r\n");
  CHECK(log.last_lines(2) == std::vector<std::string>{"two \\x1b[1m", "three"});
  log.write("no end");
  log.note("3 processes outlived the job");
  CHECK(log.last_lines(2) == std::vector<std::string>{"three", "no end"});
  log.write("after\n");
  CHECK(log.last_lines(1) == std::vector<std::string>{"after"});
  CHECK(log.last_lines(100).size() == 5);
  log.write(numbered(0, 100'000));
  CHECK(log.last_lines(2) == std::vector<std::string>{"line 99998", "line 99999"});
}

TEST_CASE(
    "the last lines have no secret, however it came: in pieces, over line ends, cut, in base64") {
  const TempDir place;
  const std::string secret = "pineapple-7421";
  secrets::hide(secret);
  const auto last = [&](const std::vector<std::string>& pieces) {
    JobLog log(place.path(), sample(), mebibyte);
    for (const auto& piece : pieces) log.write(piece);
    return text::join(log.last_lines(3), "|");
  };
  CHECK(last({"it is pinea", "pple-74", "21\n"}) == "it is ***");
  CHECK(last({"it is pinea\npple-7421\nend\n"}) == "it is ***|end");
  CHECK(last({"cGluZWFwc", "GxlLTc0MjE=\n"}) == "***");
  // A line that is too long, in the middle of it; and much of it, which *** makes short.
  std::string much;
  while (much.size() < 16 * 1024 + 5) much += secret;
  CHECK(last({much}).find("pine") == std::string::npos);
  const std::string line = std::string(16 * 1024 - 5, 'x') + "\r" + much.substr(0, 16 * 1024 - 5);
  CHECK(last({line, secret, "\n"}).find("pine") == std::string::npos);
  // What is kept for it begins in the middle of one.
  std::vector<std::string> flood(4000, secret);
  const std::string kept = last(flood);
  CHECK(kept.find("7421") == std::string::npos);
  CHECK(kept.find("ple") == std::string::npos);
}

TEST_CASE("rbit's own notes stand on lines of their own") {
  const TempDir place;
  JobLog log(place.path(), sample(), mebibyte);
  log.note("first");
  log.write("half a line");
  log.note("second\nand no third");
  log.close();
  CHECK(test::read_file(log.path()) == "rbit: first\nhalf a line\nrbit: second\\x0aand no third\n");
  CHECK(log.bytes() == 11);
}

TEST_CASE("a log that cannot be written fails nothing and says why") {
  const TempDir place;
  test::write_file(place / "file", "");
  JobLog log(place / "file/logs", sample(), mebibyte);
  log.write(std::string(200'000, '\n') + "lost\n");
  log.close();
  REQUIRE(log.trouble().has_value());
  CHECK(log.trouble()->text().find(place / "file") != std::string::npos);
  CHECK(log.last_lines(1) == std::vector<std::string>{"lost"});
}

TEST_CASE("when the disk is full output is dropped, and marked when there is room again") {
  const TempDir place;
  fs::create_directory(place / "any_any_latex_pdf");
  JobLog log(place.path(), sample(), mebibyte);
  log.write("before\n");
  log.flush();
  // Stands in for a full disk: no file of ours may grow beyond this.
  struct rlimit old {
  }, tight{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  tight = old;
  tight.rlim_cur = 10;
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  log.write("abcdefgh\n");
  log.flush();
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, old_handler);
  log.write("after\n");
  log.close();
  CHECK(test::read_file(log.path()) ==
        "before\nabc\nrbit: 6 bytes could not be written here\nafter\n");
  REQUIRE(log.trouble().has_value());
}

}  // namespace rbit
