#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "rbit/base/task.h"

namespace rbit {

/// A command's own short loop: runs one task to its end. What it throws is thrown here.
template <class T>
T run_alone(asio::io_context& loop, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr thrown;
  loop.restart();
  asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T value) {
    thrown = error;
    result.emplace(std::move(value));
    loop.stop();
  });
  loop.run();
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}

}  // namespace rbit
