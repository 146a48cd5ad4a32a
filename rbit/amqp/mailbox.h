#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "rbit/amqp/protocol.h"
#include "rbit/base/fd.h"

namespace rbit::amqp {

/// From the loop to the I/O thread. A command with an `id` is answered, one without is not.
struct Command {
  std::uint16_t channel = 0;
  std::uint64_t id = 0;
  Request what;
};

// From the I/O thread to the loop.
struct Opened {
  std::string peer;                // "host:port"
  std::chrono::seconds heartbeat;  // as negotiated
  int channel_max;                 // so is this
  std::string product;             // "RabbitMQ 3.10.8"
};
struct Answered {
  std::uint64_t id;
  Answer answer;
};
struct Delivered {
  std::uint16_t channel;
  Incoming message;
};
struct ConsumerCancelled {  // by the broker: its queue is gone
  std::uint16_t channel;
  std::string tag;
};
struct ChannelClosed {  // by the broker
  std::uint16_t channel;
  Refusal why;
};
struct Blocked {
  bool blocked;
  std::string reason;
};
struct Closed {  // always the last one
  Refusal why;
  int channels = 0;  // that the broker had opened for us
};
using Event =
    std::variant<Opened, Answered, Delivered, ConsumerCancelled, ChannelClosed, Blocked, Closed>;

/// What the loop and one I/O thread hand each other; any member from either of them. Many commands
/// or events travel by one wake-up.
class Mailbox {
 public:
  /// `notify` is called by the I/O thread when there are events where there were none.
  explicit Mailbox(std::function<void()> notify);

  // The loop's side.
  void send(Command command);
  std::vector<Event> take_events();
  void stop();  // the thread ends as soon as it can
  void shut();  // cuts the socket off without closing it, so that whatever waits on it fails
  std::uint64_t progress() const { return progress_.load(std::memory_order_relaxed); }

  // The I/O thread's side.
  std::vector<Command> take_commands();
  void deliver(std::vector<Event>& events);
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  int wake_fd() const { return wake_.get(); }
  void drain();  // makes `wake_fd` unreadable until the next command
  /// Waits until `other` shows one of `events`; false after `limit` or when stopped.
  bool wait(int other, short events, std::chrono::milliseconds limit);
  void use_socket(int fd);  // -1 before it is closed
  void step() { progress_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void wake();

  std::function<void()> notify_;
  Fd wake_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> progress_{0};
  std::mutex mutex_;  // guards what follows
  std::vector<Command> commands_;
  std::vector<Event> events_;
  int socket_ = -1;
};

}  // namespace rbit::amqp
