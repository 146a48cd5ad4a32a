#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <iterator>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/fd.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/record_slots.h"
#include "rbit/run/run_place.h"
#include "rbit/run/work_places.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"
#include "tests/support/temp_dir.h"

namespace rbit::test {

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Living processes (no zombies) with `text` in their environment.
inline std::size_t processes_with(const std::string& text) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    if (!std::isdigit(static_cast<unsigned char>(entry.path().filename().string()[0]))) continue;
    const std::string environment = read_file(entry.path() / "environ");
    if (environment.find(text) != std::string::npos) ++count;
  }
  return count;
}

/// What runners are made of: a loop, leaders, places in a fresh directory.
struct RunFixture {
  TempDir dir;
  asio::io_context loop{1};
  SystemClock clock;
  LeaderPool leaders{loop.get_executor(), RBIT_BINARY_DIR "/rbit-leader"};
  std::shared_ptr<WorkPlaces> work_places =
      std::make_shared<WorkPlaces>(loop.get_executor(), directories());
  int records = 0;

  ~RunFixture() {
    for (int i = 1; i <= records; ++i) close_record((dir / ("record" + std::to_string(i))) + "#1");
    run(loop, work_places->close());
    run(loop, leaders.close());
    // Nothing of ours is left, not even a zombie.
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  }

  std::string fresh_record() {
    const auto record = make_record(dir / ("record" + std::to_string(++records)));
    REQUIRE(record.has_value());
    return *record;
  }
  RunPlace place() const {
    RunPlace place = directories();
    place.work_places = work_places;
    return place;
  }
  RunPlace directories() const {
    RunPlace place;
    place.leader_program = RBIT_BINARY_DIR "/rbit-leader";
    place.plugin_host_program = RBIT_BINARY_DIR "/rbit-plugin-host";
    place.python_program = "/usr/bin/python3";
    place.python_host_dir = RBIT_SOURCE_DIR "/runners/python";
    place.state_dir = dir.path();
    place.work_dir = dir / "work";
    place.log_dir = dir / "logs";
    place.output_dir = dir / "output";
    place.config_dir = dir.path();
    return place;
  }
  /// Waits until `condition` holds; the test's own time limit is that of CTest.
  template <class Condition>
  void until(Condition condition) {
    run(loop, wait_until(std::move(condition)));
  }
  template <class Condition>
  Task<void> wait_until(Condition condition) {
    while (!condition()) co_await clock.sleep_for(milliseconds(2));
  }
};

}  // namespace rbit::test
