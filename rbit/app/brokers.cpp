#include "rbit/app/brokers.h"

namespace rbit {

std::unique_ptr<Broker> make_broker(const config::Settings& settings) {
  return settings.broker.local ? make_local_broker(settings) : make_amqp_broker(settings);
}

}  // namespace rbit
