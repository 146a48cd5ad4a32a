// Nobody waits for where the log goes; what is lost is counted and said.
#include "rbit/log/writer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <climits>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/log/file.h"
#include "tests/support/temp_dir.h"

using namespace rbit;
using log::LogWriter;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds patience{60};

/// A place for lines that takes them or does not, as the test wants it.
struct FakePlace {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = true, broken = false;
  int waiting = 0, opened = 0;
  std::vector<std::string> lines, troubles;

  void set(bool is_open) {
    const std::lock_guard<std::mutex> guard(mutex);
    open = is_open;
    changed.notify_all();
  }
  void set_broken(bool is_broken) {
    const std::lock_guard<std::mutex> guard(mutex);
    broken = is_broken;
  }
  void wait_for_lines(std::size_t count) {
    std::unique_lock<std::mutex> guard(mutex);
    REQUIRE(changed.wait_for(guard, patience, [&] { return lines.size() >= count; }));
  }
  void wait_for_somebody_who_waits() {
    std::unique_lock<std::mutex> guard(mutex);
    REQUIRE(changed.wait_for(guard, patience, [this] { return waiting > 0; }));
  }
};

class PlaceSink : public log::Place {
 public:
  explicit PlaceSink(std::shared_ptr<FakePlace> place) : place_(std::move(place)) {}

  std::size_t room(milliseconds) const override {
    const std::lock_guard<std::mutex> guard(place_->mutex);
    return place_->open ? 100 : 0;
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) final {
    std::unique_lock<std::mutex> guard(place_->mutex);
    ++place_->waiting;
    place_->changed.notify_all();
    place_->changed.wait(guard, [this] { return place_->open; });
    --place_->waiting;
    if (place_->broken) throw spdlog::spdlog_ex("it is broken");
    place_->lines.emplace_back(message.payload.data(), message.payload.size());
    place_->changed.notify_all();
  }
  std::shared_ptr<FakePlace> place_;
};

LogWriter::Means means(const std::shared_ptr<FakePlace>& place) {
  LogWriter::Means means;
  means.open = [place](bool) {
    const std::lock_guard<std::mutex> guard(place->mutex);
    if (++place->opened > 1) place->lines.push_back("(opened)");
    return std::make_shared<PlaceSink>(place);
  };
  means.loss = [](std::size_t count) {
    return LogWriter::Line{{}, log::Level::warning, std::to_string(count) + " lost"};
  };
  means.tell = [place](const std::string& trouble) {
    const std::lock_guard<std::mutex> guard(place->mutex);
    place->troubles.push_back(trouble);
  };
  return means;
}

void say(LogWriter& writer, std::string text) {
  writer.write({std::chrono::system_clock::now(), log::Level::info, std::move(text)});
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("who writes does not wait; the oldest lines are lost, and their number is said") {
  const auto place = std::make_shared<FakePlace>();
  LogWriter writer(means(place));
  place->set(false);
  say(writer, "first");
  place->wait_for_somebody_who_waits();
  constexpr int many = 100'000;
  for (int i = 0; i < many; ++i) say(writer, std::to_string(i));
  place->set(true);
  LogWriter::flush_all(patience);

  const Lines& lines = place->lines;
  REQUIRE(lines.size() > 1000);
  CHECK(lines[0] == "first");
  const int lost = std::stoi(lines[1]);
  CHECK(lines[1] == std::to_string(lost) + " lost");
  // Those that are left are the last ones, in their order, and none is missing of them.
  CHECK(lost + static_cast<int>(lines.size()) - 2 == many);
  for (std::size_t i = 2; i < lines.size(); ++i)
    REQUIRE(lines[i] == std::to_string(lost + static_cast<int>(i) - 2));
  std::size_t kept = 0;
  for (const std::string& line : lines) kept += line.size();
  CHECK(kept < 256 * 1024);
}

TEST_CASE("a flush gives up after a while") {
  const auto place = std::make_shared<FakePlace>();
  LogWriter writer(means(place));
  place->set(false);
  say(writer, "one");
  const auto begin = std::chrono::steady_clock::now();
  LogWriter::flush_all(milliseconds(50));
  CHECK(std::chrono::steady_clock::now() - begin >= milliseconds(50));
  CHECK(place->lines.empty());
  place->set(true);
  LogWriter::flush_all(patience);
  CHECK(place->lines == Lines{"one"});
}

TEST_CASE("a place that fails is told of once, and what it cost when it works again") {
  const auto place = std::make_shared<FakePlace>();
  LogWriter writer(means(place));
  say(writer, "one");
  LogWriter::flush_all(patience);
  for (int round = 1; round <= 2; ++round) {
    place->set_broken(true);
    for (int i = 0; i < 3; ++i) say(writer, "lost");
    LogWriter::flush_all(patience);
    place->set_broken(false);
    say(writer, "again");
    LogWriter::flush_all(patience);
    CHECK(place->troubles.size() == static_cast<std::size_t>(round));
  }
  CHECK(place->troubles[0] == "the log: it is broken");
  CHECK(place->lines == Lines{"one", "3 lost", "again", "3 lost", "again"});
}

TEST_CASE("a place is opened again in its turn, also when the lines before that were lost") {
  const auto place = std::make_shared<FakePlace>();
  LogWriter writer(means(place));
  say(writer, "one");
  writer.reopen();
  say(writer, "two");
  LogWriter::flush_all(patience);
  CHECK(place->lines == Lines{"one", "(opened)", "two"});
  place->set(false);
  say(writer, "three");
  place->wait_for_somebody_who_waits();
  writer.reopen();
  for (int i = 0; i < 5; ++i) say(writer, std::string(100'000, 'x'));
  place->set(true);
  LogWriter::flush_all(patience);
  REQUIRE(place->lines.size() == 8);
  CHECK(place->lines[3] == "three");
  CHECK(place->lines[4] == "(opened)");
  CHECK(place->lines[5] == "3 lost");
}

TEST_CASE("what a writer was given arrives after it is gone") {
  const auto place = std::make_shared<FakePlace>();
  place->set(false);
  {
    LogWriter writer(means(place));
    say(writer, "one");
    say(writer, "two");
  }
  place->set(true);
  LogWriter::flush_all(patience);
  CHECK(place->lines == Lines{"one", "two"});
}

TEST_CASE("without a thread who writes brings what the place takes at once") {
  const auto place = std::make_shared<FakePlace>();
  const auto has_threads = std::make_shared<std::atomic<bool>>(false);
  LogWriter::Means its = means(place);
  its.remark = [](const std::string& trouble) {
    return LogWriter::Line{{}, log::Level::error, trouble};
  };
  its.start_thread = [has_threads](std::function<void()> work) {
    if (!*has_threads) throw std::system_error(EAGAIN, std::generic_category());
    std::thread(std::move(work)).detach();
  };
  {
    LogWriter writer(its);
    say(writer, "one");
    REQUIRE(place->lines.size() == 2);  // told of once, in the place itself
    CHECK(place->lines[0].starts_with("the log has no thread of its own: Resource temporarily"));
    CHECK(place->lines[1] == "one");
    place->set(false);
    say(writer, "two");
    say(writer, std::string(200, 'x'));
    LogWriter::flush_all(milliseconds(1));
    CHECK(place->lines.size() == 2);  // nobody has waited
    place->set(true);
    LogWriter::flush_all(milliseconds(1));
    REQUIRE(place->lines.size() == 4);
    CHECK(place->lines[2] == "two");
    CHECK(place->lines[3] == std::string(99, 'x'));  // and a line end are all that it takes
    *has_threads = true;
    say(writer, "three");
    place->wait_for_lines(5);
    CHECK(place->lines[4] == "three");
  }
  *has_threads = false;
  {
    LogWriter writer(its);
    place->set(false);
    say(writer, "four");
    place->set(true);
  }
  CHECK(place->lines.back() == "four");
}

TEST_CASE("a full pipe has no room, and its flags are left as they are") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reader(ends[0]), writer(ends[1]);
  const log::LogStream stream(writer.get());
  CHECK(stream.room(milliseconds(0)) == PIPE_BUF);
  const int size = ::fcntl(writer.get(), F_GETPIPE_SZ);
  const std::string much(static_cast<std::size_t>(size), 'x');
  REQUIRE(::write(writer.get(), much.data(), much.size()) == size);
  CHECK(stream.room(milliseconds(0)) == 0);
  CHECK((::fcntl(writer.get(), F_GETFL) & O_NONBLOCK) == 0);
  const test::TempDir dir;
  CHECK(log::LogFile(dir.path() + "/log", false).room(milliseconds(0)) > 1 << 30);
}

TEST_CASE("a FIFO needs no reader to be a log file, and is read when there is one") {
  const test::TempDir dir;
  const std::string path = dir.path() + "/fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  log::LogFile file(path, false);
  const auto write = [&](const std::string& text) {
    file.log(
        {std::chrono::system_clock::now(), spdlog::source_loc{}, "", spdlog::level::info, text});
  };
  write("one");
  for (const std::string wanted : {"one\n", "two\n"}) {  // and outlives its reader
    const Fd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK));
    REQUIRE(reader);
    char text[100];
    const ssize_t count = ::read(reader.get(), text, sizeof text);
    CHECK(std::string(text, count > 0 ? static_cast<std::size_t>(count) : 0) == wanted);
    write("two");
  }
}
