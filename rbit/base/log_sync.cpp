#include "rbit/base/log_sync.h"

#include <sqlite3.h>

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "rbit/base/aside.h"
#include "rbit/base/blocked_signals.h"

namespace rbit {

namespace {

int sync(sqlite3_file* log) {
  return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

}  // namespace

struct LogSync::Thread {
  std::mutex mutex;  // of what follows but `thread`
  std::condition_variable changed;
  sqlite3_file* log = nullptr;  // to be synced, or being synced
  std::function<void()> wake;   // posts to the loop that `code` is there
  std::optional<int> code;      // of the sync that has ended, until the loop has taken it
  bool ends = false;
  std::thread thread;

  void live() {
    std::unique_lock<std::mutex> guard(mutex);
    for (;;) {
      changed.wait(guard, [this] { return log != nullptr || ends; });
      if (log == nullptr) return;
      guard.unlock();
      const int came_to = sync(log);
      guard.lock();
      code = came_to;
      log = nullptr;
      std::exchange(wake, nullptr)();
      changed.notify_all();
    }
  }
};

LogSync::LogSync(const asio::any_io_executor& loop, std::function<void(int code)> done)
    : loop_(loop), done_(std::move(done)) {}

LogSync::~LogSync() {
  if (!thread_) return;
  {
    const std::lock_guard<std::mutex> guard(thread_->mutex);
    thread_->ends = true;
    thread_->changed.notify_all();
  }
  thread_->thread.join();
}

/// The thread comes with the first sync: who only reads needs none. The next one asks again.
bool LogSync::has_thread() {
  if (thread_) return true;
  auto made = std::make_unique<Thread>();
  const BlockedSignals blocked;
  try {
    made->thread = std::thread([thread = made.get()] { thread->live(); });
    thread_ = std::move(made);
  } catch (const std::system_error& failed) {
    say_no_thread(failed);
  }
  return thread_ != nullptr;
}

void LogSync::begin(sqlite3_file* log) {
  if (!has_thread()) {
    done_(sync(log));
    return;
  }
  // Whole before anything is begun: where there is no memory for it, `finish` has nothing to wait
  // for.
  std::function<void()> wake = [this, loop = loop_, alive = lifetime_.watch()] {
    asio::post(loop, [this, alive] {
      if (!alive.is_over()) collect();
    });
  };
  busy_ = asio::prefer(loop_, asio::execution::outstanding_work.tracked);
  {
    const std::lock_guard<std::mutex> guard(thread_->mutex);
    thread_->log = log;
    thread_->wake = std::move(wake);
  }
  thread_->changed.notify_all();  // who wakes finds the mutex free
}

void LogSync::finish() {
  if (!busy_) return;
  {
    std::unique_lock<std::mutex> guard(thread_->mutex);
    thread_->changed.wait(guard, [this] { return thread_->code.has_value(); });
  }
  collect();
}

void LogSync::collect() {
  std::optional<int> code;
  if (thread_) {
    const std::lock_guard<std::mutex> guard(thread_->mutex);
    code = std::exchange(thread_->code, std::nullopt);
  }
  if (!code) return;                                      // `finish` was here first
  const auto guard = std::exchange(busy_, std::nullopt);  // the loop stays until `done` is through
  done_(*code);
}

}  // namespace rbit
