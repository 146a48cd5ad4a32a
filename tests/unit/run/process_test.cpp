#include "rbit/run/process.h"

#include <sys/socket.h>
#include <sys/wait.h>

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

TEST_CASE_FIXTURE(test::RunFixture, "a leader started for another parent ends at once") {  // K3
  auto process =
      Process::start(loop.get_executor(), {RBIT_BINARY_DIR "/rbit-leader", "1", ""}, channel());
  REQUIRE(process.has_value());
  test::run(loop, process->wait());
  CHECK(WEXITSTATUS(process->native_status()) == 0);
}
