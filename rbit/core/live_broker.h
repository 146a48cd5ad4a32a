#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/copy_links.h"
#include "rbit/core/dead_letters.h"
#include "rbit/core/message.h"
#include "rbit/core/publication.h"
#include "rbit/core/queue_count.h"
#include "rbit/core/report_sink.h"
#include "rbit/core/transport.h"

namespace rbit {

/// What page and health show of a broker.
struct BrokerState {
  bool connected = false;
  std::string away;                    // why it is not connected, and what helps
  std::string words;                   // all of it, for people
  std::optional<std::string> blocked;  // why it takes no messages; none: it does, or is away
};

/// What a broker's news call.
struct BrokerNews {
  /// `why`: what a try to connect, or the connection, ended with.
  std::function<void(bool connected, const std::string& why)> connection;
  /// It took messages back because they were out for longer than `limit`; negative: it did not say
  /// how long that is.
  std::function<void(std::chrono::milliseconds limit)> acknowledgement_timeout;
  /// It refuses our login (at the start: exit 77).
  std::function<void(const Error&)> not_welcome;
  /// The two do not understand each other (exit 70).
  std::function<void(const Error&)> hopeless;
  /// Another rbit has our name there.
  std::function<void(const Error&)> name_taken;
};

/// A broker as the rbit that runs has it. It connects when its transport is started. On the loop's
/// thread. REQUIRES: `close` has ended before it is destroyed while the loop runs.
class LiveBroker {
 public:
  virtual ~LiveBroker() = default;

  /// Before its transport is started.
  virtual void listen(BrokerNews news) = 0;

  virtual Transport& transport() = 0;
  /// Takes reports into the queue that the configuration names for them.
  /// REQUIRES: it names one, which it does not for a broker without status queues.
  virtual std::unique_ptr<ReportSink> status_sink() = 0;

  /// None: publications leave through the outbox, by `publication_sink`.
  virtual Enqueue enqueue() = 0;
  /// Sends what jobs publish, rows of the target "publish". REQUIRES: there is no `enqueue`.
  virtual std::unique_ptr<ReportSink> publication_sink() = 0;
  /// Why nothing can ever be published there; "": it may be.
  virtual std::string mistake_of(const Destination& to) const = 0;

  /// A front-end may cancel jobs here, if this broker brings its word. `cancel` gets the job's id;
  /// an Error is tried again.
  using Cancel = std::function<Task<Result<void>>(std::string job_id)>;
  virtual void take_cancels(Cancel cancel) = 0;
  /// Every job of an earlier life is known: what waits may be taken.
  virtual void opened() = 0;
  /// No more cancels.
  virtual Task<void> close_cancels() = 0;

  /// None: it keeps the copies of retries as safe as the journal.
  virtual std::optional<CopyLinks> copy_links() = 0;

  /// Puts a message into its queue, for a command, where it waits for `delay`, and gives its key
  /// once it is safe there.
  virtual Task<Result<std::string>> submit(Message message, std::chrono::milliseconds delay) = 0;
  /// Whether a message with this id, which no other one has, ever came here.
  virtual bool has(const std::string& message_id) const = 0;
  /// Its dead letters; nullptr: commands look at them there themselves.
  virtual std::unique_ptr<DeadLetters> dead_letters() = 0;

  virtual BrokerState state() const = 0;
  /// Its address and version, while connected: what was learned of it is kept under this name.
  virtual std::string name() const = 0;
  /// A queue that was not reached so far, or a moment ago, is about to be read for so long.
  static constexpr std::chrono::milliseconds usual_grace{5'000};
  /// Why queues are not being read now, and what helps, by their names.
  virtual std::map<std::string, std::string> unread_queues(
      std::chrono::milliseconds grace) const = 0;

  /// How much is in the queues that are read, as it is now or was some seconds ago; waits for
  /// `patience` at the most for who has to be asked. What is not known is missing.
  virtual Task<QueueCounts> count_queues(std::chrono::milliseconds patience) = 0;

  /// Deliveries still out are void; what waits to be published fails.
  virtual Task<void> close() = 0;
};

}  // namespace rbit
