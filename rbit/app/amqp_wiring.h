#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "rbit/amqp/publish_connection.h"
#include "rbit/config/settings.h"

namespace rbit {

/// The configuration's words in those of rbit/amqp. `role` is what the broker's tools show after
/// rbit's name.
amqp::ConnectionSettings connection_settings(const config::Settings& settings,
                                             const std::string& role);

/// Started. `patience`: how long a message waits for the broker in all.
std::unique_ptr<amqp::PublishConnection> make_publisher(const asio::any_io_executor& loop,
                                                        const config::Settings& settings,
                                                        const std::string& role,
                                                        std::chrono::milliseconds patience);

}  // namespace rbit
