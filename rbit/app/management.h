#pragma once

#include <string>

#include "rbit/config/settings.h"
#include "rbit/report/http_client.h"

namespace rbit {

/// RabbitMQ's management plugin on the broker's host, asked with the user of [amqp].
class Management {
 public:
  /// An Error: the password may not travel there.
  static Result<Management> at(const config::Settings& settings, int port);

  /// GET /api/`path`, whose parts are escaped already. Blocks.
  Result<HttpAnswer> get(const std::string& path) const;
  /// The virtual host as a part of a path.
  std::string virtual_host() const;
  const std::string& base() const { return request_.url; }

 private:
  HttpRequest request_;
  std::string virtual_host_;
};

}  // namespace rbit
