#include "rbit/base/aside.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/support/log_capture.h"
#include "tests/support/loop.h"

using namespace rbit;

namespace {

/// Which thread does the work.
std::thread::id worker() {
  asio::io_context loop{1};
  std::function<std::thread::id()> work = [] { return std::this_thread::get_id(); };
  return test::run(loop, aside(std::move(work)));
}

}  // namespace

TEST_CASE("work that takes its time is done on a thread of its own") {
  CHECK(worker() != std::this_thread::get_id());
}

TEST_CASE("where no thread can be had it is done all the same") {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};  // not for root, who may always have one more
    if (::setrlimit(RLIMIT_NPROC, &none) != 0) ::_exit(77);
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(77);
    try {
      std::thread([] {}).join();
      ::_exit(77);
    } catch (const std::exception&) {
      std::size_t said = 0;
      bool on_the_loop = true;
      {
        const test::LogCapture log;
        for (int i = 0; i < 2; ++i) on_the_loop &= worker() == std::this_thread::get_id();
        said = log.lines("no thread is to be had").size();
      }
      ::_exit(on_the_loop && said == 1 ? 0 : 1);
    }
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    MESSAGE("skipped: no limit of processes here");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
}
