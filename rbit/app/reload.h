#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "rbit/app/configuration.h"
#include "rbit/app/control_server.h"
#include "rbit/app/crews.h"
#include "rbit/app/service_manager.h"
#include "rbit/app/steering_handlers.h"
#include "rbit/app/value_changes.h"
#include "rbit/base/notice.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/run/record_slots.h"

namespace rbit {

/// A new configuration in place of the one in force, while jobs run: whole, or not at all. What has
/// begun ends as it began. On the loop's thread.
class Reload {
 public:
  /// All of them outlive it.
  struct Means {
    Configuration& in_force;
    Crews& crews;
    Dispatcher& dispatcher;
    RecordSlots& records;
    SteeringHandlers& steering;
    ServiceManager& service;
    const std::atomic<bool>& told_to_stop;
    const ReadConfiguration& read;
    /// How many slots there are with this one.
    std::function<int(const Configuration&)> slots{};
    /// What the service manager is told when all is well.
    std::function<std::string()> status{};
  };
  Reload(const asio::any_io_executor& loop, Means means);

  /// {"do": "reload"}   {"ok", "file", "changed": [{"section", "key", "from", "to", "waits": for a
  ///                    restart}], "findings": [warnings]}, or {"ok": false, "file", "findings":
  ///                    why it is not taken}
  ControlServer::Handler handler();
  /// The same for a signal: the log tells what came of it. Several that come together are one.
  void soon();
  /// rbit was told to stop: ends when none is under way any more.
  Task<void> close();

 private:
  struct Answer {
    bool taken = false;
    std::vector<std::string> findings;
    std::vector<ValueChange> changes;
  };
  Task<void> answer(nlohmann::json request, ControlPeer& peer);
  Task<void> run_quietly();
  Task<Answer> run();
  Task<Answer> try_it();
  void take(Configuration next);
  void say(const Answer& result) const;

  asio::any_io_executor loop_;
  Means means_;
  bool is_busy_ = false, is_due_ = false, is_refusal_said_ = false;
  Notice done_;
};

}  // namespace rbit
