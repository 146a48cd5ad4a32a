#include "rbit/run/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <optional>
#include <utility>

#include "rbit/base/clock.h"
#include "tests/unit/run/run_fixture.h"

using namespace rbit;

namespace {

Fd channel() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  ::close(ends[0]);
  return Fd(ends[1]);
}

}  // namespace

TEST_CASE_FIXTURE(test::RunFixture, "a process is reaped and its end is known") {
  auto process = Process::start(loop.get_executor(), {"/bin/sh", "-c", "exit 7"}, channel());
  REQUIRE(process.has_value());
  test::run(loop, process->wait());
  CHECK(WEXITSTATUS(process->native_status()) == 7);
  CHECK_FALSE(std::filesystem::exists("/proc/" + std::to_string(process->pid())));
}

TEST_CASE_FIXTURE(test::RunFixture, "a program that is not there is an error at once") {
  const auto process = Process::start(loop.get_executor(), {"/nonexistent"}, channel());
  REQUIRE(process.has_error());
  CHECK(process.error().text().find("No such file") != std::string::npos);
}

TEST_CASE_FIXTURE(test::RunFixture, "the leader refuses to be started by hand") {
  auto process =
      Process::start(loop.get_executor(), {RBIT_BINARY_DIR "/rbit-leader", "1"}, channel());
  REQUIRE(process.has_value());
  test::run(loop, process->wait());
  CHECK(WEXITSTATUS(process->native_status()) == 2);
}

TEST_CASE_FIXTURE(test::RunFixture, "a leader started for another parent ends at once") {
  auto process =
      Process::start(loop.get_executor(), {RBIT_BINARY_DIR "/rbit-leader", "1", ""}, channel());
  REQUIRE(process.has_value());
  test::run(loop, process->wait());
  CHECK(WEXITSTATUS(process->native_status()) == 0);
}

namespace {

/// A pipe that can be read from the start.
boost::asio::posix::stream_descriptor readable(const boost::asio::any_io_executor& loop) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::write(ends[1], "x", 1) == 1);
  ::close(ends[1]);
  return {loop, ends[0]};
}

}  // namespace

TEST_CASE_FIXTURE(test::RunFixture, "an event of a closed descriptor does not stop the loop") {
  // Both are seen to be readable at once. Who is first closes the other, whose place in the
  // reactor the process gets, and with it the event that is still under way.
  auto one = readable(loop.get_executor()), other = readable(loop.get_executor());
  std::optional<Process> process;
  const auto start_instead_of = [&](boost::asio::posix::stream_descriptor& late) {
    return [&](boost::system::error_code error) {
      if (error || process) return;
      late.close();
      auto started = Process::start(loop.get_executor(), {"/bin/sleep", "60"}, channel());
      REQUIRE(started.has_value());
      process = std::move(*started);
    };
  };
  one.async_wait(one.wait_read, start_instead_of(other));
  other.async_wait(other.wait_read, start_instead_of(one));
  bool went_on = false;
  boost::asio::steady_timer timer(loop, std::chrono::milliseconds(50));
  timer.async_wait([&](boost::system::error_code) {
    went_on = !process->has_ended();
    process->kill();
  });
  test::run(loop, [](const bool& stop, std::optional<Process>& it) -> Task<void> {
    SystemClock own_clock;
    while (!stop) co_await own_clock.sleep_for(milliseconds(5));
    co_await it->wait();
  }(went_on, process));
  CHECK(went_on);
  CHECK(WTERMSIG(process->native_status()) == SIGKILL);
}

TEST_CASE_FIXTURE(test::RunFixture, "an end is seen where no descriptor is left to see it by") {
  const boost::asio::steady_timer timer(loop);  // the loop has its own descriptors from now on
  Fd end = channel();
  Fd next(::dup(end.get()));
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  const rlimit full{static_cast<rlim_t>(next.get()) + 1, usual.rlim_max};  // one is left
  next.reset();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &full) == 0);
  auto process = Process::start(loop.get_executor(), {"/bin/sh", "-c", "exit 7"}, std::move(end));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  REQUIRE(process.has_value());
  test::run(loop, process->wait());
  CHECK(WEXITSTATUS(process->native_status()) == 7);
}
