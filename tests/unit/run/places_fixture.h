#pragma once

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rbit/run/work_places.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace rbit::test {

/// The places of an rbit, in a fresh directory.
struct Places {
  TempDir dir;
  asio::io_context loop{1};
  std::shared_ptr<WorkPlaces> all = make();

  std::shared_ptr<WorkPlaces> make() {
    RunPlace place;
    place.state_dir = dir / "state";
    place.work_dir = dir / "work";
    place.log_dir = dir / "logs";
    return std::make_shared<WorkPlaces>(loop.get_executor(), place);
  }
  Workspace lend(const Account* owner = nullptr) {
    auto lent = all->lend(owner);
    REQUIRE_MESSAGE(lent.has_value(), (lent ? std::string() : lent.error().text()));
    return std::move(*lent);
  }
  /// Until nothing is given up that is still there.
  void settle() {
    loop.restart();
    loop.run();
  }
  std::vector<std::string> roots() { return test::names_in(dir / "work"); }
  std::vector<std::string> links() { return test::names_in(dir / "state/slots"); }
};

/// Until the change times of what was just made are of the past, as they are in a service.
inline void let_settle() {
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
}

}  // namespace rbit::test
