#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <optional>

#include "rbit/base/task.h"

namespace rbit {

/// Logs that something is done on the loop for want of a thread, now and then.
void say_no_thread(const std::exception& failed);

/// What `work` gives, done on a thread of its own, so that the loop goes on meanwhile. Where no
/// thread can be had (a job may have used up the processes of our user) it is done on the loop:
/// late is better than not at all, and better than the exception. The log says so.
template <class T>
Task<T> aside(std::function<T()> work) {
  std::optional<asio::thread_pool> thread;
  try {
    thread.emplace(1);
  } catch (const std::exception& failed) {
    thread.reset();
    say_no_thread(failed);
  }
  if (!thread) co_return work();
  auto on_thread = [&work]() -> Task<T> { co_return work(); };
  T result = co_await asio::co_spawn(*thread, on_thread, asio::use_awaitable);
  co_return result;
}

}  // namespace rbit
