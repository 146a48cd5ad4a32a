#pragma once

#include <memory>

#include "rbit/config/settings.h"
#include "rbit/core/broker.h"

namespace rbit {

/// The broker that `settings` name; they outlive it. Nothing else asks which one it is.
std::unique_ptr<Broker> make_broker(const config::Settings& settings);

/// The embedded queue, in the journal's file.
std::unique_ptr<Broker> make_local_broker(const config::Settings& settings);
/// RabbitMQ, or what speaks AMQP 0-9-1 as it does.
std::unique_ptr<Broker> make_amqp_broker(const config::Settings& settings);

}  // namespace rbit
