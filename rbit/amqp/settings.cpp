#include "rbit/amqp/settings.h"

#include "rbit/base/host_port.h"

namespace rbit::amqp {

std::string Endpoint::text() const {
  return join_host_port(host, port);
}

}  // namespace rbit::amqp
