#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "rbit/base/task.h"

namespace rbit::test {

/// Runs `task` on `loop` until it ends and gives its result; what it throws is thrown here.
/// The loop goes on with everything else that is spawned on it meanwhile.
template <class T>
T run(asio::io_context& loop, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr thrown;
  bool ended = false;
  asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T value) {
    thrown = error;
    result.emplace(std::move(value));
    ended = true;
  });
  loop.restart();
  while (!ended && loop.run_one() > 0) {
  }
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}

inline void run(asio::io_context& loop, Task<void> task) {
  std::exception_ptr thrown;
  bool ended = false;
  asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error) {
    thrown = error;
    ended = true;
  });
  loop.restart();
  while (!ended && loop.run_one() > 0) {
  }
  if (thrown) std::rethrow_exception(thrown);
}

/// Runs the loop until `condition` holds; false after a patience that no sane machine needs.
inline bool eventually(asio::io_context& loop, const std::function<bool()>& condition,
                       std::chrono::seconds patience = std::chrono::seconds(60)) {
  const auto end = std::chrono::steady_clock::now() + patience;
  loop.restart();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    loop.run_one_for(std::chrono::milliseconds(50));
    if (loop.stopped()) loop.restart();
  }
  return true;
}

}  // namespace rbit::test
