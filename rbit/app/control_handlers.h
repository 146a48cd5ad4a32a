#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "rbit/app/control_server.h"
#include "rbit/app/followers.h"
#include "rbit/app/progress_board.h"
#include "rbit/base/database.h"
#include "rbit/base/notice.h"
#include "rbit/config/settings.h"
#include "rbit/core/broker.h"
#include "rbit/core/journal.h"
#include "rbit/core/live_broker.h"
#include "rbit/dispatch/dispatcher.h"

namespace rbit {

/// What the running rbit answers to the other commands:
///
///   {"do": "submit", "queue", "properties": as core/message_codec.h has them, "bytes": the body in
///    base64, "delay": milliseconds, "follow": true}   {"ok", "key"}, then statuses
///   {"do": "submit_many", "delay", "messages": [{"queue", "properties", "bytes"}, ...]}   {"ok",
///                               "taken": how many, "refused": why the first was not that was not}
///   {"do": "follow", "key", "queue"}   {"ok", "past": [...]}, then {"status", "reason", "message",
///                               "attempt"} until a final one; meanwhile {"progress": {"done",
///                               "total", "text", "due"}} or, with "output": true and of a job that
///                               tells none, {"output": its last line}; of a job that has not
///                               begun {"waits": why its queue does}, if it is given and does
///   {"do": "jobs", "limit", ...}   {"jobs": [...]}, those that job_list.h says of that filter
///   {"do": "job", "job"}        {"job": {...}}, by any name that History::find takes
///   {"do": "explain", "job"}    {"story": {...}}, the same and all that the journal has of it
///   {"do": "cancel", "job"}     {"ok"}
///   {"do": "unread"}            {"unread": {"queue": "why it is not read"}}
///   {"do": "dead", "act", "queues", "ids", "reason", "limit"}   the lines of intake/dead_clerk.h;
///                               of a broker's dead letters, those that it refused
class ControlHandlers {
 public:
  /// All outlive this.
  ControlHandlers(const asio::any_io_executor& loop, const config::Settings& settings,
                  Database& database, Journal& journal, Dispatcher& dispatcher,
                  Followers& followers, const ProgressBoard& board, const Broker& kind,
                  LiveBroker& broker);

  std::map<std::string, ControlServer::Handler> all();

 private:
  Task<void> submit(nlohmann::json request, ControlPeer& peer);
  /// Several messages that are submitted together.
  struct Submission {
    explicit Submission(const asio::any_io_executor& loop) : ended(loop) {}
    std::size_t left = 0, taken = 0;
    std::optional<Error> refused;
    Notice ended;
  };
  Task<void> submit_many(nlohmann::json request, ControlPeer& peer);
  Task<void> submit_one(Message message, std::chrono::milliseconds delay, Submission& all);
  Task<void> follow(nlohmann::json request, ControlPeer& peer);
  Task<void> jobs(nlohmann::json request, ControlPeer& peer);
  Task<void> job(nlohmann::json request, ControlPeer& peer);
  Task<void> explain(nlohmann::json request, ControlPeer& peer);
  Task<void> cancel(nlohmann::json request, ControlPeer& peer);
  Task<void> unread(nlohmann::json request, ControlPeer& peer);
  Task<void> dead(nlohmann::json request, ControlPeer& peer);
  std::unique_ptr<DeadLetters> dead_letters();
  struct Awaited {
    std::string key, queue;  // none: whoever follows does not want to know why it waits
    bool wants_output = false;
  };
  Task<void> pass_on(Followers::Follower& follower, Awaited job, ControlPeer& peer);
  std::string why_it_waits(const Awaited& job) const;
  Task<Result<std::string>> cancel_later(std::string name);
  Error not_found(const std::string& key, const Error& why) const;
  Error not_cancelled(const std::string& key) const;
  void add_progress(nlohmann::json& job) const;
  std::string output_of(const std::string& key) const;

  asio::any_io_executor loop_;
  const config::Settings& settings_;
  Database& database_;
  Journal& journal_;
  Dispatcher& dispatcher_;
  Followers& followers_;
  const ProgressBoard& board_;
  const Broker& kind_;  // of broker
  LiveBroker& broker_;
};

/// A job as the answers have it; the commands read the same where no rbit runs. What only the rbit
/// that runs knows comes on top: {"progress": {"done", "total", "text", "due"}}, or {"output"}, the
/// last line of it.
nlohmann::json describe(const JobRecord& job);
Result<nlohmann::json> describe_job(Database& database, const std::string& key);

}  // namespace rbit
