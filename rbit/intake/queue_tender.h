#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/amqp/connection.h"
#include "rbit/base/backoff.h"
#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/base/recent.h"
#include "rbit/base/task.h"
#include "rbit/intake/amqp_reader.h"
#include "rbit/intake/read_channel.h"
#include "rbit/intake/topology.h"

namespace rbit {

struct AmqpTransportSettings {
  amqp::ConnectionSettings connection;
  std::vector<WorkQueue> queues;  // `start` names which of them are read
  Topology::Declare declare = Topology::Declare::yes;
  bool quorum = false;  // the type of rbit's own queues, else classic
  std::string exchange = "pybit";
  std::optional<std::chrono::milliseconds> poll_time;  // none: subscribe
  std::string worker;                                  // our name, for the headers of copies
  int channels_for_others = 1;  // of the connection: for what is opened for a moment, and more
  // How soon a queue is tried again: at first, doubled up to 60 s; where somebody has it for
  // himself, and it is read within 5 s after he left.
  std::chrono::milliseconds queue_retry{5'000}, locked_retry{3'500};
};

/// Keeps one queue read, through every refusal, and troubles no other queue with it. It reads on
/// the connection that all share; a queue that had a connection ended (by what was asked of it, or
/// by a message that cannot be read) gets one of its own, for as long as that lives and until it
/// was read there. What is refused is tried again, ever more seldom. On the loop's thread.
class QueueTender {
 public:
  /// All outlive this.
  struct Means {
    const AmqpTransportSettings& settings;
    Topology& topology;
    ReadChannels& channels;
    Notice& changed;  // of any channel or connection; closing
    /// The connection of all; none while it is away.
    std::function<std::shared_ptr<amqp::Connection>()> common;
    std::function<void()> noted;  // whether the queue is read, or its trouble, has changed
    std::function<void(std::chrono::milliseconds)> acknowledgement_timeout;
  };

  QueueTender(const asio::any_io_executor& loop, std::shared_ptr<AmqpReader> reader, Means means);

  AmqpReader& reader() { return *reader_; }

  /// Ends after `close`.
  Task<void> run();
  Task<void> close();
  /// The queue is not read any more: ends once nothing of it is under way to us, and once all that
  /// is out is answered, if that came on a connection of its own.
  Task<void> leave();

  /// Why the queue is not being read now, with the cure; empty: it is, or the broker is away.
  const std::string& trouble() const { return trouble_; }
  /// It has a channel to be read on. One in trouble has one too, while it is tried again.
  bool reads() const { return reads_; }
  /// On a connection of its own.
  bool is_apart() const { return apart_; }
  /// For how long it has had no channel.
  SteadyTime::duration unread_for() const;

 private:
  Task<std::shared_ptr<amqp::Connection>> own_connection();
  Task<amqp::Refusal> read(std::shared_ptr<amqp::Connection> connection);
  /// Draws the conclusions; how long to wait before the next try.
  std::chrono::milliseconds pause_after(amqp::Refusal why);
  bool another_way(const amqp::Refusal& why);
  Task<void> wait(std::chrono::milliseconds pause, std::shared_ptr<amqp::Connection> connection);
  void note_trouble(const amqp::Refusal& why);
  void note_health();
  const std::string& name() const { return reader_->queue().name; }

  asio::any_io_executor loop_;
  std::shared_ptr<AmqpReader> reader_;
  Means means_;
  std::shared_ptr<amqp::Connection> own_;
  bool apart_ = false;     // on a connection of its own
  bool was_read_ = false;  // for a while, since it is apart
  bool gets_are_deadly_ = false;
  std::optional<SteadyTime> attached_;  // when the last try began to read
  Backoff steps_;
  Recent odd_closes_;  // of its channel, by the broker
  std::string trouble_;
  bool reads_ = false;
  SteadyTime unread_since_;
  bool closing_ = false, has_ended_ = false;
};

}  // namespace rbit
