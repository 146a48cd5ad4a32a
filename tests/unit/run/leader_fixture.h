#pragma once

#include <boost/asio/this_coro.hpp>
#include <functional>
#include <string>
#include <utility>

#include "rbit/run/pipe_reader.h"
#include "tests/unit/run/run_fixture.h"

namespace rbit::test {

/// Runs scripts under a leader.
struct LeaderFixture : RunFixture {
  LeaderPool* pool = &leaders;
  std::string output, events, record;  // closed again once the job is over

  /// Runs `script` in /bin/sh under a leader; `stop` is called once it said "ready".
  JobEnd sh(std::string script, std::function<void(Leader&)> stop = {},
            std::function<void(JobOrder&)> change = {}) {
    return run(loop, run_sh(std::move(script), std::move(stop), std::move(change)));
  }

  Task<JobEnd> run_sh(std::string script, std::function<void(Leader&)> stop,
                      std::function<void(JobOrder&)> change) {
    output.clear();
    record.clear();
    auto lease = pool->acquire();
    REQUIRE(lease.has_value());
    auto out = make_pipe();
    auto event = make_pipe();
    REQUIRE(out.has_value());
    REQUIRE(event.has_value());
    JobOrder order;
    order.argv = {"/bin/sh", "-c", script};
    order.environment = {"PATH=/usr/bin:/bin"};
    order.directory = dir.path();
    order.stdin_fd = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    order.output_fd = std::move(out->second);
    order.events_fd = std::move(event->second);
    if (change) change(order);
    if (order.record.empty()) order.record = record = fresh_record();
    Leader& leader = **lease;
    bool stopped = false;
    PipeReader reader(loop.get_executor(), std::move(out->first), [&](std::string_view bytes) {
      output += bytes;
      if (stop && !stopped && output.find("ready") != std::string::npos) {
        stopped = true;
        stop(leader);
      }
    });
    PipeReader event_reader(loop.get_executor(), std::move(event->first),
                            [&](std::string_view bytes) { events += bytes; });
    auto started = leader.run(std::move(order));
    REQUIRE(started.has_value());
    JobEnd end = co_await leader.ended();
    if (!record.empty()) close_record(record);
    co_await reader.drain();
    co_await event_reader.drain();
    co_return end;
  }
};

}  // namespace rbit::test
