#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/core/dead_order.h"
#include "rbit/core/findings.h"
#include "rbit/core/job_answer.h"
#include "rbit/core/live_broker.h"
#include "rbit/core/message.h"
#include "rbit/core/message_source.h"
#include "rbit/core/queue_count.h"
#include "rbit/core/queued_message.h"

namespace rbit {

/// What is so of every broker of a kind. Nobody asks which kind it is.
struct BrokerTraits {
  /// How long a message may be out unacknowledged until it is taken back, unless somebody has
  /// changed that; none: for ever.
  std::optional<std::chrono::milliseconds> patience;
  /// Others may read its queues: what is not here may be with them, or lost.
  bool is_shared = false;
  /// Who waits for a job's answer gets it from a runner that sends one alone (`reply`).
  bool answers_by_reply = false;
  int descriptors = 0;  // that its connections take
};

/// A broker as the configuration names it: what commands ask, each for itself, whether an rbit runs
/// or not, and what the rbit that runs opens. Its calls block, and throw Fatal.
class Broker {
 public:
  /// Gets the lines of intake/dead_clerk.h, each once it is done.
  using TellDead = std::function<void(const nlohmann::json&)>;

  virtual ~Broker() = default;

  virtual const BrokerTraits& traits() const = 0;
  /// Where a message of `queue` waits until its next attempt, for people.
  virtual std::string retry_place(const std::string& queue,
                                  std::chrono::milliseconds delay) const = 0;

  /// Puts messages into their queues, where each waits for `delay`, and returns once all are safe
  /// there; `safe` counts those, also of a call that throws. Several are under way at once. The
  /// code is `temporary` if one may have arrived all the same.
  virtual void submit(MessageSource& messages, std::chrono::milliseconds delay,
                      std::size_t& safe) const = 0;
  /// Puts one there and waits for the answer of its job, for `patience` at the most; none: for
  /// ever. Then the code is `temporary`.
  virtual JobAnswer ask(Message message, std::chrono::milliseconds delay,
                        std::optional<std::chrono::milliseconds> patience) const = 0;
  /// Does what `rbit dead` is asked for; "kept": true marks those that wait at rbit for the broker.
  virtual void do_with_the_dead(DeadOrder order, const TellDead& tell) const = 0;
  /// What it keeps of its queues in the journal's file, for where no rbit runs; nothing of a broker
  /// that is elsewhere.
  virtual QueueCounts counts_in(Database& database) const = 0;
  /// When the first of the messages of a queue comes that wait there for their time, microseconds
  /// since 1970; 0: none does, or its broker is elsewhere.
  virtual std::int64_t next_due_in(Database& database, const std::string& queue) const = 0;
  /// Tells of the messages that it keeps in a queue: of those that could be taken now, in their
  /// order, until `tell` gives false, then so of those that wait for their time.
  virtual void queued_in(Database& database, const std::string& queue,
                         const TellQueued& tell) const = 0;
  /// Where it is, for people: without user and password.
  virtual std::string address() const = 0;
  /// Tells what can be known of the way to it without asking it.
  virtual void check(Findings& findings) const = 0;
  /// Asks it. `management` is the port of its HTTP interface, if that is to be asked too.
  virtual void check_live(std::optional<int> management, Findings& findings) const = 0;

  /// For the rbit that runs, which holds the database. Clock and database outlive what is opened.
  virtual std::unique_ptr<LiveBroker> open(const asio::any_io_executor& loop, Clock& clock,
                                           Database& database) const = 0;
};

}  // namespace rbit
