#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "rbit/app/control_server.h"
#include "rbit/app/keeper_socket.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/notice.h"
#include "rbit/core/job_observer.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/run/record_slots.h"

namespace rbit {

/// Takes the state directory: where another rbit works there and drains, it is asked to hand over
/// first (rbit/doc/order.rst, hand-over). Throws Fatal as StateDir::open does, and 75 if it does
/// not hand over.
StateDir take_over(const std::string& path);

/// The side of the rbit that is asked. On the loop's thread.
class HandOver {
 public:
  /// All of them outlive it.
  struct Means {
    const std::string& state_dir;
    const std::atomic<bool>& told_to_stop;
    Dispatcher& dispatcher;
    JobObservers& observers;
    const RecordSlots& records;
    /// Ends once nothing of an earlier life is being brought on record.
    std::function<Task<void>()> recovered;
    /// Lets go of everything that the successor needs, the lock last. What runs stays.
    std::function<Task<void>()> let_go;
    /// The successor was answered.
    std::function<void()> answered;
  };
  HandOver(const asio::any_io_executor& loop, Means means);

  /// {"do": "hand-over", "version"}   {"ok"}: the lock is free, or soon will be
  ControlServer::Handler handler();

  /// When no job runs any more: true if everything is our successor's by now. Else nothing will be
  /// handed over any more, and rbit ends as it always does.
  Task<bool> is_done();
  /// Ends when what the keeper had to say is said.
  Task<void> close();

 private:
  Task<void> answer(nlohmann::json request, ControlPeer& peer);
  enum class State { idle, resting, letting_go, done, ending };
  void hold_what_runs();

  asio::any_io_executor loop_;
  Means means_;
  State state_ = State::idle;
  Notice changed_;
  std::unique_ptr<KeeperSocket> keeper_;
};

}  // namespace rbit
