#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "rbit/amqp/publish_connection.h"
#include "rbit/base/task.h"
#include "rbit/config/settings.h"
#include "rbit/intake/amqp_transport.h"
#include "rbit/intake/command_queue.h"

namespace rbit {

/// The configuration's words in those of rbit/amqp. `role` is what the broker's tools show after
/// rbit's name.
amqp::ConnectionSettings connection_settings(const config::Settings& settings,
                                             const std::string& role);

/// `publisher` takes the copies of retries and dead letters, and outlives the transport.
std::unique_ptr<AmqpTransport> make_amqp_transport(const asio::any_io_executor& loop, Clock& clock,
                                                   const config::Settings& settings,
                                                   amqp::PublishConnection& publisher);

/// REQUIRES: the settings name one. `cancel` outlives it.
std::unique_ptr<CommandQueue> make_command_queue(const asio::any_io_executor& loop,
                                                 const config::Settings& settings,
                                                 CommandQueue::Cancel cancel);

/// Started. `patience`: how long a message waits for the broker in all.
std::unique_ptr<amqp::PublishConnection> make_publisher(const asio::any_io_executor& loop,
                                                        const config::Settings& settings,
                                                        const std::string& role,
                                                        std::chrono::milliseconds patience);

}  // namespace rbit
