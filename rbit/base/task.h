#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace rbit {

namespace asio = boost::asio;

/// A coroutine on the loop's one thread. It starts when it is awaited or spawned.
/// (g++ 12: do not write a braced temporary inside a co_await expression; name it first.)
template <class T = void>
using Task = asio::awaitable<T>;

/// Runs `task` beside everything else, to its end. An exception that leaves it ends the program
/// with a line that names `what`: running code returns Results and throws nothing.
void spawn(const asio::any_io_executor& loop, Task<void> task, const char* what);

}  // namespace rbit
