#pragma once

#include <pthread.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "rbit/amqp/mailbox.h"
#include "rbit/amqp/settings.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"

namespace rbit::amqp {

class Connection;

/// One channel of one connection. Requests are sent in the order they are made and need not
/// wait for each other. Once closed, by whomever, it stays closed and refuses everything. Dropped,
/// it is closed at the broker. On the loop's thread.
class Channel {
 public:
  using Done = std::function<void(Answer)>;
  struct Events {
    std::function<void(Incoming)> delivered;
    std::function<void(const std::string& tag)> consumer_cancelled;  // by the broker
    /// By the broker or with the connection; not when we close it.
    std::function<void(const Refusal&)> closed;
  };

  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void listen(Events events) { events_ = std::move(events); }
  bool is_open() const { return open_; }

  /// `done` is called once in a later turn of the loop; none: the answer does not matter.
  void request(Request request, Done done = {});
  void settle(Settle settle) { request(settle); }
  void publish(Outgoing message, Done done) { request(std::move(message), std::move(done)); }
  Task<Answer> call(Request request);

  void close();

 private:
  friend class Connection;
  Channel(const asio::any_io_executor& loop, std::weak_ptr<Connection> connection,
          std::uint16_t number)
      : loop_(loop), connection_(std::move(connection)), number_(number) {}
  void ended(const Refusal& why);

  asio::any_io_executor loop_;
  std::weak_ptr<Connection> connection_;
  std::uint16_t number_;
  bool open_ = true;
  Events events_;
};

/// Waits for a callback: `start` gets a function that ends the wait, to be called once, in a later
/// turn of the loop.
Task<Answer> answer_of(std::function<void(std::function<void(Answer)>)> start);

/// One connection to a broker, from one login to its end; it does not come back (`Keeper` makes the
/// next one). It owns one I/O thread with all signals blocked. All members on the loop's thread.
/// Whoever holds a Connection or one of its Channels holds its epoch: nothing of an old connection
/// can reach a new one.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Events {
    std::function<void(const Refusal&)> closed;  // once, after an `open` that succeeded
    std::function<void(bool blocked, const std::string& reason)> blocked;
  };

  Connection(const asio::any_io_executor& loop, ConnectionSettings settings);
  /// Ends the thread. A TLS connection that is being made may take its 5 s.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Tries every endpoint and address once. Called once.
  Task<Answer> open();
  void listen(Events events) { events_ = std::move(events); }

  /// A channel that is being opened; requests to it may follow at once.
  std::shared_ptr<Channel> new_channel();

  /// The same, once a number is free for it: the broker may allow few.
  Task<std::shared_ptr<Channel>> channel_when_free();

  /// Everything sent before is sent; then a goodbye, which the broker has 2 s to answer.
  Task<void> close();
  /// Cuts it off. Its channels and `closed` hear of it, and of `why`, in a later turn of the loop.
  void abort(std::string why = "");

  bool is_open() const { return state_ == State::open; }
  bool is_blocked() const { return blocked_; }
  int channel_max() const { return terms_.channel_max; }  // as negotiated
  /// How many channels the broker had opened for us, at its end.
  int channels_at_end() const { return channels_at_end_; }
  const std::string& peer() const { return terms_.peer; }  // "host:port"; empty before it is open
  /// "host:port PRODUCT VERSION", as it calls itself.
  std::string broker() const { return terms_.peer + " " + terms_.product; }

 private:
  friend class Channel;
  enum class State { fresh, opening, open, closed };
  using Done = std::function<void(Answer)>;

  void send(std::uint16_t channel, Request what, Done done);
  void close_channel(std::uint16_t number);
  std::shared_ptr<Channel> channel(std::uint16_t number) const;
  void take_events();
  void handle(Opened& event);
  void handle(Answered& event);
  void handle(Delivered& event);
  void handle(ConsumerCancelled& event);
  void handle(ChannelClosed& event);
  void handle(Blocked& event);
  void handle(Closed& event);
  int start_thread();
  static void* thread_main(void* argument);
  void watch();

  asio::any_io_executor loop_;
  ConnectionSettings settings_;
  Events events_;
  State state_ = State::fresh;
  bool blocked_ = false;
  Opened terms_{};  // as negotiated
  Done opened_;
  Notice ended_;
  std::string aborted_because_;
  std::shared_ptr<Mailbox> mailbox_;
  pthread_t thread_{};
  bool has_thread_ = false;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Done> waiting_;
  std::uint16_t last_channel_ = 0;
  std::map<std::uint16_t, std::weak_ptr<Channel>> channels_;  // numbers in use
  int channels_at_end_ = 0;
  Notice freed_;  // a number, or the connection has ended
  asio::steady_timer watchdog_;
  std::chrono::milliseconds look_{0};  // between looks of the watchdog
  std::uint64_t seen_progress_ = 0;
  int strikes_ = 0;
  bool hung_ = false;  // the watchdog cut it off
};

}  // namespace rbit::amqp
