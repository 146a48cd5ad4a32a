#pragma once

#include <map>
#include <string>
#include <vector>

#include "rbit/app/control_server.h"
#include "rbit/app/recent_messages.h"
#include "rbit/app/status_report.h"
#include "rbit/base/clock.h"
#include "rbit/config/settings.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/journal/pause_table.h"

namespace rbit {

/// What the running rbit answers to who looks at it as a whole, and steers it:
///
///   {"do": "status"}            {"status": as status_report.h has it}
///   {"do": "message", "job"}    {"message": {"queue", "properties": as core/message_codec.h has
///                               them, "bytes": in base64}}, to do that job once more under a key
///                               of its own; null: it is not held
///   {"do": "pause", "queue"}    {"ok", "queues": those that are paused now and were not}; "": all
///   {"do": "resume", "queue"}   {"ok", "queues": those that are not any more}; "": all
class SteeringHandlers {
 public:
  /// All outlive this.
  SteeringHandlers(const config::Settings& settings, const Clock& clock, Database& database,
                   Dispatcher& dispatcher, const StatusReport& report,
                   const RecentMessages& recent);

  std::map<std::string, ControlServer::Handler> all();
  /// Holds those queues that are paused on record: at the start, and when others are read.
  Result<void> pause_those_on_record();

 private:
  Task<void> status(nlohmann::json request, ControlPeer& peer);
  Task<void> message(nlohmann::json request, ControlPeer& peer);
  Task<void> pause(nlohmann::json request, ControlPeer& peer);
  Task<void> resume(nlohmann::json request, ControlPeer& peer);

  const config::Settings& settings_;
  const Clock& clock_;
  Dispatcher& dispatcher_;
  const StatusReport& report_;
  const RecentMessages& recent_;
  PauseTable pauses_;
};

}  // namespace rbit
