#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "rbit/amqp/blame.h"
#include "rbit/amqp/channel_state.h"
#include "rbit/amqp/mailbox.h"
#include "rbit/amqp/wire.h"

namespace rbit::amqp {

/// The life of one connection on its I/O thread: matches answers to requests, puts messages
/// together from METHOD, HEADER and BODY frames channel by channel, counts confirms, keeps the
/// heartbeat going. Requests are not waited for one by one: any number is under way.
class Session {
 public:
  explicit Session(Mailbox& mailbox) : mailbox_(mailbox) {}

  /// Connects to the first endpoint that takes us and serves it until the connection ends.
  Refusal run(const ConnectionSettings& settings);
  /// Channels that the broker had opened at the end.
  int channels() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  using Reading = ChannelState::Reading;
  using Content = ChannelState::Content;

  std::optional<Refusal> connect(const ConnectionSettings& settings);
  std::optional<Refusal> connect_to_one(const ConnectionSettings& settings,
                                        const Endpoint& endpoint);
  void serve();
  void wait();
  bool overdue();

  enum class Until {
    drained,  // the descriptor shows whether more is there
    nothing,  // the library was asked, and has nothing
  };
  /// Reads what is there, up to a bound so that commands get their turn; true: all of it.
  bool pump(Until until);
  bool must_pump() const;
  std::chrono::milliseconds longest_wait() const;
  void take_commands();
  void on(std::uint16_t number, AnswerFrame& frame);
  void on(std::uint16_t number, DeliverFrame& frame);
  void on(std::uint16_t number, ReturnFrame& frame);
  void on(std::uint16_t number, HeaderFrame& frame);
  void on(std::uint16_t number, BodyFrame& frame);
  void on(std::uint16_t number, ConfirmFrame& frame);
  void on(std::uint16_t number, ConsumerCancelFrame& frame);
  void on(std::uint16_t number, ChannelCloseFrame& frame);
  void on(std::uint16_t number, ConnectionCloseFrame& frame);
  void on(std::uint16_t number, ConnectionClosedFrame& frame);
  void on(std::uint16_t number, Blocked& frame);
  /// Null: what comes on it, or is asked of it, crossed its close.
  ChannelState* find(std::uint16_t number);
  ChannelState* begin(std::uint16_t number, Content content);
  void complete(std::uint16_t number, ChannelState& channel);
  void note_return(ChannelState& channel);

  void execute(Command& command);
  bool hold_back(Command& command);
  void request(const Command& command);
  void settle(const Command& command);
  void publish(const Command& command);
  /// Returns false if that ended the connection.
  bool send(const Command& command);
  void answer(std::uint64_t id, Answer answer);
  void refuse_all(ChannelState& channel, const Refusal& why);
  void tell_all();
  Refusal end_of_all() const;
  Refusal never_sent() const;  // the same for what is not sent any more
  void end(Refusal why);       // of the whole connection; the first reason counts
  Refusal broken() const;      // for what the wire failed with

  Mailbox& mailbox_;
  std::unique_ptr<Wire> wire_;
  ChannelStates channels_;
  std::vector<Event> events_;
  std::optional<Refusal> ended_;
  Blame blame_;
  bool rung_ = true;                    // there may be commands
  bool readable_ = true;                // something may have come
  Time pumped_{};                       // last
  std::optional<Time> close_deadline_;  // we said goodbye and wait for the answer
  bool blocked_ = false;
};

}  // namespace rbit::amqp
