#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "rbit/base/lifetime.h"
#include "rbit/base/task.h"

struct sqlite3_file;

namespace rbit {

/// Syncs SQLite's log on a thread of its own, one sync at a time, so that the loop commits on
/// meanwhile. Where no thread can be had it is done on the loop. On the loop's thread.
class LogSync {
 public:
  /// `done` is called on the loop, with SQLite's code, once for each `begin`.
  LogSync(const asio::any_io_executor& loop, std::function<void(int code)> done);
  ~LogSync();  // waits for what is under way; `done` does not hear of it
  LogSync(const LogSync&) = delete;
  LogSync& operator=(const LogSync&) = delete;

  bool is_busy() const { return busy_.has_value(); }
  /// REQUIRES: not busy. Until `done` nobody else syncs or closes `log`; it may be written.
  void begin(sqlite3_file* log);
  /// Waits for what is under way; `done` has heard of it then.
  void finish();

 private:
  struct Thread;

  bool has_thread();
  void collect();

  asio::any_io_executor loop_;
  std::function<void(int code)> done_;
  std::unique_ptr<Thread> thread_;
  std::optional<asio::any_io_executor> busy_;  // keeps the loop running while a sync is under way
  Lifetime lifetime_;
};

}  // namespace rbit
