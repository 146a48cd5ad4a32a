#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "rbit/amqp/publish_connection.h"
#include "rbit/base/notice.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/config/settings.h"
#include "rbit/core/message_source.h"

namespace rbit {

/// Publishes what a command submits, a window of messages at once. On the command's own loop.
class AmqpSubmission {
 public:
  /// All outlive it.
  AmqpSubmission(asio::io_context& loop, const config::Settings& settings);

  /// Ends when all are confirmed, or one is not and those under way are. Gives whether all are;
  /// else `failure` says why not. `safe` counts those that are.
  Task<bool> run(MessageSource& messages, std::chrono::milliseconds delay, std::size_t& safe);
  const std::optional<Fatal>& failure() const { return failure_; }

 private:
  Task<bool> make_place(const Message& message, std::chrono::milliseconds delay);
  Task<void> send(Message message, std::chrono::milliseconds delay, std::size_t& safe);
  void fail(const Message& message, const amqp::Refusal& why);

  asio::any_io_executor loop_;
  const config::Settings& settings_;
  std::unique_ptr<amqp::PublishConnection> publisher_;
  Notice changed_;
  std::set<std::string> delayed_;    // work queues whose delay queue is there
  std::size_t under_way_ = 0;        // messages that are not confirmed yet
  std::size_t bytes_under_way_ = 0;  // of their bodies
  std::optional<Fatal> failure_;
};

}  // namespace rbit
